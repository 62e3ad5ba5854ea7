"""What a split draws clothes and faces from: fabrics, noises that shape edges and creases, painted faces."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from training.synthesis.assets import SPLITS
from training.synthesis.faces import FACE_PIXELS, paint_face

FABRIC_PIXELS = 128

_FACES, BEARDLESS = 64, 46
"""How many faces a wardrobe has, and how many of them, the first ones, have no beard."""


def noise_texture(rng: np.random.Generator, size: int = FABRIC_PIXELS, octaves: int = 5) -> np.ndarray:
    """(size, size) float32 smooth noise, 0..1, repeating."""
    total = np.zeros((size, size), np.float32)
    for octave in range(octaves):
        cells = 4 * 2**octave
        grid = np.pad(rng.standard_normal((cells, cells)).astype(np.float32), ((0, 1), (0, 1)), mode="wrap")
        scaled = cv2.resize(grid, (size + size // cells,) * 2, interpolation=cv2.INTER_CUBIC)[:size, :size]
        total += scaled * 0.55**octave
    total -= total.min()
    return total / total.max()


def _colour(rng: np.random.Generator) -> np.ndarray:
    """(3,) linear albedo: greys and blacks often, as in wardrobes, else any hue."""
    if rng.random() < 0.35:
        colour = rng.uniform(0.02, 0.9) * (1 + rng.normal(0, 0.04, 3))
    else:
        hsv = np.array([[[rng.integers(180), 255 * rng.beta(1.6, 2.4), 255 * rng.beta(1.6, 1.6)]]]).astype(np.uint8)
        colour = (cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)[0, 0] / 255.0) ** 2.2
    return np.clip(colour, 0.01, 0.95).astype(np.float32)


def fabric(rng: np.random.Generator, photographs: list[np.ndarray]) -> np.ndarray:
    """(128, 128, 3) linear albedo: plain, striped, checked, mottled, dotted or printed with a piece of a photograph."""
    size = FABRIC_PIXELS
    kinds = ["plain", "stripes", "checks", "mottled", "print", "dots"]
    kind = rng.choice(kinds, p=[0.45, 0.15, 0.08, 0.12, 0.15, 0.05])
    if kind == "print" and photographs:
        image = photographs[rng.integers(len(photographs))]
        side = int(rng.integers(60, max(61, min(image.shape[:2]) - 1)))
        y, x = rng.integers(image.shape[0] - side + 1), rng.integers(image.shape[1] - side + 1)
        piece = np.ascontiguousarray(image[y : y + side, x : x + side])
        tile = cv2.resize(piece, (size // 2, size // 2), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
        tile = np.concatenate([tile, tile[:, ::-1]], 1)
        cloth = np.concatenate([tile, tile[::-1]], 0) ** 2.2
    else:
        y, x = np.mgrid[:size, :size] / size
        weight: np.ndarray = np.zeros((size, size))
        if kind == "stripes":
            along = (y if rng.random() < 0.6 else x) * rng.integers(3, 16)
            weight = ((along % 1) < rng.uniform(0.15, 0.6)) * 1.0
        elif kind == "checks":
            count = rng.integers(2, 8)
            weight = ((x * count % 1) < 0.4) * 0.5 + ((y * count % 1) < 0.4) * 0.5
        elif kind == "mottled":
            mottle = noise_texture(rng, size).astype(float)
            weight = (mottle > 0.5) * 1.0 if rng.random() < 0.5 else mottle
        elif kind == "dots":
            count = rng.integers(4, 12)
            weight = ((((x * count) % 1) - 0.5) ** 2 + (((y * count) % 1) - 0.5) ** 2 < 0.06) * 1.0
        first, second = _colour(rng), _colour(rng)
        cloth = first * (1 - weight[..., None]) + second * weight[..., None]
    cloth = cloth * (1 + 0.15 * (noise_texture(rng, size) - 0.5))[..., None]
    return np.ascontiguousarray(cloth, np.float32)


@dataclass(frozen=True)
class Wardrobe:
    """What one split draws from: fabrics (K, 128, 128, 3), edge noises (n, 256, 256), creases (n, 128, 128, 3), faces
    (m, 128, 128, 4)."""

    fabrics: np.ndarray
    edges: np.ndarray
    creases: np.ndarray
    faces: np.ndarray

    @classmethod
    def build(cls, seed: int, photographs: list[np.ndarray], count: int = 300) -> Wardrobe:
        """The same seed and photographs make the same wardrobe."""
        rng = np.random.default_rng([seed, 99])
        fabrics = np.stack([fabric(rng, photographs) for _ in range(count)])
        edges = np.stack([noise_texture(rng, 256) for _ in range(8)])
        creases = np.stack([np.repeat(noise_texture(rng)[..., None], 3, -1) for _ in range(8)])
        mottles = [noise_texture(rng, FACE_PIXELS) for _ in range(8)]
        faces = np.stack([paint_face(rng, mottles[number % 8], number >= BEARDLESS) for number in range(_FACES)])
        return cls(fabrics, edges, np.ascontiguousarray(creases), faces)


def wardrobe_of(split: str, photographs: list[np.ndarray]) -> Wardrobe:
    """The fabrics of a split, the same every time."""
    return Wardrobe.build(1000 + SPLITS.index(split), photographs)
