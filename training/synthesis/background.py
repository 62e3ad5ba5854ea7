"""Where people are: rooms, panoramas and photographs, drawn by number for both renderers."""

from __future__ import annotations

import numpy as np

from training.synthesis.assets import Assets
from training.synthesis.renderer import PANORAMA, PHOTOGRAPH, ROOM, SUPERSAMPLING, Backdrops, Lights

ODDS = {ROOM: 0.38, PANORAMA: 0.27, PHOTOGRAPH: 0.35}
"""How often each kind is drawn."""

_ODDS_WITHOUT_PHOTOGRAPHS = {ROOM: 0.6, PANORAMA: 0.4}


def sample_backdrops(
    rng: np.random.Generator,
    assets: Assets,
    fabrics: int,
    rotation: np.ndarray,
    position: np.ndarray,
    ground: np.ndarray,
) -> Backdrops:
    """A backdrop for each crop.

    Args:
        fabrics: how many there are; rotation, position: (N, 3, 3), (N, 3) of the crops' cameras; ground: (N,) m.
    """
    count, uniform = len(ground), rng.uniform
    odds = ODDS if assets.photographs else _ODDS_WITHOUT_PHOTOGRAPHS
    kind = rng.choice(list(odds), count, p=list(odds.values()))
    # A rectangular room around the camera, turned any way, its farthest wall behind the person.
    heading = uniform(0, 2 * np.pi, count)
    cosine, sine = np.cos(heading), np.sin(heading)
    to_room = np.zeros((count, 3, 3))
    to_room[:, 0, 0], to_room[:, 0, 1], to_room[:, 1, 0], to_room[:, 1, 1] = cosine, sine, -sine, cosine
    to_room[:, 2, 2] = 1
    inside = (to_room @ position[..., None])[..., 0]
    ahead = (to_room @ rotation[:, 2, :, None])[..., 0]
    far = inside + np.sign(ahead) * (np.abs(ahead) * uniform(4, 14, (count, 1)) + 0.6)
    low = np.minimum(inside - uniform(0.8, 6, (count, 3)), far)
    high = np.maximum(inside + uniform(0.8, 6, (count, 3)), far)
    low[:, 2] = np.minimum(ground, inside[:, 2] - 0.1)
    high[:, 2] = np.maximum(ground + uniform(2.3, 4.5, count), inside[:, 2] + 0.3)
    patterned = rng.random((count, 3)) < (0.75, 0.45, 0.15)  # floor, walls, ceiling
    blurred = rng.random(count) < 0.5
    number, window = _windows(rng, assets, count)
    return Backdrops.of(
        kind=kind,
        defocus=np.where(blurred, uniform(0.5, 3.5, count) * SUPERSAMPLING, 0),
        heading=heading,
        low=low,
        high=high,
        fabrics=np.where(patterned, rng.integers(fabrics, size=(count, 3)), -1),
        tints=uniform(0.35, 1.2, (count, 3, 1)) * uniform(0.85, 1.1, (count, 3, 3)),
        repeats=uniform(0.25, 2.0, (count, 3)),
        sides=uniform(0.45, 1.1, (count, 6)) * uniform(0.5, 1.1, (count, 1)),
        photograph=number,
        window=window,
        brightness=uniform(0.5, 1.3, count),
        mirrored=rng.random(count) < 0.5,
    )


def _windows(rng: np.random.Generator, assets: Assets, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Which photograph, and (N, 3) left, top and side of a square piece of it."""
    if not assets.photographs:
        return np.zeros(count, int), np.ones((count, 3))
    sizes = np.array([photograph.shape[:2] for photograph in assets.photographs])
    number = rng.integers(len(sizes), size=count)
    height, width = sizes[number].T
    side = np.maximum(2, np.floor(rng.uniform(0.25, 1, count) * np.minimum(height, width)))
    left, top = np.floor(rng.random(count) * (width - side + 1)), np.floor(rng.random(count) * (height - side + 1))
    return number, np.stack([left, top, side], 1)


def place_name(assets: Assets, backdrops: Backdrops, lights: Lights, number: int) -> str:
    """What a label calls a crop's place: ``room``, ``panorama:NAME`` or ``photograph:NAME``."""
    kind = int(backdrops.kind[number])
    if kind == ROOM:
        return "room"
    if kind == PANORAMA:
        return f"panorama:{assets.panoramas[int(lights.panorama[number])].name}"
    return f"photograph:{assets.photograph_names[int(backdrops.photograph[number])]}"
