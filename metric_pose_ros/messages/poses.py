"""Where everybody is and how they are turned, as geometry_msgs/PoseArray."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from metric_pose_ros.messages.space import pose
from metric_pose_ros.messages.transforms import body_frame
from metric_pose_ros.messages.types import MessageTypes
from metric_pose_ros.people import Person


def from_people(types: MessageTypes, header: Any, people: Sequence[Person]) -> Any:
    """The PoseArray of everybody's body frame: between the hips, x forward, z toward the neck.

    Args:
        types: source of message classes.
        header: std_msgs/Header of the image the people were seen in.
        people: in the header's frame. Somebody without finite hips and neck is left out.
    """
    frames = [frame for person in people if (frame := body_frame(person)) is not None]
    return types.make("geometry_msgs/msg/PoseArray", header=header, poses=[pose(types, *frame) for frame in frames])
