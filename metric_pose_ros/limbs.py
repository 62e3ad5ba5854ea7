"""How arms, legs and head are turned, from where their joints are.

As in the body's frame (REP-155), x is forward and z up in somebody who stands with hanging arms; limbs lie along -z
then, feet along x. Frames of knees and elbows bend about y, as in ROS4HRI's human description.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from metric_pose_ros.people import Person

Floats = npt.NDArray[np.floating]


class Limb(NamedTuple):
    """A chain of three bones.

    Attributes:
        joints: names without the side, from the trunk on; the last may be missing in a skeleton.
        bends: 1 if the middle joint bends backwards, as the knee does, and -1 if forwards.
        tip: (3,) what the last bone points along in its frame.
    """

    joints: tuple[str, str, str, str]
    bends: int
    tip: tuple[float, float, float]


_DOWN, _AHEAD = (0.0, 0.0, -1.0), (1.0, 0.0, 0.0)
ARM = Limb(("shoulder", "elbow", "wrist", "hand"), -1, _DOWN)
LEG = Limb(("hip", "knee", "ankle", "foot"), 1, _AHEAD)
_HEAD = ("head", "nose", "head_top", "left_eye", "right_eye", "left_ear", "right_ear")
_STRAIGHT = 0.1
"""Sine of the angle of elbow or knee below which noise would decide to which side it bends."""


def orientations(person: Person, body: Floats, min_confidence: float = 0.0) -> dict[str, Floats]:
    """How the frames of limbs and head are turned.

    Args:
        person: whose joints are taken.
        body: (3, 3) its body frame's axes as columns, see `metric_pose_ros.messages.transforms.body_frame`.
        min_confidence: joints below say nothing; what depends on them is turned as what is before it.

    Returns:
        (3, 3) in the body's frame by joint name. Joints of the trunk, which turn with the body, are not among them.
    """
    sure = np.isfinite(person.joints3d).all(axis=1) & (np.asarray(person.confidence) >= min_confidence)
    where = {
        name: np.asarray(place, float) @ body
        for name, place, seen in zip(person.skeleton.names, person.joints3d, sure, strict=True)
        if seen
    }
    turned: dict[str, Floats] = {}
    for side in ("left", "right"):
        for limb in (ARM, LEG):
            turned |= _limb(where, [f"{side}_{joint}" for joint in limb.joints], limb)
    head = _head(where)
    if head is not None:
        turned |= dict.fromkeys(_HEAD, head)
    return {name: rotation for name, rotation in turned.items() if name in person.skeleton.names}


def _limb(where: dict[str, Floats], names: list[str], limb: Limb) -> dict[str, Floats]:
    root, middle, end, tip = names
    upper, lower, last = (_direction(where, *bone) for bone in ((root, middle), (middle, end), (end, tip)))
    first = np.eye(3) if upper is None else _bent(upper, lower, limb.bends)
    second = _swung(first, _DOWN, lower)
    third = _swung(second, limb.tip, last)
    return {root: first, middle: second, end: third, tip: third}


def _bent(upper: Floats, lower: Floats | None, bends: int) -> Floats:
    """The frame along the upper bone whose y is the axis about which the lower one bends."""
    axis = np.zeros(3) if lower is None else bends * np.cross(upper, lower)
    length = np.linalg.norm(axis)
    if length < _STRAIGHT:
        return _swung(np.eye(3), _DOWN, upper)
    y = axis / length
    return np.stack([np.cross(y, -upper), y, -upper], axis=1)


def _swung(frame: Floats, along: tuple[float, float, float], direction: Floats | None) -> Floats:
    """The frame, turned the shortest way so that `along` in it points in a direction (Rodrigues)."""
    if direction is None:
        return frame
    old = frame @ along
    axis, cosine = np.cross(old, direction), float(old @ direction)
    if cosine < -1 + 1e-9:
        # Any half turn will do; about x, arms are raised sideways.
        x = frame[:, 0] if along[0] == 0 else frame[:, 2]
        return (2 * np.outer(x, x) - np.eye(3)) @ frame
    cross = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    return (np.eye(3) + cross + cross @ cross / (1 + cosine)) @ frame


def _head(where: dict[str, Floats]) -> Floats | None:
    """Ears, nose and eyes tell how the face looks; None if they are missing or coincide."""
    if not {"nose", "left_ear", "right_ear"} <= set(where):
        return None
    left, right = where["left_ear"], where["right_ear"]
    # The nose is a little below the ears and the eyes a little above.
    front = where["nose"]
    if {"left_eye", "right_eye"} <= set(where):
        front = front / 2 + (where["left_eye"] + where["right_eye"]) / 4
    across, ahead = left - right, front - (left + right) / 2
    if np.linalg.norm(np.cross(across, ahead)) < 1e-4:
        return None
    y = across / np.linalg.norm(across)
    x = ahead - (ahead @ y) * y
    x /= np.linalg.norm(x)
    return np.stack([x, y, np.cross(x, y)], axis=1)


def _direction(where: dict[str, Floats], start: str, end: str) -> Floats | None:
    """(3,) of length 1; None if one of the joints is missing, or both are in one place."""
    if not {start, end} <= set(where):
        return None
    bone = where[end] - where[start]
    length = np.linalg.norm(bone)
    return bone / length if length > 1e-6 else None
