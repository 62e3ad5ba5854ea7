"""Light from panoramas: spherical harmonics for the sky, one sun with a shadow map."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from training.synthesis.renderer_cpu import rasterize

SHADOW_PIXELS = 160


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


@dataclass(frozen=True)
class Lighting:
    """What shines on one crop.

    The sky as harmonics (9, 3) times ambient; the sun's direction (3,) and colour (3,); the panorama that both come
    from, turned by `turn` rad about the vertical.
    """

    harmonics: np.ndarray
    ambient: np.float32
    sun: np.ndarray
    sun_colour: np.ndarray
    panorama: Panorama
    turn: float


def sample_lighting(rng: np.random.Generator, panoramas: list[Panorama]) -> Lighting:
    """A panorama turned about the vertical, as sky; sun from overcast to hard."""
    panorama = panoramas[rng.integers(len(panoramas))]
    turn = float(rng.uniform(0, 2 * np.pi))
    cosine, sine = np.cos(turn), np.sin(turn)
    harmonics = panorama.harmonics.copy()
    # Only the first band turns; the second band's azimuth matters little and is left as it is.
    harmonics[3] = cosine * panorama.harmonics[3] - sine * panorama.harmonics[1]
    harmonics[1] = sine * panorama.harmonics[3] + cosine * panorama.harmonics[1]
    x, y, z = panorama.sun
    sun = np.array([cosine * x - sine * y, sine * x + cosine * y, max(z, 0.25)])
    sun /= np.linalg.norm(sun)
    strength = rng.choice([0.0, rng.uniform(0.2, 0.8), rng.uniform(0.8, 2.0)], p=[0.3, 0.4, 0.3])
    colour = np.array([1, rng.uniform(0.85, 1), rng.uniform(0.65, 1)]) * strength
    ambient = np.float32(rng.uniform(0.6, 1.8))
    return Lighting(harmonics, ambient, sun.astype(np.float32), colour.astype(np.float32), panorama, turn)


def cast_shadow(vertices: np.ndarray, faces: np.ndarray, sun: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Depth map from the sun.

    Returns:
        (SHADOW_PIXELS, SHADOW_PIXELS) nearness to the sun, and the (3, 4) map from world points to its
        pixels and nearness.
    """
    used = vertices[np.unique(faces)]
    centre = (used.min(0) + used.max(0)) / 2
    radius = float(np.linalg.norm(used - centre, axis=1).max()) * 1.05
    right = np.cross(sun, [0, 0, 1.0])
    right /= np.linalg.norm(right)
    up = np.cross(sun, right)
    scale = SHADOW_PIXELS / 2 / radius
    to_shadow = np.stack(
        [
            np.append(right * scale, SHADOW_PIXELS / 2 - right @ centre * scale),
            np.append(up * scale, SHADOW_PIXELS / 2 - up @ centre * scale),
            np.append(sun, 5 - sun @ centre),
        ]
    ).astype(np.float32)
    points = vertices @ to_shadow[:, :3].T + to_shadow[:, 3]
    _, _, nearness = rasterize(np.ascontiguousarray(points, np.float32), faces, SHADOW_PIXELS, SHADOW_PIXELS)
    return nearness, to_shadow
