"""Backdrops for the CPU's renderer: rooms, panoramas, photographs, and people's shadows on the ground."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import cv2
import numpy as np
import torch

from training.synthesis import renderer_cpu_places
from training.synthesis.materials import Materials
from training.synthesis.renderer import PANORAMA, PANORAMA_STEP, PLAIN, RENDERED_SIDE, ROOM, SUPERSAMPLING, Scenes

if TYPE_CHECKING:
    from training.synthesis.drawing_cpu import Dressed


def draw_backdrop(
    materials: Materials, scenes: Scenes, crop: int, people: Sequence[Dressed], colours: np.ndarray
) -> None:
    """Fills (R, R, 3) with what is behind the people of a crop, their shadows included."""
    backdrops, views = scenes.backdrops, scenes.views
    kind = int(backdrops.kind[crop])
    draw = {ROOM: _room, PANORAMA: _panorama}.get(kind, _photograph)
    colours[:] = draw(materials, scenes, crop)
    strength = float(scenes.shadow[crop])
    if strength > 0:
        middle = RENDERED_SIDE / 2
        for person in people:
            renderer_cpu_places.darken_ground(
                colours, float(scenes.ground[crop]), views.position[crop].numpy(), views.rotation[crop].numpy(),
                float(views.focal[crop]) * SUPERSAMPLING, middle, middle, person.shadow, person.to_shadow, strength,
            )  # fmt: skip
    defocus = float(backdrops.defocus[crop])
    if defocus > 0:
        colours[:] = cv2.GaussianBlur(colours, (0, 0), defocus)


def _room(materials: Materials, scenes: Scenes, crop: int) -> np.ndarray:
    backdrops, views, middle = scenes.backdrops, scenes.views, RENDERED_SIDE / 2
    heading = float(backdrops.heading[crop])
    cosine, sine = np.cos(heading), np.sin(heading)
    to_world = np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1]])
    fabrics = materials.wardrobe.fabrics
    plain = np.full_like(fabrics[0], PLAIN)
    textures = np.stack([fabrics[number] if number >= 0 else plain for number in backdrops.fabrics[crop].tolist()])
    return renderer_cpu_places.shade_room(
        RENDERED_SIDE, RENDERED_SIDE, float(views.focal[crop]) * SUPERSAMPLING, middle, middle,
        (views.rotation[crop].numpy() @ to_world).astype(np.float32),
        (to_world.T @ views.position[crop].numpy()).astype(np.float32), backdrops.low[crop].numpy(),
        backdrops.high[crop].numpy(), textures, backdrops.tints[crop].numpy(), backdrops.repeats[crop].numpy(),
        backdrops.sides[crop].numpy(),
    )  # fmt: skip


def _panorama(materials: Materials, scenes: Scenes, crop: int) -> np.ndarray:
    pixels = materials.panoramas[int(scenes.lights.panorama[crop])]
    views = scenes.views.rows(torch.tensor([crop]))
    rays = views.rays(PANORAMA_STEP)[0].numpy() @ views.rotation[0].numpy()
    rays /= np.linalg.norm(rays, axis=-1, keepdims=True)
    azimuth = (np.arctan2(rays[..., 1], rays[..., 0]) - float(scenes.lights.turn[crop])) % (2 * np.pi)
    polar = np.arccos(np.clip(rays[..., 2], -1, 1))
    columns = (azimuth / (2 * np.pi) * pixels.shape[1]).astype(np.float32)
    rows = (polar / np.pi * pixels.shape[0]).astype(np.float32)
    view = cv2.remap(pixels, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
    view = np.minimum(view / (np.median(view) * 3 + 1e-3), 1.5)
    return np.clip(cv2.resize(view, (RENDERED_SIDE, RENDERED_SIDE), interpolation=cv2.INTER_CUBIC), 0, None)


def _photograph(materials: Materials, scenes: Scenes, crop: int) -> np.ndarray:
    backdrops = scenes.backdrops
    image = materials.photographs[int(backdrops.photograph[crop])]
    left, top, side = (int(number) for number in backdrops.window[crop])
    piece = np.ascontiguousarray(image[top : top + side, left : left + side]).astype(np.float32)
    stretched = cv2.resize(piece, (RENDERED_SIDE, RENDERED_SIDE), interpolation=cv2.INTER_LINEAR)
    colours = (stretched / 255) ** 2.2 * np.float32(backdrops.brightness[crop])
    return colours[:, ::-1] if bool(backdrops.mirrored[crop]) else colours
