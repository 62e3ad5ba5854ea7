"""Tests and benchmarks; they mirror metric_pose_ros/ and training/."""
