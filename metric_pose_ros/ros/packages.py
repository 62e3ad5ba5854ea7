"""Message packages that a robot may or may not have, and which parameters need them."""

from __future__ import annotations

import os
from importlib.util import find_spec

from metric_pose_ros.settings import Settings

NEEDED = {
    "publish_people": "people_msgs",
    "publish_detections": "vision_msgs",
    "publish_humans": "hri_msgs",
    "detections_topic": "vision_msgs",
}
"""Message packages by the parameter that asks for them."""


def check(settings: Settings) -> None:
    """Makes sure that what the parameters ask for is installed.

    Raises:
        ValueError: naming each parameter, the message package that it needs and what to install.
    """
    missing = [
        f"{parameter} needs {package}, which is not installed: apt install {debian_name(package)}, or leave "
        f"{parameter} at its default"
        for parameter, package in NEEDED.items()
        if getattr(settings, parameter) and find_spec(package) is None
    ]
    if missing:
        raise ValueError("; ".join(missing))


def debian_name(package: str) -> str:
    """What apt calls a ROS package."""
    return f"ros-{os.environ.get('ROS_DISTRO', '$ROS_DISTRO')}-{package.replace('_', '-')}"
