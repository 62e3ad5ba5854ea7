"""What is corrected after training: the size that people are taken to have, and how far a prediction may be off.

A picture does not tell a tall person from a near one, so a network takes everybody to be about as tall as the people
it was shown, children among them, and expectations of uncertain heatmaps come out a little small. A robot meets
grown-ups, so poses are scaled until grown-ups of the validation split stand at their true distance.

A heatmap's spread says which joints are uncertain, but not by how many millimetres. For each joint and axis the
variance of the error is modelled as (scale * spread)^2 + floor^2 and fitted by maximum likelihood of a Gaussian on the
validation split.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.optimize import nnls

from metric_pose_ros.skeleton import Skeleton

Floats = npt.NDArray[np.floating]
ROUNDS = 8
"""Iterations of reweighting; the fit stands still after about five."""
SMALLEST_STD_MM = 1.0
GROWN_UP_MM = 1450.0
"""Length along the bones of a leg and from the pelvis to the top of the head above which somebody is grown up."""
LEG = ("left_ankle", "left_knee", "left_hip")
TRUNK = ("pelvis", "spine1", "spine2", "spine3", "neck", "head", "head_top")
LARGEST_CHANGE = 1.1


def fit_size(absolute: Floats, truth: Floats, whole: npt.NDArray[np.bool_], skeleton: Skeleton) -> float:
    """The factor on relative poses that puts grown-ups at the right distance, in the median.

    Args:
        absolute: (N, J, 3) mm, placed joints.
        truth: (N, J, 3) mm.
        whole: (N,) people who are in the crop from head to foot.
        skeleton: of the joints.

    Returns:
        the factor, between 1 / 1.1 and 1.1; 1 where there is nobody to learn it from.
    """
    height = sum(
        np.linalg.norm(np.diff(truth[:, skeleton.indices(chain)], axis=1), axis=-1).sum(axis=1)
        for chain in (LEG, TRUNK)
    )
    chosen = whole & (height >= GROWN_UP_MM)
    if not chosen.any():
        return 1.0
    distance, true = (np.linalg.norm(poses[chosen, 0], axis=-1) for poses in (absolute, truth))
    return float(np.clip(np.median(true / distance), 1 / LARGEST_CHANGE, LARGEST_CHANGE))


def fit_std(errors: Floats, spread: Floats) -> tuple[Floats, Floats]:
    """Fits the variance model.

    Args:
        errors: (N, J, 3) mm, signed.
        spread: (N, J, 3) mm.

    Returns:
        scale and floor in mm, (J, 3) each.
    """
    joints = errors.shape[1]
    scale, floor = np.zeros((joints, 3)), np.zeros((joints, 3))
    for joint in range(joints):
        for axis in range(3):
            parts = _fit_variance(errors[:, joint, axis] ** 2, spread[:, joint, axis] ** 2)
            scale[joint, axis], floor[joint, axis] = np.sqrt(parts)
    return scale, np.maximum(floor, SMALLEST_STD_MM)


def _fit_variance(squares: Floats, spread_squares: Floats) -> Floats:
    """(2,) factors of the spread's square and of one.

    Least squares weighted by 1 / variance^2 stands still where the Gaussian likelihood has its optimum.
    """
    design = np.stack([spread_squares, np.full_like(spread_squares, 1e3)], axis=1)
    variance = np.full_like(squares, squares.mean() + SMALLEST_STD_MM**2)
    parts = np.zeros(2)
    for _ in range(ROUNDS):
        parts, _ = nnls(design / variance[:, None], squares / variance)
        variance = np.maximum(design @ parts, SMALLEST_STD_MM**2)
    return parts * [1, 1e3]
