"""Absolute placement: how far away must a pose in millimetres be to appear where the 2D joints say.

The exported graph does the same; this is its reference, and what averages several views of one crop (test-time
augmentation). Source: Sarandi et al. 2021, MeTRAbs, section III-C; each sample on its own, and solved in closed form.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]

OUTSIDE_WEIGHT = 1e-4
"""What a joint outside the field of view still counts, so that a pose without any joint inside stays solvable."""
_ERR_TOGETHER = 2.25
"""How much further off the depth is than if joints erred each on its own."""
_SIZE_UNKNOWN = 0.07
"""Of the distance, one standard deviation that is left where all joints are sure: how large a person is."""


def inside_view(joints2d: Floats, side: int, stride: int) -> npt.NDArray[np.bool_]:
    """Which joints lie where a heatmap can point at: at least 3/4 of a cell from the crop's border.

    Args:
        joints2d: (..., J, 2) px in the crop.
        side: of the crop, px.
        stride: of the heatmaps, px.

    Returns:
        (..., J).
    """
    margin = 0.75 * stride
    return np.all((joints2d >= margin) & (joints2d <= side - margin), axis=-1)


def full_perspective(joints2d: Floats, relative: Floats, intrinsics: Floats, inside: npt.NDArray[np.bool_]) -> Floats:
    """The translation that brings a relative pose closest to the rays of its 2D joints.

    With n the rays at depth 1 it minimises, over t, the sum of w^2 |(X + t_x, Y + t_y) - n (Z + t_z)|^2, w being 1
    inside the view and `OUTSIDE_WEIGHT` outside.

    Args:
        joints2d: (N, J, 2) px in the crop.
        relative: (N, J, 3) mm, up to translation.
        intrinsics: (N, 3, 3) of the crops.
        inside: (N, J) joints whose 2D position can be trusted.

    Returns:
        (N, 3) mm, the translation t.
    """
    plane = _plane(joints2d, intrinsics)
    weight = (inside + OUTSIDE_WEIGHT)[..., None] ** 2
    total = weight.sum(axis=1)
    target = plane * relative[..., 2:] - relative[..., :2]  # t_xy - n t_z should equal this
    mean_plane = (weight * plane).sum(axis=1) / total
    mean_target = (weight * target).sum(axis=1) / total
    spread = plane - mean_plane[:, None]
    variance = (weight * spread**2).sum(axis=(1, 2))
    covariance = (weight * spread * (target - mean_target[:, None])).sum(axis=(1, 2))
    depth = -covariance / np.maximum(variance, 1e-12)
    return np.concatenate([mean_target + mean_plane * depth[:, None], depth[:, None]], axis=1)


def distance_std(joints2d: Floats, std: Floats, intrinsics: Floats, inside: npt.NDArray[np.bool_], z: Floats) -> Floats:
    """How sure the distance is at which `full_perspective` puts a pose.

    Errors of joints across the view, sigma, go through the least squares: with s the rays about their mean and w the
    weights, the depth errs by sqrt(sum of w^4 s^2 sigma^2) / sum of w^2 s^2. That is little for a whole body nearby and
    much for a limb, whose rays are close together. Both constants are those that make 500 held-out renders likeliest
    under `heavy`; 71, 96 and 99 % of their distances are then within one, two and three deviations.

    Args:
        joints2d: (N, J, 2) px in the crop.
        std: (N, J, 3) one standard deviation of the relative pose, in the unit of `z`.
        intrinsics: (N, 3, 3) of the crops.
        inside: (N, J) joints whose 2D position can be trusted.
        z: (N,) the pose's distance.

    Returns:
        (N,) in the same unit, one standard deviation.
    """
    plane = _plane(joints2d, intrinsics)
    weight = (inside + OUTSIDE_WEIGHT)[..., None] ** 2
    spread = plane - (weight * plane).sum(axis=1, keepdims=True) / weight.sum(axis=1, keepdims=True)
    variance = (weight * spread**2).sum(axis=(1, 2))
    independent = np.sqrt((weight**2 * spread**2 * std[..., :2] ** 2).sum(axis=(1, 2))) / np.maximum(variance, 1e-12)
    return np.hypot(_ERR_TOGETHER * independent, _SIZE_UNKNOWN * z)


def weak_perspective(joints2d: Floats, relative: Floats, intrinsics: Floats, inside: npt.NDArray[np.bool_]) -> Floats:
    """The translation from sizes alone: depth is the pose's spread over its 2D joints' spread.

    Less exact than `full_perspective`, but steady where the joints are still far off, as early in training.
    Arguments and result as there; the pose's mean is put on the ray of the 2D mean.
    """
    plane = _plane(joints2d, intrinsics)
    weight = inside.astype(float)[..., None] + OUTSIDE_WEIGHT
    total = weight.sum(axis=1, keepdims=True)
    mean_plane = (weight * plane).sum(axis=1, keepdims=True) / total
    mean_pose = (weight * relative).sum(axis=1, keepdims=True) / total
    spread_plane = np.sqrt((weight * (plane - mean_plane) ** 2).sum(axis=(1, 2)))
    spread_pose = np.sqrt((weight * (relative - mean_pose)[..., :2] ** 2).sum(axis=(1, 2)))
    depth = spread_pose / np.maximum(spread_plane, 1e-9)
    ray = np.concatenate([mean_plane[:, 0], np.ones((len(depth), 1))], axis=1)
    return ray * depth[:, None] - mean_pose[:, 0]


def place(joints2d: Floats, relative: Floats, intrinsics: Floats, side: int, stride: int) -> Floats:
    """Relative poses in millimetres -> absolute ones in the crop cameras' frames.

    Joints inside the view end up halfway between the moved pose and their rays (the two heads' mean); others move
    along.

    Args:
        joints2d: (N, J, 2) px in the crop.
        relative: (N, J, 3) mm, up to translation.
        intrinsics: (N, 3, 3) of the crops.
        side: of the crop, px.
        stride: of the heatmaps, px.

    Returns:
        (N, J, 3) mm.
    """
    inside = inside_view(joints2d, side, stride)
    moved = relative + full_perspective(joints2d, relative, intrinsics, inside)[:, None]
    on_ray = np.concatenate([_plane(joints2d, intrinsics) * moved[..., 2:], moved[..., 2:]], axis=-1)
    return np.where(inside[..., None], (moved + on_ray) / 2, moved)


def _plane(joints2d: Floats, intrinsics: Floats) -> Floats:
    """(N, J, 2) where the joints' rays cross depth 1."""
    homogeneous = np.concatenate([joints2d, np.ones((*joints2d.shape[:-1], 1))], axis=-1)
    return (homogeneous @ np.linalg.inv(intrinsics).transpose(0, 2, 1))[..., :2]
