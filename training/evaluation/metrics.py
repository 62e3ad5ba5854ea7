"""How wrong poses are, in the field's measures. Millimetres throughout; poses are (N, J, 3).

What is not known is NaN: a joint whose true position is NaN has a NaN error, and NaN errors count nowhere. A prediction
must therefore be finite; whoever predicts nothing must say how that counts.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]
Poses = Floats

PCK_MM = 150.0
"""Half a head: within it a joint counts as found (Mehta et al., "Monocular 3D Human Pose Estimation In The Wild Using
Improved CNN Supervision", 3DV 2017)."""
AUC_MM = np.linspace(0.0, 150.0, 31)
"""0, 5, ..., 150: the thresholds whose mean PCK is the AUC of MPI-INF-3DHP, and of MargiPose."""


def joint_errors(poses: Poses, truth: Poses) -> Floats:
    """(N, J) Euclidean distances; their mean over absolute poses is A-MPJPE."""
    return np.linalg.norm(poses - truth, axis=-1)


def root_aligned(poses: Poses, root: int = 0) -> Poses:
    """Poses with the root joint at the origin; `joint_errors` of two such has MPJPE as its mean."""
    return poses - poses[:, root : root + 1]


def centred(poses: Poses, known: npt.NDArray[np.bool_] | None = None) -> Poses:
    """Poses with the mean of their joints at the origin: what `relative` and its uncertainty are about.

    Args:
        poses: (N, J, 3).
        known: (N, J) joints that the mean is taken of; those that are not NaN by default.
    """
    counted = np.asarray(np.isfinite(poses).all(axis=-1) if known is None else known)
    weight = counted[..., None].astype(float)
    total = np.where(counted[..., None], poses, 0).sum(axis=1, keepdims=True)
    return poses - total / np.maximum(weight.sum(axis=1, keepdims=True), 1)


def scale_aligned(poses: Poses, truth: Poses) -> Poses:
    """Poses stretched to the truth's size in the least-squares sense, about the origin.

    Of two root-aligned poses, `joint_errors` then means N-MPJPE (Rhodin et al., "Learning Monocular 3D Human Pose
    Estimation from Multi-view Images", CVPR 2018).
    """
    known = np.isfinite(truth)
    product = np.where(known, poses * truth, 0).sum(axis=(1, 2))
    size = np.where(known, poses**2, 0).sum(axis=(1, 2))
    return poses * (product / np.maximum(size, 1e-12))[:, None, None]


def procrustes_aligned(poses: Poses, truth: Poses) -> Poses:
    """Poses moved, turned and scaled onto the known joints of the truth in the least-squares sense.

    `joint_errors` then means PA-MPJPE. Umeyama, "Least-squares estimation of transformation parameters between two
    point patterns", PAMI 1991; never mirrors. A pose with fewer than three known joints is NaN: anything fits it.
    """
    known = np.asarray(np.isfinite(truth).all(axis=-1))
    count = np.maximum(known.sum(axis=1), 1)[:, None, None]
    weight = known[..., None]
    centre = np.where(weight, poses, 0).sum(axis=1, keepdims=True) / count
    true_centre = np.where(weight, truth, 0).sum(axis=1, keepdims=True) / count
    a, b = np.where(weight, poses - centre, 0), np.where(weight, truth - true_centre, 0)
    u, s, vt = np.linalg.svd(np.swapaxes(a, 1, 2) @ b)
    sign = np.ones_like(s)
    sign[:, 2] = np.sign(np.linalg.det(u @ vt))
    rotation = (u * sign[:, None]) @ vt
    size = np.maximum((a**2).sum(axis=(1, 2)), 1e-12)
    scale = (s * sign).sum(axis=1) / size
    aligned = scale[:, None, None] * ((poses - centre) @ rotation) + true_centre
    return np.where(known.sum(axis=1)[:, None, None] >= 3, aligned, np.nan)


def root_distance_errors(poses: Poses, truth: Poses, root: int = 0) -> Floats:
    """(N,) distance of the root from where it is, as a share of its distance from the camera."""
    off = np.linalg.norm(poses[:, root] - truth[:, root], axis=-1)
    return off / np.linalg.norm(truth[:, root], axis=-1)


def mean(errors: Floats) -> float:
    """The mean of what is known; NaN where nothing is."""
    known = errors[np.isfinite(errors)]
    return float(known.mean()) if known.size else float("nan")


def median(errors: Floats) -> float:
    """The median of what is known; NaN where nothing is."""
    known = errors[np.isfinite(errors)]
    return float(np.median(known)) if known.size else float("nan")


def pck(errors: Floats, threshold: float = PCK_MM) -> float:
    """The share of known joints whose error is below the threshold; NaN where none is known.

    Of root-aligned poses this is (3D) PCK, of absolute ones A-PCK.
    """
    known = errors[np.isfinite(errors)]
    return float((known < threshold).mean()) if known.size else float("nan")


def auc(errors: Floats, thresholds: Floats = AUC_MM) -> float:
    """The mean PCK over thresholds; NaN where no joint is known."""
    return float(np.mean([pck(errors, threshold) for threshold in thresholds]))


def only(errors: Floats, chosen: npt.NDArray[np.bool_]) -> Floats:
    """Errors (N, J) of the chosen joints (N, J), NaN for the others: so that, say, only joints in the crop count."""
    return np.where(chosen, errors, np.nan)
