"""Pictures of faces: sockets, lashes, brows, nostrils, lips, cheeks, beards and glasses, painted on the skin.

A face is a picture over the front of the rest pose's head (see mesh_columns): how the skin is tinted, and how much of
it is hidden by hair. Sizes in metres, places relative to the left eye of the rest pose.
"""

from __future__ import annotations

import numpy as np

from training.synthesis.mesh_columns import FACE_HEIGHT, FACE_LEFT, FACE_TOP, FACE_WIDTH

FACE_PIXELS = 128

EYE_X, EYE_Z = 0.0295, 0.6968
"""The left eye in the rest pose; the right one is its mirror image."""

_MOUTH, _NOSTRIL, _JAW = -0.066, -0.046, -0.052


def _disc(x: np.ndarray, z: np.ndarray, width: float, height: float) -> np.ndarray:
    """Soft ellipse around the origin, 1 inside, 0 outside."""
    return np.clip(2.5 - 2 * np.hypot(x / width, z / height), 0, 1)


def _glow(x: np.ndarray, z: np.ndarray, width: float, height: float) -> np.ndarray:
    return np.exp(-0.5 * ((x / width) ** 2 + (z / height) ** 2))


def paint_face(rng: np.random.Generator, mottle: np.ndarray, bearded: bool) -> np.ndarray:
    """(FACE_PIXELS, FACE_PIXELS, 4) float32: tint of red, green and blue, share of hair; mottle: as large, 0..1."""
    middles = (np.arange(FACE_PIXELS) + 0.0) / FACE_PIXELS
    x, z = np.meshgrid(FACE_LEFT + middles * FACE_WIDTH, FACE_TOP - middles * FACE_HEIGHT - EYE_Z)
    aside = np.abs(x)
    uniform = rng.uniform
    tint: np.ndarray = np.ones((*x.shape, 3))
    hair: np.ndarray = np.zeros_like(x)

    def stain(where: np.ndarray, colour: tuple[float, float, float] | float) -> None:
        nonlocal tint
        tint = tint * (1 - where[..., None] * (1 - np.asarray(colour)))

    stain(_glow(aside - EYE_X, z - 0.004, 0.015, 0.011), uniform(0.55, 0.9))  # sockets
    stain(_disc(aside - EYE_X, z, 0.017, uniform(0.009, 0.012)), uniform(0.35, 0.75))  # lashes
    slope, arch = uniform(-0.1, 0.3), uniform(0.017, 0.024)
    brow = z - arch - slope * (aside - EYE_X) + 12 * (aside - EYE_X) ** 2
    hair += uniform(0.35, 0.95) * _disc(aside - EYE_X - 0.001, brow, uniform(0.015, 0.021), uniform(0.0028, 0.006))
    stain(_disc(aside - 0.0085, z - _NOSTRIL, 0.0055, 0.0035), uniform(0.25, 0.55))  # nostrils
    stain(_glow(aside - 0.017, z + 0.043, 0.004, 0.009), uniform(0.75, 0.95))  # the nose's wings
    stain(_glow(aside - 0.05, z + 0.035, 0.014, 0.014), (1.0, uniform(0.8, 1.0), uniform(0.8, 1.0)))  # cheeks
    lipstick = rng.random() < 0.2
    red = (uniform(0.7, 1.0), uniform(0.15, 0.45), uniform(0.2, 0.5)) if lipstick else (0.86, uniform(0.5, 0.8), 0.65)
    width = uniform(0.022, 0.028)
    stain(_disc(x, z - _MOUTH, width, uniform(0.009, 0.013)), red)
    is_open = rng.random() < 0.15
    stain(_disc(x, z - _MOUTH, width * 0.9, uniform(0.004, 0.007) if is_open else 0.0022), 0.2 if is_open else 0.4)
    stain(_glow(x, z - _MOUTH + 0.016, 0.014, 0.004), uniform(0.75, 0.95))  # below the lips
    if bearded:
        jaw = np.clip((_JAW - z + 1.3 * np.maximum(aside - 0.035, 0) + 0.02 * (mottle - 0.5)) / 0.012, 0, 1)
        mouth = _disc(x, z - _MOUTH, width, 0.009)
        if rng.random() < 0.3:  # around the mouth only
            jaw = jaw * _disc(x, z - _MOUTH, 0.04, 0.06)
        thickness = uniform(0.15, 0.45) if rng.random() < 0.5 else uniform(0.6, 0.95)
        hair = np.maximum(hair, jaw * (1 - mouth) * thickness * (0.7 + 0.6 * mottle))
    glasses = rng.choice(3, p=[0.84, 0.12, 0.04])
    if glasses:
        reach = np.hypot(aside - EYE_X, (z + 0.003) * uniform(1.0, 1.4)) - uniform(0.019, 0.024)
        lens = np.clip(0.5 - reach / 0.002, 0, 1)
        rim = np.clip(1.5 - np.abs(reach) / 0.0018, 0, 1)
        temple = (np.abs(z - 0.004) < 0.0025) & ((aside > EYE_X + 0.02) | (aside < EYE_X - 0.02))
        rim = np.maximum(rim, temple)
        stain(rim, tuple(uniform(0.03, 0.3) * rng.uniform(0.5, 1, 3)))
        hair *= 1 - rim
        if glasses == 2:
            stain(lens, 0.06)
            hair *= 1 - lens
    # Towards the ears the picture is stretched, so freckles end before.
    tint *= (1 + uniform(0, 0.3) * (mottle - 0.5) * np.clip(2 - aside / 0.033, 0, 1))[..., None]
    return np.concatenate([tint, np.clip(hair, 0, 1)[..., None]], 2).astype(np.float32)
