"""The placement of the MeTRAbs authors' code, for networks of theirs; ours is in `placement`.

It solves the same equations with three differences: unknowns and right-hand sides are divided by their root mean square
and the translation is pulled towards zero by a damping of 0.01; that mean goes over the whole batch, so that a pose
depends on who else is in it; and without centred strides the margins are half a cell further left and up. By itself,
damping brings people nearer by 0.5 mm at 2 m and by 5 mm at 12 m; in a large batch it may be 30 mm.
"""

from __future__ import annotations

import torch
from torch import Tensor

from training.networks.placement import OUTSIDE_WEIGHT, image_rays

DAMPING = 0.01
MARGIN = 0.75
"""Cells: joints nearer to the border of the crop do not count."""


def place_as_authors(
    joints2d: Tensor,
    relative: Tensor,
    intrinsics: Tensor,
    side: int,
    stride: int,
    centered_stride: bool = True,
    weak: bool = False,
    coupled: bool = False,
    mix: float = 0.5,
) -> Tensor:
    """Puts relative poses where the camera must see them.

    Args:
        joints2d: (N, J, 2) px in the crop.
        relative: (N, J, 3) mm, right up to one translation per pose.
        intrinsics: (N, 3, 3) of the crop camera, upper triangular.
        side: px of the crop.
        stride: px of a heatmap cell.
        centered_stride: of the network, see `backbones.efficientnetv2`.
        weak: weak perspective instead of full.
        coupled: divide by the root mean square over the batch, as the authors do, instead of each pose's own.
        mix: for joints in the field of view, how much of the translated relative pose (1) against the 2D joint's ray
            at the same depth (0).

    Returns:
        (N, J, 3) mm in the crop camera.
    """
    rays = image_rays(joints2d, intrinsics)
    inside = in_view(joints2d, side, stride, centered_stride)[..., None]
    translation = weak_translation(rays, relative, inside) if weak else translate(rays, relative, inside, coupled)
    translated = relative + translation
    along_ray = torch.cat([rays * translated[..., 2:], translated[..., 2:]], dim=-1)
    return torch.where(inside, mix * translated + (1 - mix) * along_ray, translated)


def in_view(joints2d: Tensor, side: int, stride: int, centered_stride: bool) -> Tensor:
    """(N, J) whether joints lie inside the crop by `MARGIN` cells, borders included."""
    shift = 0.0 if centered_stride else -stride / 2
    low, high = MARGIN * stride + shift, side - MARGIN * stride + shift
    return ((joints2d >= low) & (joints2d <= high)).all(dim=-1)


def translate(rays: Tensor, relative: Tensor, inside: Tensor, coupled: bool) -> Tensor:
    """The damped least-squares translation under full perspective.

    Args:
        rays: (N, J, 2), x and y of the viewing rays with z = 1.
        relative: (N, J, 3) mm.
        inside: (N, J, 1) which joints count.
        coupled: see `place_as_authors`.

    Returns:
        (N, 1, 3) mm.
    """
    weight = (inside.to(relative.dtype) + OUTSIDE_WEIGHT) ** 2
    needed = rays * relative[..., 2:] - relative[..., :2]
    over = (0, 1, 2) if coupled else (1, 2)
    ray_scale = rays.square().mean(dim=over, keepdim=True).sqrt()
    needed_scale = needed.square().mean(dim=over, keepdim=True).sqrt()
    rays, needed = rays / ray_scale, needed / needed_scale
    # The damped normal equations in closed form: x and y are eliminated, and everything is taken about its mean so that
    # float32 suffices. Damping takes part in the means, hence the terms that an undamped solution would not have.
    total = weight.sum(dim=1, keepdim=True) + DAMPING
    mean_ray = (weight * rays).sum(dim=1, keepdim=True) / total
    mean_needed = (weight * needed).sum(dim=1, keepdim=True) / total
    centred = rays - mean_ray
    covariance = (weight * centred * (needed - mean_needed)).sum(dim=(1, 2), keepdim=True)
    covariance = covariance + DAMPING * (mean_ray * mean_needed).sum(dim=2, keepdim=True)
    variance = (weight * centred * centred).sum(dim=(1, 2), keepdim=True)
    variance = variance + DAMPING * (mean_ray * mean_ray).sum(dim=2, keepdim=True) + DAMPING
    depth = -covariance / variance
    return torch.cat([needed_scale * (mean_needed + mean_ray * depth), needed_scale / ray_scale * depth], dim=-1)


def weak_translation(rays: Tensor, relative: Tensor, inside: Tensor) -> Tensor:
    """The translation under weak perspective, at which the pose's size in the image is right.

    Arguments and result are those of `translate`.
    """
    weight = inside.to(relative.dtype)
    weight = weight / weight.sum(dim=1, keepdim=True).clamp(min=1)
    mean_ray = (weight * rays).sum(dim=1, keepdim=True)
    mean = (weight * relative).sum(dim=1, keepdim=True)
    seen = (weight * (rays - mean_ray).square()).sum(dim=(1, 2), keepdim=True)
    true = (weight * (relative - mean)[..., :2].square()).sum(dim=(1, 2), keepdim=True)
    depth = ((true + 1e-10).sqrt().clamp(min=1e-5)) / (seen + 1e-10).sqrt().clamp(min=1e-5)
    return torch.cat([mean_ray * depth, depth], dim=-1) - mean
