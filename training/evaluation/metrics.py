"""How wrong poses are, in the field's measures. Millimetres throughout; poses are (N, J, 3)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Poses = npt.NDArray[np.floating]


def joint_errors(poses: Poses, truth: Poses) -> npt.NDArray[np.floating]:
    """(N, J) Euclidean distances; their mean over absolute poses is A-MPJPE."""
    return np.linalg.norm(poses - truth, axis=-1)


def root_aligned(poses: Poses, root: int = 0) -> Poses:
    """Poses with the root joint at the origin; `joint_errors` of two such has MPJPE as its mean."""
    return poses - poses[:, root : root + 1]


def procrustes_aligned(poses: Poses, truth: Poses) -> Poses:
    """Poses moved, turned and scaled onto the truth in the least-squares sense; `joint_errors` then means PA-MPJPE.

    Umeyama, "Least-squares estimation of transformation parameters between two point patterns", PAMI 1991; never
    mirrors.
    """
    centre, true_centre = poses.mean(axis=1, keepdims=True), truth.mean(axis=1, keepdims=True)
    a, b = poses - centre, truth - true_centre
    u, s, vt = np.linalg.svd(np.swapaxes(a, 1, 2) @ b)
    sign = np.ones_like(s)
    sign[:, 2] = np.sign(np.linalg.det(u @ vt))
    rotation = (u * sign[:, None]) @ vt
    size = np.maximum((a**2).sum(axis=(1, 2)), 1e-12)
    scale = (s * sign).sum(axis=1) / size
    return scale[:, None, None] * (a @ rotation) + true_centre


def root_distance_errors(poses: Poses, truth: Poses, root: int = 0) -> npt.NDArray[np.floating]:
    """(N,) distance of the root from where it is, as a share of its distance from the camera."""
    off = np.linalg.norm(poses[:, root] - truth[:, root], axis=-1)
    return off / np.linalg.norm(truth[:, root], axis=-1)


def share_within(errors: npt.NDArray[np.floating], threshold: float = 150.0) -> float:
    """PCK in 3D: the share of joints with at most this error."""
    return float((errors <= threshold).mean())
