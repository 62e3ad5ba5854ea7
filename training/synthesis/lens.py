"""Lenses of the real cameras: crops have their distortion taken out, but the images' borders stay bent in them."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

_STEPS = 12
"""Newton steps to undistort; four decimals of a pixel after half as many."""


def sample_lenses(rng: np.random.Generator, count: int) -> np.ndarray:
    """(N, 2) k1 and k2 (OpenCV's plumb_bob): half of them none, most others barrels, some weak pincushions.

    k2 > 9/20 k1^2 keeps the radius rising everywhere, so that no lens folds the world back into its image.
    """
    k1 = np.where(rng.random(count) < 0.5, 0, rng.uniform(-0.35, 0.06, count))
    return np.stack([k1, k1**2 * rng.uniform(0.6, 1.0, count)], 1)


def distort(plane: Tensor, lens: Tensor) -> Tensor:
    """(N, ..., 2) where points of the undistorted plane at distance 1 appear; lens: (N, 2)."""
    k1, k2 = _each(lens, plane)
    r2 = plane.square().sum(-1, keepdim=True)
    return plane * (1 + r2 * (k1 + r2 * k2))


def undistort(plane: Tensor, lens: Tensor) -> Tensor:
    """(N, ..., 2) the inverse of `distort`."""
    k1, k2 = _each(lens, plane)
    bent = plane.norm(dim=-1, keepdim=True)
    radius = bent.clone()
    for _ in range(_STEPS):
        r2 = radius.square()
        excess = radius * (1 + r2 * (k1 + r2 * k2)) - bent
        radius = (radius - excess / (1 + r2 * (3 * k1 + 5 * r2 * k2))).clamp(min=0)
    return plane * torch.where(bent > 0, radius / bent.clamp(min=1e-12), 1.0)


def _each(lens: Tensor, plane: Tensor) -> tuple[Tensor, Tensor]:
    shape = (len(lens), *[1] * (plane.ndim - 1))
    return lens[:, 0].reshape(shape), lens[:, 1].reshape(shape)
