"""Skeletons that only data sets have, in the order of their files."""

from __future__ import annotations

from metric_pose_ros.skeleton import Skeleton

DATA_SET_SKELETONS: dict[str, Skeleton] = {}
"""By name; beside those of `metric_pose_ros.skeleton`."""
