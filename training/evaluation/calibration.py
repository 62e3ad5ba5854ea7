"""From the spread of heatmaps to standard deviations that can be believed.

A heatmap's spread says which joints are uncertain, but not by how many millimetres. For each joint and axis the
variance of the error is modelled as (scale * spread)^2 + floor^2 and fitted by maximum likelihood of a Gaussian on the
validation split.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.optimize import nnls

Floats = npt.NDArray[np.floating]
ROUNDS = 8
"""Iterations of reweighting; the fit stands still after about five."""
SMALLEST_STD_MM = 1.0


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
