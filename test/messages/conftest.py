from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import pytest

from metric_pose_ros.bags.types import typestore
from metric_pose_ros.messages.types import InstalledTypes, RosbagsTypes

TYPESTORE = typestore()


@pytest.fixture(params=["rclpy", "rosbags"])
def types(request: pytest.FixtureRequest) -> InstalledTypes | RosbagsTypes:
    """Both kinds of message classes; every test runs with each."""
    return InstalledTypes() if request.param == "rclpy" else RosbagsTypes(TYPESTORE)


@pytest.fixture
def more_types(types: InstalledTypes | RosbagsTypes) -> InstalledTypes | RosbagsTypes:
    """The same with people_msgs, vision_msgs and hri_msgs, which a sourced ROS may lack."""
    if isinstance(types, InstalledTypes) and not all(map(find_spec, ("people_msgs", "vision_msgs", "hri_msgs"))):
        pytest.skip("people_msgs, vision_msgs or hri_msgs is not installed")
    return types


@pytest.fixture
def header(types: InstalledTypes | RosbagsTypes) -> Any:
    """A header of the frame ``camera`` at 12.5 s."""
    stamp = types.make("builtin_interfaces/msg/Time", sec=12, nanosec=500_000_000)
    return types.make("std_msgs/msg/Header", stamp=stamp, frame_id="camera")
