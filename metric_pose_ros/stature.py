"""How tall somebody is, in whatever pose: the lengths of legs and trunk."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from metric_pose_ros.skeleton import Skeleton

Floats = npt.NDArray[np.floating]

_SOLE_TO_ANKLE_M = 0.08
"""Ankle joints are about this far above the ground (an adult's, barefoot)."""
_LEGS = (("left_hip", "left_knee", "left_ankle"), ("right_hip", "right_knee", "right_ankle"))
_TRUNK = ("pelvis", "spine2", "neck", "head_top")


def stature(joints: Floats, skeleton: Skeleton) -> float:
    """Standing height of somebody in any pose: legs and trunk stretched out, and the foot below.

    Args:
        joints: (J, 3) metres.
        skeleton: of these joints.

    Returns:
        metres; NaN if the skeleton does not reach from the ankles to ``head_top``, or joints are NaN.
    """
    if not {*_LEGS[0], *_LEGS[1], *_TRUNK} <= set(skeleton.names):
        return math.nan
    legs = [_length(joints, skeleton, leg) for leg in _LEGS]
    hips = joints[skeleton.indices(("left_hip", "right_hip"))].mean(axis=0)
    pelvis_to_hips = float(np.linalg.norm(joints[skeleton.indices(("pelvis",))[0]] - hips))
    return _SOLE_TO_ANKLE_M + float(np.mean(legs)) + pelvis_to_hips + _length(joints, skeleton, _TRUNK)


def _length(joints: Floats, skeleton: Skeleton, chain: tuple[str, ...]) -> float:
    return float(np.linalg.norm(np.diff(joints[skeleton.indices(chain)], axis=0), axis=1).sum())
