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
FEWEST_ERRORS = 10
"""Of a joint, to learn its uncertainty from."""
GROWN_UP_MM = 1450.0
"""Length along the bones of a leg and from the pelvis to the top of the head above which somebody is grown up."""
LEG = ("left_ankle", "left_knee", "left_hip")
TRUNK = ("pelvis", "spine1", "spine2", "spine3", "neck", "head", "head_top")
LARGEST_CHANGE = 1.1


def fit_size(absolute: Floats, truth: Floats, whole: npt.NDArray[np.bool_], skeleton: Skeleton) -> float:
    """The factor on relative poses that puts grown-ups at the right distance, in the median.

    Args:
        absolute: (N, J, 3) mm, placed joints.
        truth: (N, J, 3) mm; NaN where unknown.
        whole: (N,) people who are in the crop from head to foot.
        skeleton: of the joints.

    Returns:
        the factor, between 1 / 1.1 and 1.1; 1 where there is nobody to learn it from, or the skeleton does not reach
        from the ankle over the pelvis to the top of the head.
    """
    if not {*LEG, TRUNK[0], TRUNK[-1]} <= set(skeleton.names):
        return 1.0
    trunk = tuple(joint for joint in TRUNK if joint in skeleton.names)
    height = sum(
        np.linalg.norm(np.diff(truth[:, skeleton.indices(chain)], axis=1), axis=-1).sum(axis=1)
        for chain in (LEG, trunk)
    )
    pelvis = skeleton.names.index("pelvis")
    distance, true = (np.linalg.norm(poses[:, pelvis], axis=-1) for poses in (absolute, truth))
    chosen = whole & (height >= GROWN_UP_MM) & np.isfinite(distance) & np.isfinite(true)
    if not chosen.any():
        return 1.0
    return float(np.clip(np.median(true[chosen] / distance[chosen]), 1 / LARGEST_CHANGE, LARGEST_CHANGE))


def fit_std(errors: Floats, spread: Floats) -> tuple[Floats, Floats]:
    """Fits the variance model.

    Args:
        errors: (N, J, 3) mm, signed; NaN where the truth is unknown.
        spread: (N, J, 3) mm.

    Returns:
        scale and floor in mm, (J, 3) each. A joint with fewer than `FEWEST_ERRORS` known errors gets those of all
        joints together; where nothing is known at all, scale 1 and the smallest floor.
    """
    joints = errors.shape[1]
    scale, floor = np.ones((joints, 3)), np.zeros((joints, 3))
    for axis in range(3):
        squares, spreads = errors[..., axis] ** 2, spread[..., axis] ** 2
        known = np.isfinite(squares)
        if not known.any():
            continue
        together = None
        for joint in range(joints):
            mine = known[:, joint]
            if mine.sum() >= FEWEST_ERRORS:
                parts = _fit_variance(squares[mine, joint], spreads[mine, joint])
            else:
                together = _fit_variance(squares[known], spreads[known]) if together is None else together
                parts = together
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
