"""What people wear and look like: which garments and where they end, fabrics, hair, skin colours."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from training.synthesis import mesh_columns as r
from training.synthesis.assets import SPLITS
from training.synthesis.faces import FACE_PIXELS, paint_face
from training.synthesis.renderer import Looks

FABRIC_PIXELS = 128

_FACES, _BEARDLESS = 64, 46

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
        faces = np.stack([paint_face(rng, mottles[number % 8], number >= _BEARDLESS) for number in range(_FACES)])
        return cls(fabrics, edges, np.ascontiguousarray(creases), faces)


def wardrobe_of(split: str, photographs: list[np.ndarray]) -> Wardrobe:
    """The fabrics of a split, the same every time."""
    return Wardrobe.build(1000 + SPLITS.index(split), photographs)


def sample_looks(rng: np.random.Generator, size: np.ndarray, wardrobe: Wardrobe) -> Looks:
    """Draws garments, fabrics, hair and skin of people; size: (M,) how large they are, 1 = a middling adult."""
    count = len(size)
    clothed = np.clip(size, 0.4, 1.2)
    child = size < 0.85

    def uniform(low: float, high: float) -> np.ndarray:
        return rng.uniform(low, high, count)

    def one_of(odds: list[float], *choices: np.ndarray | float) -> np.ndarray:
        return np.choose(rng.choice(len(odds), count, p=odds), [np.broadcast_to(choice, count) for choice in choices])

    def sometimes(odds: float, values: np.ndarray | float, otherwise: float = 0.0) -> np.ndarray:
        return np.where(rng.random(count) < odds, values, otherwise)

    # What hangs from the waist: nothing, a skirt, a dress, a coat.
    hanging = rng.choice(4, count, p=[0.78, 0.06, 0.08, 0.08])
    skirted, dress, coat = (hanging == 1) | (hanging == 2), hanging == 2, hanging == 3
    skirt = np.where(skirted, rng.integers(1, r.FIRST_COAT, count), 0)
    skirt = np.where(coat, rng.integers(r.FIRST_COAT, len(r.SKIRTS), count), skirt)
    hat = rng.choice(5, count, p=[0.76, 0.08, 0.07, 0.04, 0.05])  # none, beanie, cap, sun hat, helmet
    hood = (hat == 0) & (rng.random(count) < 0.06)
    jacket = coat | (rng.random(count) < 0.16)
    bald = uniform(0, 1) < 0.06

    cut = np.zeros((count, 15))
    waist = uniform(0.05, 0.17)
    long_sleeve = uniform(0.85, 1.02)
    sleeve = one_of([0.15, 0.36, 0.44, 0.05], uniform(0.12, 0.3), uniform(0.3, 0.55), long_sleeve, -0.1)
    cut[:, r.SLEEVE] = np.where(jacket | hood, long_sleeve, sleeve)
    cut[:, r.HEM] = np.where(coat, -0.08, waist - uniform(-0.01, 0.16))
    neck = one_of([0.75, 0.25], uniform(0.50, 0.60), uniform(0.585, 0.605))
    cut[:, r.NECK] = np.where(hood, 0.605, neck)
    trousers = one_of([0.25, 0.75], uniform(0.25, 0.5), uniform(0.85, 1.02))
    cut[:, r.TROUSERS] = np.where(skirted, one_of([0.65, 0.35], 0.12, uniform(0.85, 0.98)), trousers)
    cut[:, r.WAIST] = np.where(skirted, 0.14, waist)
    cut[:, r.SHOES], cut[:, r.GLOVES] = uniform(0, 1) < 0.93, uniform(0, 1) < 0.05
    hairline = one_of([0.85, 0.15], uniform(-0.012, 0.012), uniform(0.01, 0.035))
    cut[:, r.HAIRLINE] = np.where(hood, uniform(-0.05, -0.03), np.where(bald, 9, hairline))
    cut[:, r.TOP_SCALE], cut[:, r.BOTTOM_SCALE], cut[:, r.BUMP] = uniform(1, 3), uniform(1, 3), uniform(0.1, 0.7)
    cut[:, r.OPENING] = np.where(jacket, uniform(0.01, 0.085), -1)
    cut[:, r.HAT] = np.choose(hat, [np.full(count, 9.0), uniform(-0.03, 0.01), *[uniform(-0.01, 0.015)] * 3])
    cut[:, r.HOOD], cut[:, r.COAT] = hood, coat

    fabrics = rng.integers(len(wardrobe.fabrics), size=(count, 5))
    overall = dress | (uniform(0, 1) < 0.10)
    fabrics[overall, 1] = fabrics[overall, 0]
    dark = rng.beta(1.2, 1.4, count)[:, None]
    tone = rng.uniform(0.85, 1.15, (count, 1)) * (1 + rng.normal(0, 0.04, (count, 3)))
    hair = _HAIR_COLOURS[rng.choice(6, count, p=[0.35, 0.3, 0.12, 0.1, 0.1, 0.03])] * rng.uniform(0.6, 1.4, (count, 1))
    dyed = uniform(0, 1) < 0.05
    loose = [
        one_of([0.35, 0.5, 0.15], uniform(0.001, 0.006), uniform(0.006, 0.022), uniform(0.02, 0.04)) for _ in range(2)
    ]
    loose[0] = np.where(jacket | hood, np.maximum(loose[0], 0.012), loose[0])
    loose[1] = np.where(skirted, np.minimum(loose[1], 0.006), loose[1])
    flare = [sometimes(0.25, uniform(0, 0.04)), sometimes(0.3, uniform(0, 0.05)), sometimes(0.8, uniform(0, 0.14))]
    flare[1] = np.where(skirted, 0, flare[1])
    volume = one_of([0.6, 0.3, 0.1], uniform(0.004, 0.02), uniform(0.015, 0.035), uniform(0.03, 0.06))
    thickness = np.choose(
        hat, [np.zeros(count), uniform(0.008, 0.03), *[uniform(0.008, 0.02)] * 2, uniform(0.02, 0.04)]
    )
    brim = np.choose(
        hat, [np.zeros(count), np.zeros(count), uniform(0.04, 0.075), uniform(0.03, 0.09), uniform(0, 0.03)]
    )
    return Looks.of(
        cut=cut,
        fabrics=fabrics,
        creases=rng.integers(len(wardrobe.creases), size=count),
        edges=rng.integers(len(wardrobe.edges), size=count),
        faces=rng.integers(np.where(child, _BEARDLESS, len(wardrobe.faces))),
        skin=(_SKIN_LIGHT * (1 - dark) + _SKIN_DARK * dark) * tone,
        hair=np.clip(np.where(dyed[:, None], rng.uniform(0.02, 0.8, (count, 3)) ** 2, hair), 0.005, 0.9),
        skirt=skirt,
        long_hair=~bald & ~hood & (uniform(0, 1) < 0.25),
        looseness=np.stack(loose, 1) * clothed[:, None],
        flare=np.stack(flare, 1) * clothed[:, None],
        collar=np.where(hood | (rng.random(count) < 0.12), uniform(0.008, 0.03), 0) * clothed,
        hair_volume=np.where(hat > 0, np.minimum(volume, 0.015), np.where(hood, uniform(0.015, 0.035), volume)),
        hat=np.stack([thickness, brim, hat == 3], 1),
        wrinkle=rng.uniform(0, 1, (count, 2)),
    )
