"""Message values from people, and arrays from image messages: pure functions on messages, without a running ROS.

They work with rclpy's message classes and with rosbags', so that a node and a command that reads bags share them.
"""
