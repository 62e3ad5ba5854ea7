"""Flat shapes right before the lens: leaves, cables, a hand, dirt; they hide what is behind them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from training.synthesis.renderer import CROP_SIDE, Bundle

_WAVES = 4


@dataclass(frozen=True)
class Patches(Bundle):
    """P shapes.

    Attributes:
        crop: (P,) whose picture; centre, radii: (P, 2) crop pixels; angle: (P,) rad; square: (P,) bool.
        waves: (P, 4, 2) amplitude and phase of an outline's waves.
        fabric: (P,) by number; texture: (P, 3) its pixels per crop pixel and where it starts; brightness: (P,).
    """

    crop: Tensor
    centre: Tensor
    radii: Tensor
    angle: Tensor
    square: Tensor
    waves: Tensor
    fabric: Tensor
    texture: Tensor
    brightness: Tensor


def sample_patches(rng: np.random.Generator, count: int, fabrics: int, share: float = 0.15) -> Patches:
    """One or two shapes in that share of `count` crops."""
    shapes = np.where(rng.random(count) < share, rng.integers(1, 3, count), 0)
    crop = np.repeat(np.arange(count), shapes)
    total = len(crop)
    kind = rng.integers(3, size=total)  # ellipse, rectangle, blob
    radius = rng.uniform(0.05, 0.2, total) * CROP_SIDE
    stretch = np.stack([rng.uniform(0.5, 1.5, total), rng.uniform(0.3, 1, total)], 1)
    amplitude = np.where(kind == 2, rng.uniform(0.05, 0.25, total), 0)[:, None] * rng.uniform(0, 1, (total, _WAVES))
    return Patches.of(
        crop=crop,
        centre=rng.uniform(0.05, 0.95, (total, 2)) * CROP_SIDE,
        radii=radius[:, None] * stretch,
        angle=rng.uniform(0, np.pi, total),
        square=kind == 1,
        waves=np.stack([amplitude, rng.uniform(0, 2 * np.pi, (total, _WAVES))], -1),
        fabric=rng.integers(fabrics, size=total),
        texture=np.column_stack([rng.uniform(0.3, 2, total), rng.uniform(0, 128, (total, 2))]),
        brightness=rng.uniform(0.6, 1.1, total),
    )


def hide_behind(pictures: Tensor, patches: Patches, fabrics: Tensor) -> tuple[Tensor, Tensor]:
    """Puts the shapes in front.

    Args:
        pictures: (N, S, S, 3) gamma-encoded 0..1; fabrics: (K, T, T, 3) linear.

    Returns:
        the pictures, and (N, S, S) bool what is hidden now.
    """
    hidden = torch.zeros(pictures.shape[:3], dtype=torch.bool, device=pictures.device)
    if not len(patches.crop):
        return pictures, hidden
    pictures = pictures.clone()
    axis = torch.arange(pictures.shape[1], device=pictures.device, dtype=torch.float32)
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    cells = fabrics.shape[1]
    # Two shapes of a crop must follow each other, so the first of all crops come before the second of all.
    again = torch.zeros_like(patches.crop, dtype=torch.bool)
    again[1:] = patches.crop[1:] == patches.crop[:-1]
    for turn in (~again, again):
        some = patches.rows(turn)
        dx, dy = (middle[:, None, None] for middle in some.centre.T)
        cosine, sine = torch.cos(some.angle)[:, None, None], torch.sin(some.angle)[:, None, None]
        along = ((x - dx) * cosine + (y - dy) * sine) / some.radii[:, 0, None, None]
        across = ((y - dy) * cosine - (x - dx) * sine) / some.radii[:, 1, None, None]
        reach = torch.where(
            some.square[:, None, None], torch.maximum(along.abs(), across.abs()), torch.hypot(along, across)
        )
        direction = torch.atan2(across, along)
        outline = torch.ones_like(reach)
        for wave in range(_WAVES):
            amplitude, phase = (part[:, None, None] for part in some.waves[:, wave].T)
            outline = outline + amplitude * torch.sin((wave + 2) * direction + phase)
        pixels = (outline - reach) * some.radii.amin(1)[:, None, None]
        cover = (pixels + 0.5).clamp(0, 1)
        step, left, top = (part[:, None, None] for part in some.texture.T)
        rows, columns = (y * step + top).long() % cells, (x * step + left).long() % cells
        cloth = fabrics[some.fabric[:, None, None], rows, columns] ** (1 / 2.2)
        behind = pictures[some.crop]
        front = cloth * some.brightness[:, None, None, None]
        pictures[some.crop] = behind + (front - behind) * cover[..., None]
        hidden[some.crop] |= cover > 0.5
    return pictures, hidden
