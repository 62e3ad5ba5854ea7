"""The demo: a calibrated clip of people goes through the real node over real ROS 2 topics, and everything is kept."""
