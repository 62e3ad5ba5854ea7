"""People as vision_msgs/Detection3DArray, and boxes from a vision_msgs/Detection2DArray."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from metric_pose_ros.messages.identity import name
from metric_pose_ros.messages.space import pose, vector
from metric_pose_ros.messages.transforms import body_frame
from metric_pose_ros.messages.types import MessageTypes
from metric_pose_ros.people import Detection, Person

CLASS = "person"
"""The class of everybody we detect."""
_FLESH_M = 0.08
"""How far the body reaches beyond its outermost joints, roughly."""


def from_people(types: MessageTypes, header: Any, people: Sequence[Person], min_confidence: float) -> Any:
    """The Detection3DArray: a box along the body around each person, and the pelvis with its covariance.

    Args:
        types: source of message classes.
        header: std_msgs/Header of the image the people were seen in.
        people: in the header's frame. Somebody without finite hips and neck is left out.
        min_confidence: joints below do not stretch the box.
    """
    detections = []
    for place, person in enumerate(people):
        frame = body_frame(person)
        if frame is None:
            continue
        origin, rotation = frame
        covariance = types.make(
            "geometry_msgs/msg/PoseWithCovariance",
            pose=pose(types, origin, rotation),
            covariance=_covariance(person, rotation).ravel(),
        )
        detections.append(
            types.make(
                "vision_msgs/msg/Detection3D",
                header=header,
                results=[
                    types.make(
                        "vision_msgs/msg/ObjectHypothesisWithPose",
                        hypothesis=types.make(
                            "vision_msgs/msg/ObjectHypothesis", class_id=CLASS, score=float(person.score)
                        ),
                        pose=covariance,
                    )
                ],
                bbox=_box(types, person, origin, rotation, min_confidence),
                id=name(person, place),
            )
        )
    return types.make("vision_msgs/msg/Detection3DArray", header=header, detections=detections)


def to_detections(message: Any, accepted: Sequence[str]) -> list[Detection]:
    """The boxes of a Detection2DArray that show people.

    Args:
        message: vision_msgs/Detection2DArray of rclpy or rosbags.
        accepted: class ids that are people; none accepts everything.

    Returns:
        Each with the best score of an accepted class. A rotated box is taken with its upright bounds.

    Raises:
        ValueError: if a box or a score is not finite.
    """
    found = []
    for index, detection in enumerate(message.detections):
        scores = [result.hypothesis.score for result in detection.results if _is(result, accepted)]
        if detection.results and not scores:
            continue
        centre, theta = detection.bbox.center.position, detection.bbox.center.theta
        numbers = np.array([centre.x, centre.y, theta, detection.bbox.size_x, detection.bbox.size_y, *scores])
        if not np.isfinite(numbers).all():
            raise ValueError(f"detection {index} holds values that are not finite: {numbers.tolist()}")
        turn = np.abs([[np.cos(theta), np.sin(theta)], [np.sin(theta), np.cos(theta)]])
        half = turn @ numbers[3:5] / 2
        box = np.concatenate([numbers[:2] - half, numbers[:2] + half])
        found.append(Detection(box, float(np.clip(max(scores, default=1.0), 0, 1))))
    return found


def _is(result: Any, accepted: Sequence[str]) -> bool:
    return not accepted or result.hypothesis.class_id in accepted


def _box(types: MessageTypes, person: Person, origin: npt.NDArray, rotation: npt.NDArray, min_confidence: float) -> Any:
    joints = (np.asarray(person.joints3d, float) - origin) @ rotation
    seen = np.isfinite(joints).all(axis=1) & (np.asarray(person.confidence) >= min_confidence)
    within = joints[seen] if seen.any() else np.zeros((1, 3))
    low, high = within.min(axis=0) - _FLESH_M, within.max(axis=0) + _FLESH_M
    return types.make(
        "vision_msgs/msg/BoundingBox3D",
        center=pose(types, origin + rotation @ ((low + high) / 2), rotation),
        size=vector(types, high - low),
    )


def _covariance(person: Person, rotation: npt.NDArray) -> npt.NDArray:
    """(6, 6) of x, y, z and the rotations about the header's axes.

    The body is turned as the hips lie and the back stands, so an error of theirs across a length is an angle.
    """
    hips = person.skeleton.indices(("left_hip", "right_hip"))
    joints, variance = np.asarray(person.joints3d, float), np.square(np.asarray(person.std, float))
    width = float(np.linalg.norm(joints[hips[0]] - joints[hips[1]]))
    about_up = float(variance[hips].sum(axis=0) @ np.square(rotation[:, 0])) / width**2
    about_up = min(about_up, np.pi**2 / 3)  # that of knowing nothing
    covariance = np.zeros((6, 6))
    covariance[:3, :3] = np.diag(variance[hips].mean(axis=0))
    sight = person.position / max(float(np.linalg.norm(person.position)), 1e-6)
    covariance[:3, :3] += person.distance_std**2 * np.outer(sight, sight)
    covariance[3:, 3:] = about_up * np.eye(3)
    return covariance
