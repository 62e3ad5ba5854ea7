"""Boxes by intersecting rays with slabs, in torch; the twin of `shade_solids` on rasterised triangles."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from training.synthesis.renderer import Scenes
from training.synthesis.shading_torch import irradiance, texel
from training.synthesis.solids import CORNERS, SIDES
from training.synthesis.surroundings_torch import heading_matrices


def intersect_boxes(scenes: Scenes, rays: Tensor) -> tuple[Tensor, Tensor]:
    """Nearness (N, R, R) of the nearest box, 0 where there is none, and the surface (N, R, R) as in `Planes`.

    Args:
        rays: (N, R, R, 3) in the world with a depth of 1, as `Views.rays` turned.
    """
    boxes = scenes.boxes
    nearness = torch.zeros(rays.shape[:3], device=rays.device)
    surface = torch.full(rays.shape[:3], -1, device=rays.device)
    if not len(boxes.crop):
        return nearness, surface
    earlier = torch.arange(len(boxes.crop), device=rays.device) - torch.searchsorted(boxes.crop, boxes.crop)
    for turn in range(int(earlier.max()) + 1):
        some = (earlier == turn).nonzero()[:, 0]
        crop, half = boxes.crop[some], boxes.size[some] / 2
        to_box = heading_matrices(-boxes.heading[some])
        eye = (to_box @ (scenes.views.position[crop] - boxes.centre[some])[..., None])[..., 0]
        slope = rays[crop] @ to_box.transpose(1, 2)[:, None]
        eye, half = eye[:, None, None], half[:, None, None]
        slope = torch.where(slope.abs() < 1e-9, 1e-9, slope)
        toward = slope.sign()
        enter, axis = ((-toward * half - eye) / slope).max(-1)
        leave = ((toward * half - eye) / slope).amin(-1)
        hit = (enter <= leave) & (enter > 0)
        near = torch.where(hit, 1 / enter, 0.0)
        side = 2 * axis + (toward.gather(-1, axis[..., None])[..., 0] < 0)
        front = near > nearness[crop]
        surface[crop] = torch.where(front, -2 - (6 * some[:, None, None] + side), surface[crop])
        nearness[crop] = torch.where(front, near, nearness[crop])
    return nearness, surface


def shade_boxes(scenes: Scenes, crop: Tensor, box: Tensor, side: Tensor, places: Tensor, fabrics: Tensor) -> Tensor:
    """(P, 3) linear colours.

    Args:
        crop, box, side: (P,) what each pixel sees; places: (P, 3) where, world; fabrics: (K, T, T, 3).
    """
    boxes, lights = scenes.boxes, scenes.lights
    turn = heading_matrices(boxes.heading)[box]
    local = (turn * (places - boxes.centre[box])[..., None]).sum(1)
    origin, along, down, normals = _side_frames(places.device)
    from_corner = local - origin[side] * boxes.size[box]
    u, v = (from_corner * along[side]).sum(1), (from_corner * down[side]).sum(1)
    normal = (turn * normals[side][:, None]).sum(2)
    facing = (normal * lights.sun[crop]).sum(1, keepdim=True).clamp(min=0)
    diffuse = irradiance(lights.harmonics[crop], normal) * lights.ambient[crop][:, None] / math.pi
    look = boxes.look[box]
    albedo = texel(fabrics, scenes.box_fabrics[crop, look], u, v) * scenes.box_tints[crop, look]
    return albedo * (diffuse + 0.8 * lights.sun_colour[crop] * facing)


def _side_frames(device: torch.device) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Of each side: the corner (6, 3) of a unit box where texture coordinates start, the directions (6, 3) of u and v,
    the normal (6, 3)."""
    corners = torch.tensor(CORNERS, dtype=torch.float32, device=device)
    ids = torch.tensor([quad for quad, _ in SIDES], device=device)
    normals = torch.tensor([normal for _, normal in SIDES], dtype=torch.float32, device=device)
    first, second, _, last = corners[ids].unbind(1)
    return first, second - first, last - first, normals
