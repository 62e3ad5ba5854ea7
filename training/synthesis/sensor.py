"""What a camera does to pictures: exposure, resolution, focus, motion, flicker, noise, compression. All batched."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from training.synthesis.codec import compress
from training.synthesis.renderer import Bundle
from training.synthesis.resampling import blur_matrices, resample, shrink_matrices, stretch_matrices

FEWEST_PIXELS = 24
"""However far the person, the crop is made of at least this many real pixels a side."""

FOR_PERSON, FOR_PICTURE, FIXED = 0, 1, 2
"""What the exposure is metered on."""

_MOTION_TAPS = 9


@dataclass(frozen=True)
class Settings(Bundle):
    """One camera a crop.

    Attributes:
        metering: (N,) FOR_PERSON, FOR_PICTURE or FIXED; percentile, target: (N,) which brightness is brought where.
        scale: (N,) the real image's pixels per crop pixel; below one the person has fewer pixels than the crop.
        blur: (N,) sigma, crop pixels; motion: (N, 2) how far the picture smears, crop pixels.
        gain: (N, 3); offset, contrast, noise: (N,); grey: (N,) bool.
        bands: (N, 3) amplitude, cycles down the picture and phase of light that flickers under a rolling shutter.
        quality: (N,) of JPEG, 0 = none.
    """

    metering: Tensor
    percentile: Tensor
    target: Tensor
    scale: Tensor
    blur: Tensor
    motion: Tensor
    gain: Tensor
    offset: Tensor
    contrast: Tensor
    noise: Tensor
    grey: Tensor
    bands: Tensor
    quality: Tensor


def sample_settings(rng: np.random.Generator, focal: np.ndarray) -> Settings:
    """Cameras of any resolution, focal length and quality; focal: (N,) the crops', in their pixels."""
    count, uniform = len(focal), rng.uniform

    def sometimes(odds: float, values: np.ndarray) -> np.ndarray:
        return np.where(rng.random(count) < odds, values, 0)

    real_focal = np.exp(uniform(np.log(250), np.log(2000), count))  # a 640-pixel wide angle to a full-HD portrait lens
    angle = uniform(0, 2 * np.pi, count)
    smear = sometimes(0.10, uniform(3, 13, count))
    noisy = rng.random(count) < 0.9
    return Settings.of(
        metering=rng.choice(3, count, p=[0.5, 0.35, 0.15]),
        percentile=uniform(0.85, 0.99, count),
        target=uniform(0.5, 0.9, count),
        scale=real_focal / focal,
        blur=sometimes(0.3, uniform(0.3, 1.3, count)),
        motion=np.stack([np.cos(angle), np.sin(angle)], 1) * smear[:, None],
        gain=1 + rng.normal(0, 0.05, (count, 3)),
        offset=rng.normal(0, 0.03, count),
        contrast=rng.normal(1, 0.12, count),
        noise=np.where(noisy, 0.03 * rng.random(count) ** 2, uniform(0.03, 0.07, count)),
        grey=rng.random(count) < 0.06,
        bands=np.stack(
            [sometimes(0.05, uniform(0.05, 0.25, count)), uniform(1, 8, count), uniform(0, 2 * np.pi, count)], 1
        ),
        quality=sometimes(0.5, uniform(30, 95, count)),
    )


def expose(linear: Tensor, person: Tensor, settings: Settings) -> Tensor:
    """Linear colours (N, S, S, 3) to gamma-encoded 0..1, exposed for the person (N, S, S), the picture or neither."""
    few, count = linear[:, 2::4, 2::4].flatten(1, 2), len(linear)
    mask = person[:, 2::4, 2::4].flatten(1, 2)
    on_person = (settings.metering == FOR_PERSON) & (mask.sum(1) > 10)
    metered = torch.where((mask | ~on_person[:, None])[..., None], few, torch.inf).flatten(1).sort(1).values
    finite = torch.where(on_person, mask.sum(1), mask.shape[1]) * 3
    rank = (settings.percentile * (finite - 1)).long()
    white = metered[torch.arange(count, device=linear.device), rank]
    gain = torch.where(settings.metering == FIXED, 1.0, (settings.target / white.clamp(min=0.02)).clamp(0.3, 4))
    return (linear * gain[:, None, None, None]).clamp(0, 1) ** (1 / 2.2)


def degrade(pictures: Tensor, settings: Settings, generator: torch.Generator) -> Tensor:
    """Lens, sensor and codec.

    Args:
        pictures: (N, 3, S, S) RGB 0..1; generator: on their device, of the noise.

    Returns:
        as given.
    """
    side = pictures.shape[-1]
    few = (side * settings.scale.clamp(max=1)).long().clamp(min=FEWEST_PIXELS)
    share = few / side
    x = pictures.clone()
    coarse, softened = _where(few < side), _where((few < side) | (settings.blur > 0))
    blur = blur_matrices((settings.blur * share)[softened], side)
    x[softened] = resample(x[softened], blur @ shrink_matrices(few[softened], side))
    moved = _where(settings.motion.abs().sum(1) > 0)
    x[moved] = _smear(x[moved], (settings.motion * share[:, None])[moved])

    def each(values: Tensor) -> Tensor:
        return values.reshape(len(x), -1, 1, 1)

    amplitude, cycles, phase = settings.bands.T
    rows = torch.arange(side, device=x.device) / few[:, None]
    flicker = 1 + amplitude[:, None] * torch.sin(2 * torch.pi * cycles[:, None] * rows + phase[:, None])
    x = x * each(settings.gain) * flicker[:, None, :, None] + each(settings.offset)
    x = torch.where(each(settings.grey), x.mean(1, keepdim=True), x)
    x = (x - 0.5) * each(settings.contrast) + 0.5
    x = x + torch.randn(x.shape, generator=generator, device=x.device) * each(settings.noise)
    x = x.clamp(0, 1)
    coded = _where(settings.quality > 0)
    x[coded] = compress(x[coded], settings.quality[coded])
    x[coarse] = resample(x[coarse], stretch_matrices(few[coarse], side))
    return x.clamp(0, 1)


def _where(mask: Tensor) -> Tensor:
    return mask.nonzero()[:, 0]


def _smear(pictures: Tensor, motion: Tensor) -> Tensor:
    """Averages pictures (N, 3, S, S) along motions (N, 2) px."""
    if not len(pictures):
        return pictures
    side = pictures.shape[-1]
    middle = torch.eye(2, 3, device=pictures.device)[None]
    total = torch.zeros_like(pictures)
    for step in torch.linspace(-0.5, 0.5, _MOTION_TAPS).tolist():
        shift = torch.cat([torch.zeros_like(middle).expand(len(motion), 2, 3)[..., :2], motion[..., None]], 2)
        grid = functional.affine_grid(middle + shift * step * 2 / side, list(pictures.shape), align_corners=False)
        total += functional.grid_sample(pictures, grid, padding_mode="border", align_corners=False)
    return total / _MOTION_TAPS
