"""Stamps of messages as numbers."""

from __future__ import annotations

from typing import Any


def seconds(stamp: Any) -> float:
    """Seconds of a builtin_interfaces/Time of rclpy or rosbags."""
    return stamp.sec + stamp.nanosec * 1e-9
