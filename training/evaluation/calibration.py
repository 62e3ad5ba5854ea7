"""What is corrected after training: the size that people are taken to have, and how far a prediction may be off.

A picture does not tell a tall person from a near one, so a network takes everybody to be about as tall as the people
it was shown, children among them, and expectations of uncertain heatmaps come out a little small. A robot meets
grown-ups, so poses are scaled until grown-ups of the validation split stand at their true distance.

A heatmap's spread says which joints are uncertain, but not by how many millimetres, and it does not know that somebody
is taken for something else: then the 2D and the 3D reading of the person disagree. For each joint and axis the variance
of the error is modelled as (scale * spread)^2 + (factor * disagreement)^2 + floor^2. Errors have heavier tails than a
Gaussian's, so the shape is fitted by maximum likelihood of Student's t on the validation split, and its level so that
68 % of the errors lie within one stated deviation and 95 % within two, as nearly as one number can do both.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import nnls

from metric_pose_ros.skeleton import Skeleton

Floats = npt.NDArray[np.floating]
ROUNDS = 12
"""Iterations of reweighting; the fit stands still after about eight."""
SMALLEST_STD_MM = 1.0
_FLOOR_UNIT_MM = 30.0
"""Makes the columns of the fit alike in size."""
_FREEDOM = 4.0
"""Degrees of freedom of Student's t."""
_SHARES = ((1, 0.6827, 0.05), (2, 0.9545, 0.03))
"""Deviations, the share of errors within them, and how exactly it is wanted."""
_LEVELS = np.geomspace(0.4, 4.0, 461)
FEWEST_ERRORS = 30
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


@dataclass(frozen=True, eq=False)
class Uncertainty:
    """How a stated standard deviation is made, by joint and axis.

    Attributes:
        scale: (J, 3) factors of the heatmaps' spread.
        disagreement: (J, 3) factors of the person's disagreement.
        floor_mm: (J, 3).
    """

    scale: Floats
    disagreement: Floats
    floor_mm: Floats

    def std(self, spread: Floats, apart: Floats) -> Floats:
        """(N, J, 3) mm of spreads (N, J, 3) mm and disagreements (N,) mm."""
        parts = self.scale * spread, self.disagreement * apart[:, None, None], self.floor_mm
        return np.sqrt(sum(part**2 for part in parts))


def fit_std(errors: Floats, spread: Floats, apart: Floats | None = None) -> Uncertainty:
    """Fits the variance model, then its level.

    Args:
        errors: (N, J, 3) mm, signed; NaN where the truth is unknown.
        spread: (N, J, 3) mm.
        apart: (N,) mm, each person's disagreement; none if not given.

    Returns:
        what is fitted. A joint with fewer than `FEWEST_ERRORS` known errors gets that of all joints together; where
        nothing is known at all, scale 1 and the smallest floor.
    """
    joints = errors.shape[1]
    factors = np.zeros((3, joints, 3))
    factors[0] = 1
    disagreements = np.zeros(len(errors)) if apart is None else np.asarray(apart, float)
    for axis in range(3):
        signs = np.stack([spread[..., axis], np.broadcast_to(disagreements[:, None], spread.shape[:2])], axis=-1)
        known = np.isfinite(errors[..., axis])
        if not known.any():
            continue
        together = None
        for joint in range(joints):
            mine = known[:, joint]
            if mine.sum() >= FEWEST_ERRORS:
                found = _fit_one(errors[mine, joint, axis], signs[mine, joint])
            else:
                together = _fit_one(errors[known][:, axis], signs[known]) if together is None else together
                found = together
            factors[:, joint, axis] = found
    return Uncertainty(factors[0], factors[1], np.maximum(factors[2], SMALLEST_STD_MM))


def _fit_one(errors: Floats, signs: Floats) -> Floats:
    """(3,) factors of signs (M, 2) of uncertainty, and a floor, for errors (M,)."""
    design = np.concatenate([signs**2, np.full((len(errors), 1), _FLOOR_UNIT_MM**2)], axis=1)
    squares = errors**2
    parts = _fit_variance(squares, design)
    level = _level(np.sqrt(squares / np.maximum(design @ parts, SMALLEST_STD_MM**2)))
    return level * np.sqrt(parts) * [1, 1, _FLOOR_UNIT_MM]


def _fit_variance(squares: Floats, design: Floats) -> Floats:
    """Factors, none negative, of the columns of `design` (M, K) that explain the squares of errors (M,).

    Least squares weighted by 1 / variance^2 stands still where the likelihood has its optimum; errors count less the
    less likely they are for Student's t.
    """
    variance = np.full_like(squares, squares.mean() + SMALLEST_STD_MM**2)
    parts = np.zeros(design.shape[1])
    for _ in range(ROUNDS):
        counted = (_FREEDOM + 1) / (_FREEDOM + squares / variance) * squares
        parts, _ = nnls(design / variance[:, None], counted / variance)
        variance = np.maximum(design @ parts, SMALLEST_STD_MM**2)
    return parts


def _level(ratios: Floats) -> float:
    """The factor on deviations that brings the shares of errors within one and within two of them nearest to a
    Gaussian's, as near as heavy tails let both come."""
    ordered = np.sort(ratios)
    misses = np.zeros(len(_LEVELS))
    for count, share, tolerance in _SHARES:
        within = np.searchsorted(ordered, count * _LEVELS, side="right") / len(ordered)
        misses += ((within - share) / tolerance) ** 2
    # Where several are as good, as of few errors, the one in their middle.
    return float(_LEVELS[np.flatnonzero(misses <= misses.min() + 1e-9)].mean())
