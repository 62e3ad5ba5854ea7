"""What training makes small, in the parts that heads share.

All are L1 in metres unless said otherwise, so that the weights between them mean something: an error of the 2D joints
counts as the length that it spans in the metric box. Every joint counts where it is known, so examples of different
skeletons, and examples without 3D truth, stand in the same batch. A loss that has no example is zero.
"""

from __future__ import annotations

import torch
from torch import Tensor, distributed

from training.data.batch import Target
from training.networks.placement import in_field_of_view

FAR_MM = 10_000.0
"""Beyond this distance, an error in depth counts in proportion less: nobody sees a metre at 50 m."""
NEAR_MM = 300.0
"""Joints nearer to the camera's plane than this have no meaningful depth error."""


def relative_loss(relative: Tensor, target: Target) -> Tensor:
    """How far poses (N, J, 3) mm are from the truth once the means of their known joints lie on each other."""
    known = target.known_3d
    off = centred(relative, known) - centred(target.joints_mm, known)
    return masked_mean(off.abs().mean(-1) / 1000, known)


def image_loss(joints2d: Tensor, target: Target, seen: Tensor, metres_per_px: float) -> Tensor:
    """How far 2D joints (N, J, 2) px are from the truth where `seen` (N, J)."""
    return masked_mean((joints2d - target.joints_px).abs().mean(-1) * metres_per_px, seen)


def absolute_loss(placed: Tensor, target: Target) -> Tensor:
    """How far placed joints (N, J, 3) mm are from the truth as MeTRAbs' current code weighs it: all three axes alike,
    but depth less far away, and not at all within `NEAR_MM`."""
    off = (placed - target.joints_mm).abs() / 1000
    depth = target.joints_mm[..., 2]
    per_joint = (off[..., :2].sum(-1) + off[..., 2] * (FAR_MM / depth.clamp(min=NEAR_MM)).clamp(max=1)) / 3
    return masked_mean(per_joint, target.known_3d & (depth > NEAR_MM))


def plain_absolute_loss(placed: Tensor, target: Target) -> Tensor:
    """How far placed joints (N, J, 3) mm are from the truth as the MeTRAbs paper has it: all three axes alike."""
    return masked_mean((placed - target.joints_mm).abs().mean(-1) / 1000, target.known_3d)


def image_only_loss(relative: Tensor, target: Target, seen: Tensor, metres_per_px: float) -> Tensor:
    """For poses without 3D truth: the relative pose's x and y, brought to the 2D joints by mean and size."""
    return image_loss(_aligned(relative[..., :2], target.joints_px, seen), target, seen, metres_per_px)


def seen_with_and_without_3d(target: Target, side: int, stride: int) -> tuple[Tensor, Tensor]:
    """(N, J) the joints that heatmaps over the crop can point at: in examples with, and in those without 3D truth."""
    seen = target.known_2d & in_field_of_view(target.joints_px, side, stride)
    has_3d = target.known_3d.any(dim=1, keepdim=True)
    return seen & has_3d, seen & ~has_3d


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """The mean of `values` where `mask`; zero, with a gradient, if that is nowhere.

    Of several processes, each divides by what all of them have on average, so that the mean of their losses, and of
    their gradients, is what one process would find for the whole batch.
    """
    chosen = torch.where(mask, values, torch.zeros_like(values))
    count, processes = mask.sum().to(values.dtype), 1
    if distributed.is_available() and distributed.is_initialized():
        processes = distributed.get_world_size()
        distributed.all_reduce(count)
    return chosen.sum() / (count / processes).clamp(min=1 / processes)


def weighted_sum(losses: dict[str, Tensor], weights: dict[str, float]) -> dict[str, Tensor]:
    """The losses and, as ``total``, their weighted sum.

    Raises:
        KeyError: if a loss has no weight.
    """
    return {**losses, "total": torch.stack([weights[name] * loss for name, loss in losses.items()]).sum()}


def weights_from(defaults: dict[str, float], given: dict[str, float] | None) -> dict[str, float]:
    """Default weights, with some replaced.

    Raises:
        ValueError: if a weight is given for a loss that is not there.
    """
    unknown = sorted(set(given or {}) - set(defaults))
    if unknown:
        raise ValueError(f"there is no loss {', '.join(unknown)}; this head has {', '.join(defaults)}")
    return {**defaults, **{name: float(weight) for name, weight in (given or {}).items()}}


def centred(poses: Tensor, known: Tensor) -> Tensor:
    """Poses (N, J, 3) with the mean of their known (N, J) joints at the origin."""
    weight = known[..., None].to(poses.dtype)
    mean = (weight * poses).sum(dim=1, keepdim=True) / weight.sum(dim=1, keepdim=True).clamp(min=1)
    return poses - mean


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
