"""From a pose up to translation and its 2D projection to the pose in front of the camera, inside the graph.

For a joint with the viewing ray (nx, ny, 1) and the relative position (x, y, z), the translation t should make
x + tx = nx (z + tz) and y + ty = ny (z + tz). These equations are linear in t; their weighted least-squares solution
has a closed form after centring the rays, sample by sample, so a pose never depends on its batch mates. This is the
"full perspective" reconstruction of MeTRAbs (Sarandi et al., T-BIOM 2021, section III-C).
`metric_pose_ros.geometry.placement` is the same in NumPy.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

OUTSIDE_WEIGHT = 1e-4
"""Weight of a joint outside the field of view, against 1 inside: it counts only where nothing is inside."""
RAY_VARIANCE_FLOOR = 1e-9
"""Keeps the depth finite when all rays coincide; a standing person 50 m away has a ray variance of 1e-4."""
NEAREST_MM, FARTHEST_MM = 100.0, 100_000.0
"""The translation is bounded so that no joint is nearer, and the origin of the relative pose no farther."""


Translation = Callable[[Tensor, Tensor, Tensor], Tensor]
"""`full_perspective` or `weak_perspective`."""


def place(
    joints2d: Tensor,
    relative: Tensor,
    intrinsics: Tensor,
    side: int,
    stride: int,
    mix: float | Tensor = 0.5,
    translation: Translation | None = None,
) -> Tensor:
    """Puts relative poses where the camera must see them.

    Args:
        joints2d: (N, J, 2) px in the crop.
        relative: (N, J, 3) mm, right up to one translation per pose.
        intrinsics: (N, 3, 3) of the crop camera, upper triangular.
        side: px of the crop.
        stride: px of a heatmap cell; heatmaps cannot point closer to the border than half of it.
        mix: for joints in the field of view, how much of the translated relative pose (1) against the 2D joint's ray
            at the same depth (0); a number or (N, 1, 1).
        translation: how the translation is found; `full_perspective` if not given.

    Returns:
        (N, J, 3) mm in the crop camera. Finite for finite input.
    """
    rays = image_rays(joints2d, intrinsics)
    inside = in_field_of_view(joints2d, side, stride)
    weight = (inside[..., None].to(relative.dtype) + OUTSIDE_WEIGHT) ** 2
    weight = weight / weight.sum(dim=1, keepdim=True)
    translated = relative + (translation or full_perspective)(rays, relative, weight)
    along_ray = torch.cat([rays * translated[..., 2:], translated[..., 2:]], dim=-1)
    return torch.where(inside[..., None], mix * translated + (1 - mix) * along_ray, translated)


def full_perspective(rays: Tensor, relative: Tensor, weight: Tensor) -> Tensor:
    """The weighted least-squares translation that brings the joints of a pose onto their rays.

    Args:
        rays: (N, J, 2), see `image_rays`.
        relative: (N, J, 3) mm.
        weight: (N, J, 1) of the joints, with the sum one.

    Returns:
        (N, 1, 3) mm.
    """
    xy, z = relative[..., :2], relative[..., 2:]
    needed = rays * z - xy  # what t_xy - ray * t_z should be
    mean_ray = (weight * rays).sum(dim=1, keepdim=True)
    mean_needed = (weight * needed).sum(dim=1, keepdim=True)
    centred = rays - mean_ray
    covariance = (weight * centred * (needed - mean_needed)).sum(dim=(1, 2), keepdim=True)
    variance = (weight * centred * centred).sum(dim=(1, 2), keepdim=True)
    depth = bounded_depth(-covariance / (variance + RAY_VARIANCE_FLOOR), z)
    return torch.cat([mean_needed + mean_ray * depth, depth], dim=-1)


def weak_perspective(rays: Tensor, relative: Tensor, weight: Tensor) -> Tensor:
    """The translation at which a pose, seen as if flat, is as large and lies where the image says.

    Arguments and result are those of `full_perspective`. Rougher, but never far off while the pose still is.
    """
    mean_ray = (weight * rays).sum(dim=1, keepdim=True)
    mean = (weight * relative).sum(dim=1, keepdim=True)
    seen = (weight * (rays - mean_ray) ** 2).sum(dim=(1, 2), keepdim=True) + RAY_VARIANCE_FLOOR
    true = (weight * (relative - mean)[..., :2] ** 2).sum(dim=(1, 2), keepdim=True)
    depth = (true / seen + 1.0).sqrt()
    shift = torch.cat([mean_ray * depth, depth], dim=-1) - mean
    return torch.cat([shift[..., :2], bounded_depth(shift[..., 2:], relative[..., 2:])], dim=-1)


def bounded_depth(depth: Tensor, z: Tensor) -> Tensor:
    """Translations along z (N, 1, 1) mm, kept where no joint of z (N, J, 1) is behind the camera and none absurd."""
    nearest = NEAREST_MM - z.amin(dim=1, keepdim=True)
    return torch.minimum(torch.maximum(depth, nearest), torch.full_like(depth, FARTHEST_MM))


def image_rays(joints2d: Tensor, intrinsics: Tensor) -> Tensor:
    """(N, J, 2) x and y of the viewing rays with z = 1, for px (N, J, 2) and upper triangular intrinsics (N, 3, 3)."""
    y = (joints2d[..., 1] - intrinsics[:, None, 1, 2]) / intrinsics[:, None, 1, 1]
    x = (joints2d[..., 0] - intrinsics[:, None, 0, 2] - intrinsics[:, None, 0, 1] * y) / intrinsics[:, None, 0, 0]
    return torch.stack([x, y], dim=-1)


def project(points: Tensor, intrinsics: Tensor) -> Tensor:
    """(N, J, 2) px of points (N, J, 3) mm for upper triangular intrinsics (N, 3, 3).

    Points behind or within 1 mm of the camera are taken to be 1 mm in front.
    """
    rays = points[..., :2] / points[..., 2:].clamp(min=1.0)
    x = intrinsics[:, None, 0, 0] * rays[..., 0] + intrinsics[:, None, 0, 1] * rays[..., 1] + intrinsics[:, None, 0, 2]
    return torch.stack([x, intrinsics[:, None, 1, 1] * rays[..., 1] + intrinsics[:, None, 1, 2]], dim=-1)


def in_field_of_view(joints2d: Tensor, side: int, stride: int) -> Tensor:
    """(N, J) whether a joint lies inside the crop by at least three quarters of a heatmap cell."""
    margin = 0.75 * stride
    return ((joints2d >= margin) & (joints2d <= side - margin)).all(dim=-1)
