"""Where people are: rooms, panoramas, photographs, and the shadow on the ground."""

from __future__ import annotations

import cv2
import numpy as np

from training.synthesis import renderer_cpu_places
from training.synthesis.appearance import Wardrobe
from training.synthesis.assets import Assets
from training.synthesis.canvas import RENDERED_SIDE, SUPERSAMPLING, Shadow, renderer_view
from training.synthesis.framing import Crop
from training.synthesis.light import Lighting

KINDS = {"room": 0.38, "panorama": 0.27, "photograph": 0.35}
"""Kinds of backgrounds and how often they are drawn."""


def sample_background(
    rng: np.random.Generator, assets: Assets, wardrobe: Wardrobe, crop: Crop, light: Lighting, ground: float
) -> tuple[np.ndarray, str]:
    """Linear colours (S, S, 3) behind the person, and the place: ``room``, ``panorama:NAME`` or ``photograph:NAME``."""
    odds = KINDS if assets.photographs else {"room": 0.6, "panorama": 0.4}
    kind = str(rng.choice(list(odds), p=list(odds.values())))
    if kind == "room":
        return _room(rng, wardrobe, crop, ground), kind
    if kind == "panorama":
        return _panorama(crop, light), f"panorama:{light.panorama.name}"
    number = int(rng.integers(len(assets.photographs)))
    return _photograph(rng, assets.photographs[number]), f"photograph:{assets.photograph_names[number]}"


def darken_ground(colours: np.ndarray, crop: Crop, ground: float, shadow: Shadow, strength: float) -> None:
    """Multiplies a person's shadow on the floor at height `ground` (m) into a background, in place."""
    focal, centre = renderer_view(crop)
    renderer_cpu_places.darken_ground(
        colours, ground, crop.camera.position, crop.camera.rotation, focal, centre, centre, shadow.nearness,
        shadow.to_shadow, strength,
    )  # fmt: skip


def defocus(rng: np.random.Generator, colours: np.ndarray) -> np.ndarray:
    """Every other background is somewhat out of focus."""
    if rng.random() < 0.5:
        return cv2.GaussianBlur(colours, (0, 0), rng.uniform(0.5, 3.5) * SUPERSAMPLING)
    return colours


def _photograph(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    window = int(rng.uniform(0.25, 1) * min(image.shape[:2]))
    top, left = rng.integers(image.shape[0] - window + 1), rng.integers(image.shape[1] - window + 1)
    piece = np.ascontiguousarray(image[top : top + window, left : left + window])
    small = cv2.resize(piece, (RENDERED_SIDE, RENDERED_SIDE), interpolation=cv2.INTER_AREA)
    colours = (small.astype(np.float32) / 255) ** 2.2 * np.float32(rng.uniform(0.5, 1.3))
    return np.ascontiguousarray(colours[:, ::-1] if rng.random() < 0.5 else colours)


def _panorama(crop: Crop, light: Lighting) -> np.ndarray:
    focal, centre = renderer_view(crop)
    step = 4
    slope = (np.arange(0, RENDERED_SIDE, step) + step / 2 - centre) / focal
    x, y = np.meshgrid(slope, slope)
    rays = np.stack([x, y, np.ones_like(x)], -1) @ crop.camera.rotation
    rays /= np.linalg.norm(rays, axis=-1, keepdims=True)
    pixels = light.panorama.pixels
    azimuth = (np.arctan2(rays[..., 1], rays[..., 0]) - light.turn) % (2 * np.pi) / (2 * np.pi) * pixels.shape[1]
    polar = np.arccos(np.clip(rays[..., 2], -1, 1)) / np.pi * pixels.shape[0]
    where = azimuth.astype(np.float32), polar.astype(np.float32)
    view = cv2.remap(pixels, *where, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
    view = np.minimum(view / (np.median(view) * 3 + 1e-3), 1.5)
    return np.clip(cv2.resize(view, (RENDERED_SIDE, RENDERED_SIDE), interpolation=cv2.INTER_CUBIC), 0, None)


def _room(rng: np.random.Generator, wardrobe: Wardrobe, crop: Crop, ground: float) -> np.ndarray:
    """A rectangular room around the camera, turned any way, its farthest wall behind the person."""
    focal, centre = renderer_view(crop)
    heading = rng.uniform(0, 2 * np.pi)
    cosine, sine = np.cos(heading), np.sin(heading)
    to_world = np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1]])
    position = to_world.T @ crop.camera.position
    ahead = to_world.T @ crop.camera.rotation[2]
    far = position + np.sign(ahead) * (np.abs(ahead) * rng.uniform(4, 14) + 0.6)
    low = np.minimum(position - rng.uniform(0.8, 6, 3), far)
    high = np.maximum(position + rng.uniform(0.8, 6, 3), far)
    low[2] = min(ground, position[2] - 0.1)
    high[2] = max(ground + rng.uniform(2.3, 4.5), position[2] + 0.3)
    fabrics = wardrobe.fabrics
    plain = np.full_like(fabrics[0], 0.7)
    patterned = rng.random(3) < (0.75, 0.45, 0.15)  # floor, walls, ceiling
    textures = np.stack([fabrics[rng.integers(len(fabrics))] if pattern else plain for pattern in patterned])
    tints = rng.uniform(0.35, 1.2, (3, 1)) * rng.uniform(0.85, 1.1, (3, 3))
    repeats = rng.uniform(0.25, 2.0, 3)
    sides = rng.uniform(0.45, 1.1, 6) * rng.uniform(0.5, 1.1)
    return renderer_cpu_places.shade_room(
        RENDERED_SIDE, RENDERED_SIDE, focal, centre, centre, (crop.camera.rotation @ to_world).astype(np.float32),
        position.astype(np.float32), low.astype(np.float32), high.astype(np.float32), textures,
        tints.astype(np.float32), repeats.astype(np.float32), sides.astype(np.float32),
    )  # fmt: skip
