"""Resizing and blurring batches of square pictures as products with matrices, another scale for each picture."""

from __future__ import annotations

import torch
from torch import Tensor


def shrink_matrices(few: Tensor, side: int) -> Tensor:
    """(N, S, S) matrices that average a side's S pixels into the first few (N,); the rest repeats the last one."""
    ratio = (side / few.float())[:, None, None]
    cell = torch.minimum(torch.arange(side, device=few.device), few[:, None] - 1)[..., None]
    pixel = torch.arange(side, device=few.device)
    overlap = torch.minimum((cell + 1) * ratio, pixel + 1) - torch.maximum(cell * ratio, pixel)
    return overlap.clamp(min=0) / ratio


def stretch_matrices(few: Tensor, side: int) -> Tensor:
    """(N, S, S) matrices that interpolate the first few (N,) pixels linearly over a side of S."""
    pixel = torch.arange(side, device=few.device)
    last = (few - 1).float()[:, None]
    source = ((pixel + 0.5) * (few.float()[:, None] / side) - 0.5).clamp(min=0)
    return (1 - (torch.minimum(source, last)[..., None] - pixel).abs()).clamp(min=0)


def blur_matrices(sigma: Tensor, side: int) -> Tensor:
    """(N, S, S) Gaussian blurs along a side, mirrored at the border; sigma: (N,) pixels, 0 changes nothing."""
    pixel = torch.arange(side, device=sigma.device)
    spread = sigma.clamp(min=1e-3)[:, None, None]

    def weight(source: Tensor) -> Tensor:
        return torch.exp(-0.5 * ((pixel[:, None] - source) / spread) ** 2)

    weights = weight(pixel) + weight(-pixel) * (pixel > 0) + weight(2 * (side - 1) - pixel) * (pixel < side - 1)
    return weights / weights.sum(2, keepdim=True)


def resample(pictures: Tensor, matrices: Tensor) -> Tensor:
    """(N, C, S, S) pictures with the matrices (N, S, S) applied to their columns and rows."""
    return matrices[:, None] @ pictures @ matrices[:, None].transpose(2, 3)
