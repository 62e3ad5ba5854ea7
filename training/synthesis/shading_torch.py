"""Colours of what pixels see, in torch: the twin of `shade_person` in renderer_cpu, for lists of pixels."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from training.synthesis import mesh_columns as r

_SKIN, _TOP, _BOTTOM, _SHOES, _HAIR, _EYE = range(6)


def texel(textures: Tensor, number: Tensor, u: Tensor, v: Tensor) -> Tensor:
    """(..., C) bilinear samples of repeating textures (K, T, T, C), `number` (...) is which, u, v (...) where."""
    height, width = textures.shape[1:3]
    u, v = (u - u.floor()) * width, (v - v.floor()) * height
    x, y = u.long(), v.long()
    fx, fy = (u - x)[..., None], (v - y)[..., None]
    x, y = x % width, y % height
    x1, y1 = (x + 1) % width, (y + 1) % height
    upper = textures[number, y, x] * (1 - fx) + textures[number, y, x1] * fx
    lower = textures[number, y1, x] * (1 - fx) + textures[number, y1, x1] * fx
    return upper * (1 - fy) + lower * fy


def irradiance(harmonics: Tensor, normals: Tensor) -> Tensor:
    """(P, 3) irradiance of harmonics (P, 9, 3) at unit normals (P, 3) (Ramamoorthi and Hanrahan 2001, eq. 13)."""
    x, y, z = normals.T
    basis = torch.stack(
        [
            torch.full_like(x, 0.886227), 1.023328 * y, 1.023328 * z, 1.023328 * x, 0.858086 * x * y, 0.858086 * y * z,
            0.247708 * (3 * z * z - 1), 0.858086 * x * z, 0.429043 * (x * x - y * y),
        ],
        1,
    )  # fmt: skip
    return (basis[..., None] * harmonics).sum(1).clamp(min=0)


def shadow_share(maps: Tensor, number: Tensor, places: Tensor, spread: float, taps: int, bias: float) -> Tensor:
    """(P,) share of the neighbourhood (0..1) that lies in shadow.

    Args:
        maps: (M, s, s) nearness to the sun; number: (P,) which map; places: (P, 3) pixel x, y and nearness in it.
    """
    size = maps.shape[-1]
    dark = torch.zeros_like(places[:, 0])
    for dy in range(-taps, taps + 1):
        for dx in range(-taps, taps + 1):
            x, y = (places[:, 0] + dx * spread).long(), (places[:, 1] + dy * spread).long()
            within = (x >= 0) & (x < size) & (y >= 0) & (y < size)
            blocker = maps[number, y.clamp(0, size - 1), x.clamp(0, size - 1)]
            dark += within & (blocker > places[:, 2] + bias)
    return dark / (2 * taps + 1) ** 2


@dataclass(frozen=True)
class Seen:
    """What P pixels see of people, interpolated: position, normal and rest position (P, 3), fields (P, 7), kind (P,) of
    the triangle."""

    position: Tensor
    normal: Tensor
    rest: Tensor
    fields: Tensor
    kind: Tensor


@dataclass(frozen=True)
class Worn:
    """Per pixel: cut (P, 11), fabrics (P, 3), creases and edges (P,), skin and hair (P, 3); the textures they number:
    cloths (K, T, T, 3), folds (C, T, T, 1), noises (E, n, n); landmarks (6,) of the face."""

    cut: Tensor
    fabrics: Tensor
    creases: Tensor
    edges: Tensor
    skin: Tensor
    hair: Tensor
    cloths: Tensor
    folds: Tensor
    noises: Tensor
    landmarks: Tensor


@dataclass(frozen=True)
class Lit:
    """Per pixel: harmonics (P, 9, 3), ambient (P,), sun and sun_colour (P, 3), lit (P,) share of the sun that arrives,
    to_eye (P, 3) unit directions to the camera."""

    harmonics: Tensor
    ambient: Tensor
    sun: Tensor
    sun_colour: Tensor
    lit: Tensor
    to_eye: Tensor


def shade_person(seen: Seen, worn: Worn, light: Lit) -> Tensor:
    """(P, 3) linear colours."""
    size = worn.noises.shape[-1]
    r0, _, r2 = seen.rest.T
    rows, columns = ((r0 + 5) * 97 * size).long() % size, ((r2 + 5) * 97 * size).long() % size
    edge = worn.noises[worn.edges, rows, columns] - 0.5
    material = _materials(seen, worn, edge)
    albedo = _albedo(seen, worn, material, edge)
    specular = torch.tensor([0.12, 0.05, 0.05, 0.2, 0.15, 0.4], device=albedo.device)[material]
    gloss = torch.tensor([12.0, 12, 12, 20, 12, 40], device=albedo.device)[material]
    normal = _bumped(seen, worn, material)
    away = (normal * light.to_eye).sum(1, keepdim=True) < 0
    normal = torch.where(away, -normal, normal)
    facing = (normal * light.sun).sum(1).clamp(min=0)
    halfway = light.sun + light.to_eye
    halfway = halfway / (halfway.square().sum(1, keepdim=True) + 1e-9).sqrt()
    highlight = specular * (normal * halfway).sum(1).clamp(min=0) ** gloss
    diffuse = irradiance(light.harmonics, normal) * light.ambient[:, None] / math.pi
    direct = light.sun_colour * light.lit[:, None]
    return albedo * (diffuse + direct * facing[:, None]) + direct * highlight[:, None]


def _materials(seen: Seen, worn: Worn, edge: Tensor) -> Tensor:
    """(P,) what each pixel is made of; the later lines have the last word, as the CPU's earlier branches have."""
    r0, r1, _ = seen.rest.T
    arm, leg, height, scalp, head, foot, hand = seen.fields.T
    cut = worn.cut.T
    material = torch.full_like(worn.edges, _SKIN)

    def put(where: Tensor, what: int | Tensor) -> None:
        nonlocal material
        material = torch.where(where, what, material)

    neckline = cut[r.NECK] + 0.35 * r0.abs() - torch.where(r1 < 0, -0.3 * r1, 0.0)
    put((arm <= 0) & (height > cut[r.HEM]) & (height < neckline), _TOP)
    put((arm > 0) & (arm < cut[r.SLEEVE]), _TOP)
    put((leg > -0.9) & (arm < 0) & (height < cut[r.WAIST]) & (leg < cut[r.TROUSERS]), _BOTTOM)
    put(hand > 0.5, torch.where(cut[r.GLOVES] > 0, _SHOES, _SKIN))
    put(foot > 0.4, torch.where(cut[r.SHOES] > 0, _SHOES, _SKIN))
    put((head > 0.5) & (scalp + edge * 0.02 > cut[r.HAIRLINE]), _HAIR)
    put(seen.kind == r.SKIRT, _BOTTOM)
    put(seen.kind == r.EYE, _EYE)
    put(seen.kind == r.HAIR_MESH, _HAIR)
    return material


def _albedo(seen: Seen, worn: Worn, material: Tensor, edge: Tensor) -> Tensor:
    r0, r1, r2 = seen.rest.T
    eye_x, eye_y, eye_z, mouth_y, mouth_z, _ = worn.landmarks
    on_head, aside = seen.fields[:, r.HEAD] > 0.5, r0.abs()
    skin = worn.skin * (1 + 0.10 * edge)[:, None]
    mouth = on_head & (r1 < mouth_y) & (aside < 0.024) & ((r2 - mouth_z).abs() < 0.007)
    skin = torch.where(mouth[:, None], skin * torch.tensor([0.85, 0.55, 0.55], device=skin.device), skin)
    arch = eye_z + 0.023 - 0.12 * (aside - eye_x).abs()
    brow = on_head & (r1 < eye_y + 0.02) & ((aside - eye_x).abs() < 0.019) & ((r2 - arch).abs() < 0.0045)
    skin = torch.where(brow[:, None], skin * 0.35 + worn.hair * 0.4, skin)
    white = torch.where((aside - eye_x) ** 2 + (r2 - eye_z) ** 2 > 0.0065**2, 0.75, 0.05)
    strand = 0.75 + 0.5 * texel(worn.folds, worn.creases, r0 * 6 + r1 * 3, r2 * 1.2)
    garment = (material - _TOP).clamp(0, 2)
    repeats = torch.stack([worn.cut[:, r.TOP_SCALE], worn.cut[:, r.BOTTOM_SCALE], torch.full_like(r0, 2.0)], 1)
    repeat = repeats.gather(1, garment[:, None])[:, 0]
    shift = torch.where(material == _TOP, 0.13, 0.37)
    fabric = worn.fabrics.gather(1, garment[:, None])[:, 0]
    cloth = texel(worn.cloths, fabric, (r0 * 0.8 + r1 * 0.35) * repeat + shift, r2 * repeat)
    albedo = torch.where((material == _SKIN)[:, None], skin, cloth)
    albedo = torch.where((material == _HAIR)[:, None], worn.hair * strand, albedo)
    return torch.where((material == _EYE)[:, None], white[:, None], albedo)


def _bumped(seen: Seen, worn: Worn, material: Tensor) -> Tensor:
    """(P, 3) unit normals with the folds of cloth."""
    r0, r1, r2 = seen.rest.T
    cloth = (material == _TOP) | (material == _BOTTOM)
    bump = torch.where(cloth, worn.cut[:, r.BUMP], 0.05) * 8
    u, v, step = r0 * 1.7 + r1 * 1.1, r2 * 1.1, 0.013
    base = texel(worn.folds, worn.creases, u, v)[:, 0]
    across = texel(worn.folds, worn.creases, u + step * 1.7, v)[:, 0] - base
    along = texel(worn.folds, worn.creases, u, v + step * 1.1)[:, 0] - base
    slope = torch.stack([bump * across, torch.zeros_like(bump), bump * along], 1)
    return functional.normalize(seen.normal - slope, dim=1)
