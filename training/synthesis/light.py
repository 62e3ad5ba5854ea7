"""Light from panoramas: spherical harmonics for the sky, one sun with a shadow map."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

from training.synthesis.renderer import Lights

SHADOW_PIXELS = 160
"""Side of a person's shadow map."""


@dataclass(frozen=True)
class Panorama:
    """An equirectangular environment.

    Attributes:
        name: file name; pixels: (256, 512, 3) linear radiance, z up, azimuth along the row.
        harmonics: (9, 3) of the sky without its brightest spot, scaled so that a white surface is about 1.
        sun: (3,) unit direction to the brightest spot.
    """

    name: str
    pixels: np.ndarray
    harmonics: np.ndarray
    sun: np.ndarray

    @classmethod
    def from_pixels(cls, name: str, pixels: np.ndarray) -> Panorama:
        """Projects the environment onto harmonics (Ramamoorthi and Hanrahan 2001, eq. 3 and 10)."""
        height, width = pixels.shape[:2]
        polar = (np.arange(height) + 0.5) / height * np.pi
        azimuth = (np.arange(width) + 0.5) / width * 2 * np.pi
        sine = np.sin(polar)[:, None]
        x, y = sine * np.cos(azimuth), sine * np.sin(azimuth)
        z = np.repeat(np.cos(polar)[:, None], width, 1)
        solid_angle = (np.pi / height) * (2 * np.pi / width) * sine
        basis = (
            0.282095 + 0 * x, 0.488603 * y, 0.488603 * z, 0.488603 * x, 1.092548 * x * y, 1.092548 * y * z,
            0.315392 * (3 * z * z - 1), 1.092548 * x * z, 0.546274 * (x * x - y * y),
        )  # fmt: skip
        luminance = pixels.mean(-1)
        sky = np.minimum(pixels, np.percentile(luminance, 99.5))
        harmonics = np.stack([(sky * (function * solid_angle)[..., None]).sum((0, 1)) for function in basis])
        harmonics *= 1 / max(float(harmonics[0].mean()), 1e-6) * np.pi * 0.36
        brightest = np.unravel_index(np.argmax(cv2.GaussianBlur(luminance, (0, 0), 3)), luminance.shape)
        sun = np.array([x[brightest], y[brightest], z[brightest]], np.float32)
        return cls(name, pixels, harmonics.astype(np.float32), sun)


def sample_lights(rng: np.random.Generator, count: int, panoramas: Sequence[Panorama]) -> Lights:
    """Panoramas turned about the vertical, as sky; suns from overcast to hard."""
    chosen = rng.integers(len(panoramas), size=count)
    turn = rng.uniform(0, 2 * np.pi, count)
    cosine, sine = np.cos(turn), np.sin(turn)
    at_rest = np.stack([panorama.harmonics for panorama in panoramas])[chosen]
    harmonics = at_rest.copy()
    # Only the first band turns; the second band's azimuth matters little and is left as it is.
    harmonics[:, 3] = cosine[:, None] * at_rest[:, 3] - sine[:, None] * at_rest[:, 1]
    harmonics[:, 1] = sine[:, None] * at_rest[:, 3] + cosine[:, None] * at_rest[:, 1]
    x, y, z = np.stack([panorama.sun for panorama in panoramas])[chosen].T
    sun = np.stack([cosine * x - sine * y, sine * x + cosine * y, np.maximum(z, 0.25)], 1)
    sun /= np.linalg.norm(sun, axis=1, keepdims=True)
    kind = rng.choice(3, count, p=[0.3, 0.4, 0.3])
    strength = np.choose(kind, [np.zeros(count), rng.uniform(0.2, 0.8, count), rng.uniform(0.8, 2.0, count)])
    tint = np.stack([np.ones(count), rng.uniform(0.85, 1, count), rng.uniform(0.65, 1, count)], 1)
    return Lights.of(
        harmonics=harmonics,
        ambient=rng.uniform(0.6, 1.8, count),
        sun=sun,
        sun_colour=tint * strength[:, None],
        panorama=chosen,
        turn=turn,
    )


def shadow_views(skin: Tensor, sun: Tensor) -> Tensor:
    """(M, 3, 4) maps from world points to the pixels of shadow maps and the nearness to the sun.

    Args:
        skin: (M, V, 3) people; sun: (M, 3) unit directions towards it.
    """
    low, high = skin.amin(1), skin.amax(1)
    centre = (low + high) / 2
    radius = (skin - centre[:, None]).norm(dim=2).amax(1) * 1.1 + 0.03  # clothes reach beyond the skin
    up_axis = torch.tensor([0.0, 0, 1], device=skin.device).expand_as(sun)
    right = torch.nn.functional.normalize(torch.linalg.cross(sun, up_axis), dim=1)
    up = torch.linalg.cross(sun, right)
    axes = torch.stack([right, up, sun], 1)
    axes[:, :2] *= (SHADOW_PIXELS / 2 / radius)[:, None, None]
    offset = torch.tensor([SHADOW_PIXELS / 2, SHADOW_PIXELS / 2, 5.0], device=skin.device)
    return torch.cat([axes, (offset - (axes @ centre[..., None])[..., 0])[..., None]], 2)
