from __future__ import annotations

from typing import Any

import pytest
from rosbags.typesys import Stores, get_typestore

from metric_pose_ros.messages.types import InstalledTypes, RosbagsTypes

TYPESTORE = get_typestore(Stores.ROS2_JAZZY)


@pytest.fixture(params=["rclpy", "rosbags"])
def types(request: pytest.FixtureRequest) -> InstalledTypes | RosbagsTypes:
    """Both kinds of message classes; every test runs with each."""
    return InstalledTypes() if request.param == "rclpy" else RosbagsTypes(TYPESTORE)


@pytest.fixture
def header(types: InstalledTypes | RosbagsTypes) -> Any:
    """A header of the frame ``camera`` at 12.5 s."""
    stamp = types.make("builtin_interfaces/msg/Time", sec=12, nanosec=500_000_000)
    return types.make("std_msgs/msg/Header", stamp=stamp, frame_id="camera")
