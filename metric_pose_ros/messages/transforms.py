"""People as TF frames, named as REP-155 names them.

``body_<id>``: origin between the hips, x forward, y to the person's left, z toward the neck; its parent is the camera.
``<joint>_<id>``: a child of it per joint. Those of limbs lie along the bone that begins there, those of the head are
turned as the face, and those of the trunk as the body, see `metric_pose_ros.limbs`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from metric_pose_ros.geometry.frames import STATIC
from metric_pose_ros.limbs import orientations
from metric_pose_ros.messages.identity import name
from metric_pose_ros.messages.space import quaternion, quaternions, vector
from metric_pose_ros.messages.stamps import seconds
from metric_pose_ros.messages.types import MessageTypes
from metric_pose_ros.people import Person

_SHORTEST = 1e-3
"""Metres between hips, or from hips to neck, below which they say nothing about how the body is turned."""


def from_people(types: MessageTypes, header: Any, people: Sequence[Person], min_confidence: float) -> Any:
    """The TFMessage with everybody's body frame and joint frames.

    Args:
        types: source of message classes.
        header: std_msgs/Header of the image the people were seen in; its frame becomes the bodies' parent.
        people: in the header's frame. Somebody without finite hips and neck has no body frame and is left out, and so
            is everybody whose skeleton lacks hips, or both neck and shoulders.
        min_confidence: joints below are left out.
    """
    transforms = []
    for place, person in enumerate(people):
        frame = body_frame(person)
        if frame is None:
            continue
        origin, rotation = frame
        body = f"body_{name(person, place)}"
        limbs = orientations(person, rotation, min_confidence)
        upright, *bent = quaternions(types, [rotation, *limbs.values()])
        turned = dict(zip(limbs, bent, strict=True))
        transforms.append(_transform(types, header, body, origin, upright))
        child_header = types.make("std_msgs/msg/Header", stamp=header.stamp, frame_id=body)
        level = quaternion(types)
        joints = (np.asarray(person.joints3d, float) - origin) @ rotation
        seen = np.isfinite(joints).all(axis=1) & (np.asarray(person.confidence) >= min_confidence)
        transforms += [
            _transform(types, child_header, f"{joint}_{name(person, place)}", joints[index], turned.get(joint, level))
            for index, joint in enumerate(person.skeleton.names)
            if seen[index]
        ]
    return types.make("tf2_msgs/msg/TFMessage", transforms=transforms)


def body_frame(person: Person) -> tuple[npt.NDArray, npt.NDArray] | None:
    """Where the body is and how it is turned.

    Returns:
        (3,) metres, the middle of the hips, and (3, 3) whose columns are the body's x (forward), y (left) and z (toward
        the neck) in the camera's frame. None if hips and neck are not finite or lie on one line, or the skeleton lacks
        them.
    """
    joints, find, names = np.asarray(person.joints3d, float), person.skeleton.indices, person.skeleton.names
    # Skeletons without a neck joint have it between the shoulders.
    top = ("neck",) if "neck" in names else ("left_shoulder", "right_shoulder")
    if not {"left_hip", "right_hip", *top} <= set(names):
        return None
    left, right = joints[find(("left_hip", "right_hip"))]
    neck = joints[find(top)].mean(axis=0)
    origin = (left + right) / 2
    up, across = neck - origin, left - right
    if not np.isfinite([up, across]).all() or np.linalg.norm(up) < _SHORTEST:
        return None
    z = up / np.linalg.norm(up)
    across = across - (across @ z) * z
    if np.linalg.norm(across) < _SHORTEST:
        return None
    y = across / np.linalg.norm(across)
    return origin, np.stack([np.cross(y, z), y, z], axis=1)


class Known(NamedTuple):
    """A transform as `metric_pose_ros.geometry.frames.Frames.add` takes it."""

    parent: str
    child: str
    stamp_s: float
    move: npt.NDArray
    turn: npt.NDArray


def known(message: Any, static: bool) -> list[Known]:
    """What a TFMessage says, without the frames of people that we publish: these lead nowhere else, and are ever new.

    Args:
        message: tf2_msgs/TFMessage of rclpy or rosbags.
        static: whether it came on ``/tf_static``, and holds at all times.
    """
    found = []
    for transform in message.transforms:
        parent, child = transform.header.frame_id.lstrip("/"), transform.child_frame_id.lstrip("/")
        if is_body(parent) or is_body(child):
            continue
        stamp, move, turn = transform.header.stamp, transform.transform.translation, transform.transform.rotation
        when = STATIC if static else seconds(stamp)
        place = np.array([move.x, move.y, move.z])
        found.append(Known(parent, child, when, place, np.array([turn.w, turn.x, turn.y, turn.z])))
    return found


def is_body(frame: str) -> bool:
    """Whether a frame is that of a person's body as we name them; a robot has a ``body_link``, perhaps."""
    return re.fullmatch(r"body_p\d+", frame.lstrip("/")) is not None


def _transform(types: MessageTypes, header: Any, child: str, origin: npt.NDArray, turned: Any) -> Any:
    return types.make(
        "geometry_msgs/msg/TransformStamped",
        header=header,
        child_frame_id=child,
        transform=types.make("geometry_msgs/msg/Transform", translation=vector(types, origin), rotation=turned),
    )
