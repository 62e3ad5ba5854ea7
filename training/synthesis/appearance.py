"""What people wear and look like: which garments and where they end, fabrics, hair, skin colours."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from training.synthesis import mesh_columns as r
from training.synthesis.assets import SPLITS
from training.synthesis.renderer import Looks

FABRIC_PIXELS = 128

_HAIR_COLOURS = np.array(
    [
        [0.02, 0.015, 0.012], [0.09, 0.05, 0.03], [0.25, 0.14, 0.06], [0.5, 0.38, 0.2], [0.45, 0.45, 0.45],
        [0.3, 0.07, 0.03],
    ]
)  # fmt: skip
_SKIN_LIGHT, _SKIN_DARK = np.array([0.80, 0.52, 0.40]), np.array([0.10, 0.045, 0.025])


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
        hsv = np.array([[[rng.integers(180), 255 * rng.beta(2, 2), 255 * rng.beta(1.6, 1.6)]]]).astype(np.uint8)
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
    """Fabrics (K, 128, 128, 3), edge noises (n, 256, 256) and creases (n, 128, 128, 3) that one split draws from."""

    fabrics: np.ndarray
    edges: np.ndarray
    creases: np.ndarray

    @classmethod
    def build(cls, seed: int, photographs: list[np.ndarray], count: int = 300) -> Wardrobe:
        """The same seed and photographs make the same wardrobe."""
        rng = np.random.default_rng([seed, 99])
        fabrics = np.stack([fabric(rng, photographs) for _ in range(count)])
        edges = np.stack([noise_texture(rng, 256) for _ in range(8)])
        creases = np.stack([np.repeat(noise_texture(rng)[..., None], 3, -1) for _ in range(8)])
        return cls(fabrics, edges, np.ascontiguousarray(creases))


def wardrobe_of(split: str, photographs: list[np.ndarray]) -> Wardrobe:
    """The fabrics of a split, the same every time."""
    return Wardrobe.build(1000 + SPLITS.index(split), photographs)


def sample_looks(rng: np.random.Generator, count: int, wardrobe: Wardrobe) -> Looks:
    """Draws garments, fabrics, hair and skin of `count` people."""

    def uniform(low: float, high: float) -> np.ndarray:
        return rng.uniform(low, high, count)

    def one_of(odds: list[float], *choices: np.ndarray) -> np.ndarray:
        return np.choose(rng.choice(len(odds), count, p=odds), choices)

    bald = uniform(0, 1) < 0.06
    waist = uniform(0.05, 0.17)
    cut = np.zeros((count, 11))
    none = np.full(count, -0.1)
    cut[:, r.SLEEVE] = one_of(
        [0.15, 0.33, 0.47, 0.05], uniform(0.12, 0.3), uniform(0.3, 0.55), uniform(0.88, 1.0), none
    )
    cut[:, r.HEM], cut[:, r.NECK] = waist - uniform(-0.01, 0.16), uniform(0.50, 0.60)
    cut[:, r.TROUSERS] = one_of([0.25, 0.75], uniform(0.25, 0.5), uniform(0.85, 1.02))
    cut[:, r.WAIST] = waist
    cut[:, r.SHOES], cut[:, r.GLOVES] = uniform(0, 1) < 0.93, uniform(0, 1) < 0.05
    cut[:, r.HAIRLINE] = np.where(bald, 9, uniform(-0.005, 0.03))
    cut[:, r.TOP_SCALE], cut[:, r.BOTTOM_SCALE], cut[:, r.BUMP] = uniform(1, 3), uniform(1, 3), uniform(0.1, 0.7)
    fabrics = rng.integers(len(wardrobe.fabrics), size=(count, 3))
    overall = uniform(0, 1) < 0.12
    fabrics[overall, 1] = fabrics[overall, 0]
    dark = rng.beta(1.2, 1.4, count)[:, None]
    hair = _HAIR_COLOURS[rng.choice(6, count, p=[0.35, 0.3, 0.12, 0.1, 0.1, 0.03])]
    dyed = uniform(0, 1) < 0.05
    loose = [
        one_of([0.45, 0.45, 0.1], uniform(0.001, 0.006), uniform(0.006, 0.022), uniform(0.02, 0.035)) for _ in range(2)
    ]
    return Looks.of(
        cut=cut,
        fabrics=fabrics,
        creases=rng.integers(len(wardrobe.creases), size=count),
        edges=rng.integers(len(wardrobe.edges), size=count),
        skin=(_SKIN_LIGHT * (1 - dark) + _SKIN_DARK * dark) * rng.uniform(0.85, 1.15, (count, 1)),
        hair=np.where(dyed[:, None], rng.uniform(0.02, 0.8, (count, 3)) ** 2, hair),
        skirt=uniform(0, 1) < 0.10,
        long_hair=~bald & (uniform(0, 1) < 0.22),
        looseness=np.stack(loose, 1),
        hair_volume=uniform(0.004, 0.035),
        wrinkle=rng.uniform(0, 1, (count, 2)),
    )
