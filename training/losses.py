"""What training makes small: the losses of MeTRAbs, as its authors' current code has them.

All are L1 in metres, so that the weights between them mean something: an error of the 2D joints counts as the length
that it spans in the metric box. A pose without 3D truth takes part through its 2D joints.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from training.networks.metrabs import HeadOutput, HeatmapGeometry
from training.networks.placement import in_field_of_view, place, project

FAR_MM = 10_000.0
"""Beyond this distance, an error in depth counts in proportion less: nobody sees a metre at 50 m."""
NEAR_MM = 300.0
"""Joints nearer to the camera's plane than this have no meaningful depth error."""


@dataclass(frozen=True)
class Target:
    """What a batch should have been.

    Attributes:
        joints_mm: (N, J, 3) in the crop camera; anything where there is no 3D truth.
        joints_px: (N, J, 2) in the crop.
        intrinsics: (N, 3, 3) of the crop cameras.
        known: (N, J) joints whose 2D position is known and in the crop.
        has_3d: (N,) whether the pose has 3D truth.
    """

    joints_mm: Tensor
    joints_px: Tensor
    intrinsics: Tensor
    known: Tensor
    has_3d: Tensor


@dataclass(frozen=True)
class LossWeights:
    """How much each loss counts, in the order of the MeTRAbs papers."""

    relative: float = 1.0
    image: float = 1.0
    projection: float = 1.0
    absolute: float = 0.1
    image_only: float = 0.2


def pose_losses(
    output: HeadOutput,
    target: Target,
    geometry: HeatmapGeometry,
    weights: LossWeights,
    mix: Tensor,
    with_absolute: bool,
) -> dict[str, Tensor]:
    """The losses of a batch.

    Args:
        output: of the head.
        target: the truth.
        geometry: of the heatmaps.
        weights: of the losses.
        mix: (N, 1, 1) in 0..1, random: how much of the relative pose the placed joints have against their 2D rays.
        with_absolute: false in the beginning, when depths are wild.

    Returns:
        ``relative``, ``image``, ``projection``, ``absolute``, ``image_only`` and their weighted sum ``total``.
    """
    metres_per_px = geometry.box_size_mm / geometry.crop_side / 1000
    inside = target.known & in_field_of_view(target.joints_px, geometry.crop_side, geometry.stride)
    in_3d = target.has_3d[:, None].expand_as(inside)
    losses = {
        "relative": masked_mean((_centred(output.relative) - _centred(target.joints_mm)).abs().mean(-1) / 1000, in_3d),
        "image": masked_mean((output.joints2d - target.joints_px).abs().mean(-1) * metres_per_px, inside & in_3d),
    }
    placed = place(output.joints2d, output.relative, target.intrinsics, geometry.crop_side, geometry.stride, mix)
    seen = inside & in_3d & (target.joints_mm[..., 2] > NEAR_MM)
    projected = project(placed, target.intrinsics)
    # A joint that lands far outside is wrong enough: more would only make the gradient jump.
    off = (projected - target.joints_px).clamp(-geometry.crop_side, geometry.crop_side)
    losses["projection"] = masked_mean(off.abs().mean(-1) * metres_per_px, seen)
    losses["absolute"] = absolute_loss(placed, target.joints_mm, in_3d) if with_absolute else placed.new_zeros(())
    losses["image_only"] = image_only_loss(output, target.joints_px, inside & ~in_3d, metres_per_px)
    losses["total"] = torch.stack([getattr(weights, name) * loss for name, loss in losses.items()]).sum()
    return losses


def absolute_loss(placed: Tensor, truth: Tensor, known: Tensor) -> Tensor:
    """Distance of placed joints (N, J, 3) mm from the truth, in metres; depth counts less far away."""
    off = (placed - truth).abs() / 1000
    depth = truth[..., 2]
    per_joint = (off[..., :2].sum(-1) * 2 + off[..., 2] * (FAR_MM / depth.clamp(min=NEAR_MM)).clamp(max=1)) / 3
    return masked_mean(per_joint, known & (depth > NEAR_MM))


def image_only_loss(output: HeadOutput, joints_px: Tensor, known: Tensor, metres_per_px: float) -> Tensor:
    """For poses without 3D truth: the 2D joints, and the relative pose's x and y, brought to them by mean and size."""
    direct = (output.joints2d - joints_px).abs().mean(-1)
    aligned = _aligned(output.relative[..., :2], joints_px, known)
    return masked_mean((direct + (aligned - joints_px).abs().mean(-1)) * metres_per_px, known)


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """The mean of `values` where `mask`; zero, with a gradient, if that is nowhere."""
    chosen = torch.where(mask, values, torch.zeros_like(values))
    return chosen.sum() / mask.sum().clamp(min=1)


def _centred(poses: Tensor) -> Tensor:
    return poses - poses.mean(dim=1, keepdim=True)


def _aligned(poses: Tensor, truth: Tensor, known: Tensor) -> Tensor:
    """Moves and scales (N, J, 2) poses so that their known joints have the mean and the spread of the truth's."""
    weight = known[..., None].to(poses.dtype)
    total = weight.sum(dim=1, keepdim=True).clamp(min=1)

    def centre_and_spread(points: Tensor) -> tuple[Tensor, Tensor]:
        centre = (weight * points).sum(dim=1, keepdim=True) / total
        variance = (weight * (points - centre) ** 2).sum(dim=(1, 2), keepdim=True) / total
        return centre, (variance + 1e-3).sqrt()

    centre, spread = centre_and_spread(poses)
    true_centre, true_spread = centre_and_spread(truth)
    return (poses - centre) / spread * true_spread + true_centre
