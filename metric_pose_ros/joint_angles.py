"""Angles of the joints of ROS4HRI's human description, the URDF in the package human_description.

There, arms are turned about z, x and z, legs about z, x and y, and the head about x, z and y, with signs that mirror
left and right. Its body frame is ours, so the waist between body and torso never bends.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from transforms3d.axangles import axangle2mat
from transforms3d.euler import mat2euler

from metric_pose_ros.limbs import orientations
from metric_pose_ros.people import Person

Floats = npt.NDArray[np.floating]

_HANGING = 1e-3
"""Sine of the angle between arm and trunk below which the direction of the arm is none."""


def joint_angles(person: Person, body: Floats, min_confidence: float = 0.0) -> dict[str, float]:
    """Radians by the URDF's joint names, without the person's id.

    Limits of the URDF are not enforced: some of its ranges are narrower than people's.

    Args:
        person: whose joints are taken.
        body: (3, 3) its body frame's axes as columns, see `metric_pose_ros.messages.transforms.body_frame`.
        min_confidence: angles that need a joint below are left out.
    """
    turned = orientations(person, body, min_confidence)
    sure = np.isfinite(person.joints3d).all(axis=1) & (np.asarray(person.confidence) >= min_confidence)
    seen = {name for name, known in zip(person.skeleton.names, sure, strict=True) if known}
    angles = {"waist": 0.0}
    if "nose" in turned:
        roll, yaw, pitch = mat2euler(turned["nose"], "rxzy")
        angles |= {"r_head": roll, "y_head": yaw, "p_head": -pitch}
    for prefix, side, mirror in (("l", "left", 1), ("r", "right", -1)):
        arm = [f"{side}_{joint}" for joint in ("shoulder", "elbow", "wrist")]
        if seen.issuperset(arm):
            first, second = turned[arm[0]], turned[arm[1]]
            yaw, pitch, roll = _arm(first, mirror)
            angles |= {f"{prefix}_y_shoulder": yaw, f"{prefix}_p_shoulder": pitch, f"{prefix}_r_shoulder": roll}
            angles[f"{prefix}_elbow"] = _between(first, second)
        leg = [f"{side}_{joint}" for joint in ("hip", "knee", "ankle")]
        if seen.issuperset(leg):
            first, second = turned[leg[0]], turned[leg[1]]
            yaw, pitch, roll = mat2euler(first, "rzxy")
            angles |= {f"{prefix}_y_hip": -yaw, f"{prefix}_p_hip": mirror * pitch, f"{prefix}_r_hip": -roll}
            angles[f"{prefix}_knee"] = -_between(first, second)
    return {name: float(angle) for name, angle in angles.items()}


def _arm(shoulder: Floats, mirror: int) -> tuple[float, float, float]:
    """The three angles of a shoulder, of which the second is positive: how far the arm is raised from hanging."""
    x, y, z = -shoulder[:, 2]
    pitch = float(np.arccos(np.clip(-z, -1.0, 1.0)))
    yaw = float(np.arctan2(x, mirror * y)) if np.hypot(x, y) > _HANGING else 0.0
    raised = axangle2mat([0, 0, 1], -mirror * yaw) @ axangle2mat([1, 0, 0], mirror * pitch)
    rest = raised.T @ shoulder
    return yaw, pitch, mirror * float(np.arctan2(rest[1, 0], rest[0, 0]))


def _between(first: Floats, second: Floats) -> float:
    """Radians between two frames' z."""
    return float(np.arccos(np.clip(first[:, 2] @ second[:, 2], -1.0, 1.0)))
