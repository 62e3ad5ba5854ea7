"""Backdrops in torch: rooms, panoramas, photographs, people's shadows on the ground; the twin of surroundings_cpu."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from training.synthesis.renderer import PANORAMA, PANORAMA_STEP, PHOTOGRAPH, PLAIN, RENDERED_SIDE, ROOM, Scenes
from training.synthesis.resampling import blur_matrices, resample
from training.synthesis.shading_torch import shadow_share, texel

_FARTHEST_SHADOW = 30.0
"""Shadows on the ground are drawn up to this depth, m."""


class Album:
    """Photographs of any size in one long list of pixels on a device."""

    def __init__(self, photographs: Sequence[np.ndarray], device: torch.device) -> None:
        flat = [image.reshape(-1, 3) for image in photographs] or [np.zeros((4, 3), np.uint8)]
        starts = np.cumsum([0, *(len(pixels) for pixels in flat[:-1])])
        widths = [image.shape[1] for image in photographs] or [2]
        self._pixels = torch.from_numpy(np.concatenate(flat)).to(device)
        self._starts, self._widths = torch.tensor(starts, device=device), torch.tensor(widths, device=device)

    def cut(self, number: Tensor, window: Tensor) -> Tensor:
        """(n, R, R, 3) 0..1 square windows (n, 3) left, top, side of the photographs `number` (n,), interpolated."""
        left, top, side = window.long().unbind(1)
        pixel = torch.arange(RENDERED_SIDE, device=window.device) + 0.5
        place = (pixel * (side[:, None] / RENDERED_SIDE) - 0.5).clamp(min=0)
        low = torch.minimum(place.long(), side[:, None] - 1)
        high = torch.minimum(low + 1, side[:, None] - 1)
        share = (place - low).clamp(0, 1)

        def pixels(rows: Tensor, columns: Tensor) -> Tensor:
            row = (top[:, None] + rows) * self._widths[number][:, None] + self._starts[number][:, None]
            return self._pixels[row[:, :, None] + (left[:, None] + columns)[:, None, :]].float()

        across, down = share[:, None, :, None], share[:, :, None, None]
        upper = pixels(low, low) * (1 - across) + pixels(low, high) * across
        lower = pixels(high, low) * (1 - across) + pixels(high, high) * across
        return (upper * (1 - down) + lower * down) / 255


def draw_backdrops(
    scenes: Scenes, rays: Tensor, fabrics: Tensor, panoramas: Tensor, album: Album, maps: Tensor, to_shadow: Tensor
) -> Tensor:
    """(N, R, R, 3) linear colours behind the people, their shadows included.

    Args:
        rays: (N, R, R, 3) in the world, as `Views.rays` turned; fabrics: (K + 1, T, T, 3), the last one plain.
        maps, to_shadow: (M, s, s), (M, 3, 4) the people's shadow maps.
    """
    backdrops = scenes.backdrops
    colours = torch.empty_like(rays)
    some = (backdrops.kind == ROOM).nonzero()[:, 0]
    if len(some):
        colours[some] = _rooms(scenes, some, rays[some], fabrics)
    some = (backdrops.kind == PANORAMA).nonzero()[:, 0]
    if len(some):
        colours[some] = _panoramas(scenes, some, panoramas)
    some = (backdrops.kind == PHOTOGRAPH).nonzero()[:, 0]
    if len(some):
        picture = album.cut(backdrops.photograph[some], backdrops.window[some]) ** 2.2
        picture = torch.where(backdrops.mirrored[some][:, None, None, None], picture.flip(2), picture)
        colours[some] = picture * backdrops.brightness[some][:, None, None, None]
    _darken_ground(scenes, rays, maps, to_shadow, colours)
    some = (backdrops.defocus > 0).nonzero()[:, 0]
    if len(some):
        blur = blur_matrices(backdrops.defocus[some], RENDERED_SIDE)
        colours[some] = resample(colours[some].permute(0, 3, 1, 2), blur).permute(0, 2, 3, 1)
    return colours


def _rooms(scenes: Scenes, some: Tensor, rays: Tensor, fabrics: Tensor) -> Tensor:
    backdrops = scenes.backdrops.rows(some)
    to_room = heading_matrices(-backdrops.heading)
    slope = rays @ to_room.transpose(1, 2)[:, None]
    eye = (to_room @ scenes.views.position[some][..., None])[..., 0][:, None, None]
    low, high = backdrops.low[:, None, None], backdrops.high[:, None, None]
    reach = torch.where(slope > 0, high - eye, low - eye) / slope
    reach = torch.where((slope.abs() < 1e-6) | (reach <= 0), 1e9, reach)
    nearest, axis = reach.min(-1)
    hit = eye + nearest[..., None] * slope
    middle = (low + high) / 2
    level = axis == 2
    below = level & (hit[..., 2] < middle[..., 2])
    surface = torch.where(level, torch.where(below, 0, 2), 1)
    beyond = (hit > middle)[..., :2].gather(-1, axis.clamp(max=1)[..., None])[..., 0]
    side = torch.where(level, torch.where(below, 4, 5), axis * 2 + beyond)
    u = torch.where(axis == 0, hit[..., 1], hit[..., 0])
    v = torch.where(level, hit[..., 1], hit[..., 2])
    flat = surface.flatten(1)
    number = backdrops.fabrics.gather(1, flat).view_as(surface)
    number = torch.where(number < 0, len(fabrics) - 1, number)
    repeat = backdrops.repeats.gather(1, flat).view_as(u)
    tint = backdrops.tints.gather(1, flat[..., None].expand(-1, -1, 3)).view_as(hit)
    light = backdrops.sides.gather(1, side.flatten(1)).view_as(u)
    skirting = (surface == 1) & (hit[..., 2] - low[..., 2] < 0.09)
    light = torch.where(skirting, 0.6 * light, light)
    return texel(fabrics, number, u * repeat, -v * repeat) * tint * light[..., None]


def _panoramas(scenes: Scenes, some: Tensor, panoramas: Tensor) -> Tensor:
    views = scenes.views.rows(some)
    rays = functional.normalize(views.rays(PANORAMA_STEP) @ views.rotation[:, None], dim=-1)
    turn = scenes.lights.turn[some][:, None, None]
    azimuth = (torch.atan2(rays[..., 1], rays[..., 0]) - turn) % (2 * math.pi)
    # `texel` takes shares of the picture, with a pixel's centre at its corner, as OpenCV's remap does.
    u, v = azimuth / (2 * math.pi), torch.arccos(rays[..., 2].clamp(-1, 1)) / math.pi
    number = scenes.lights.panorama[some][:, None, None].expand_as(u)
    view = texel(panoramas, number, u, v)
    middle = view.flatten(1).median(1).values[:, None, None, None]
    view = (view / (middle * 3 + 1e-3)).clamp(max=1.5).permute(0, 3, 1, 2)
    large = functional.interpolate(view, size=(RENDERED_SIDE, RENDERED_SIDE), mode="bicubic", align_corners=False)
    return large.clamp(min=0).permute(0, 2, 3, 1)


def _darken_ground(scenes: Scenes, rays: Tensor, maps: Tensor, to_shadow: Tensor, colours: Tensor) -> None:
    """Multiplies the shadows of everybody into the ground, in place, one person of each crop after the other."""
    crops = scenes.people.crop
    earlier = torch.tril(crops[:, None] == crops[None], -1).sum(1)  # how many people of the crop come before
    for turn in range(int(earlier.max()) + 1 if len(crops) else 0):
        people = ((earlier == turn) & (scenes.shadow[crops] > 0)).nonzero()[:, 0]
        if not len(people):
            continue
        crop = crops[people]
        slope = rays[crop]
        eye, ground = scenes.views.position[crop][:, None, None], scenes.ground[crop][:, None, None]
        falls = slope[..., 2] < -1e-3
        depth = (ground - eye[..., 2]) / torch.where(falls, slope[..., 2], -1.0)
        hit = eye + depth[..., None] * slope
        hit[..., 2] = ground
        transform = to_shadow[people][:, None]
        place = hit @ transform[..., :3].transpose(2, 3) + transform[..., 3][:, :, None]
        margin, size = 5, maps.shape[-1]
        near = ((place[..., :2] > -margin) & (place[..., :2] < size + margin)).all(-1)
        near &= falls & (depth > 0) & (depth <= _FARTHEST_SHADOW)
        which, row, column = near.nonzero(as_tuple=True)
        dark = shadow_share(maps, people[which], place[near], 1.7, 2, 0.01)
        colours[crop[which], row, column] *= (1 - scenes.shadow[crop[which]] * dark)[:, None]


def heading_matrices(angle: Tensor) -> Tensor:
    """(n, 3, 3) turns about the vertical by angle (n,) rad."""
    cosine, sine = torch.cos(angle), torch.sin(angle)
    zero, one = torch.zeros_like(angle), torch.ones_like(angle)
    return torch.stack([cosine, -sine, zero, sine, cosine, zero, zero, zero, one], 1).reshape(-1, 3, 3)


def plain_fabric(fabrics: Tensor) -> Tensor:
    """The fabrics (K, T, T, 3) and a plain one after them, as `draw_backdrops` takes them."""
    return torch.cat([fabrics, torch.full_like(fabrics[:1], PLAIN)])
