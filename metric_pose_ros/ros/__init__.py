"""The ROS 2 nodes: the only rooms that know rclpy."""
