"""Bags: read, looked through and written without ROS. Only this room and the demo know the package rosbags."""
