"""Colours of what pixels see, in torch: the twin of `shade_person` in shading_cpu, for lists of pixels."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from training.synthesis import mesh_columns as r

_GLOSS = (12.0, 12, 12, 20, 12, 12, 12, 40)
_SPECULAR = (0.12, 0.05, 0.05, 0.2, 0.05, 0.08, 0.15, 0.4)
_SHIFTS = (0.13, 0.37, 0.37, 0.71, 0.53)


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
    """What P pixels see of people, interpolated: position, normal and rest position (P, 3), fields (P, 8), kind (P,) of
    the triangle."""

    position: Tensor
    normal: Tensor
    rest: Tensor
    fields: Tensor
    kind: Tensor


@dataclass(frozen=True)
class Worn:
    """Per pixel: cut (P, 15), fabrics (P, 5), creases, edges and faces (P,), skin and hair (P, 3); the textures they
    number: cloths (K, T, T, 3), folds (C, T, T, 1), noises (E, n, n), painted (A, T, T, 4); landmarks (3,) an eye."""

    cut: Tensor
    fabrics: Tensor
    creases: Tensor
    edges: Tensor
    faces: Tensor
    skin: Tensor
    hair: Tensor
    cloths: Tensor
    folds: Tensor
    noises: Tensor
    painted: Tensor
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
    rows, columns = ((r0 + 5) * 5 * size).long() % size, ((r2 + 5) * 5 * size).long() % size
    edge = worn.noises[worn.edges, rows, columns] - 0.5
    material = materials_of(seen, worn, edge)
    albedo = albedo_of(seen, worn, material, edge)
    specular = torch.tensor(_SPECULAR, device=albedo.device)[material]
    gloss = torch.tensor(_GLOSS, device=albedo.device)[material]
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


def materials_of(seen: Seen, worn: Worn, edge: Tensor) -> Tensor:
    """(P,) what each pixel is made of; the later lines have the last word, as the CPU's earlier branches have."""
    r0, r1, _ = seen.rest.T
    arm, leg, height, scalp, head, foot, hand, crown = seen.fields.T
    cut = worn.cut.T
    material = torch.full_like(worn.edges, r.SKIN)

    def put(where: Tensor, what: int | Tensor) -> None:
        nonlocal material
        material = torch.where(where, what, material)

    neckline = cut[r.NECK] + 0.35 * r0.abs() - torch.where(r1 < 0, -0.3 * r1, 0.0)
    inner = (r1 < 0) & (r0.abs() + 0.01 * edge < cut[r.OPENING])
    put((arm <= 0) & (height > cut[r.HEM]) & (height < neckline), torch.where(inner, r.INNER, r.TOP))
    put((arm > 0) & (arm < cut[r.SLEEVE]), r.TOP)
    put((leg > -0.9) & (arm < 0) & (height < cut[r.WAIST]) & (leg < cut[r.TROUSERS]), r.BOTTOM)
    put(hand > 0.5, torch.where(cut[r.GLOVES] > 0, r.SHOE, r.SKIN))
    put(foot > 0.4, torch.where(cut[r.SHOES] > 0, r.SHOE, r.SKIN))
    over_hairline = (head > 0.5) & (scalp + edge * 0.02 > cut[r.HAIRLINE])
    put(over_hairline, torch.where(cut[r.HOOD] > 0, r.TOP, r.HAIR))
    put(seen.kind == r.SKIRT, torch.where(cut[r.COAT] > 0, r.TOP, r.BOTTOM))
    put(seen.kind == r.HAIR_MESH, r.HAIR)
    put(crown > cut[r.HAT], r.HEADGEAR)
    put(seen.kind == r.EYE, r.EYEBALL)
    return material


def albedo_of(seen: Seen, worn: Worn, material: Tensor, edge: Tensor) -> Tensor:
    """(P, 3) linear albedo of materials (P,); edge: (P,) noise around 0."""
    r0, r1, r2 = seen.rest.T
    face = texel(worn.painted, worn.faces, (r0 - r.FACE_LEFT) / r.FACE_WIDTH, (r.FACE_TOP - r2) / r.FACE_HEIGHT)
    on_face = ((seen.fields[:, r.HEAD] > 0.5) & (r1 < r.FACE_DEPTH))[:, None]
    tint, bearded = torch.where(on_face, face[:, :3], 1.0), torch.where(on_face, face[:, 3:], 0.0)
    skin = worn.skin * (1 + 0.10 * edge)[:, None] * tint * (1 - bearded) + worn.hair * bearded
    eye_x, _, eye_z = worn.landmarks
    white = torch.where((r0.abs() - eye_x) ** 2 + (r2 - eye_z) ** 2 > 0.0065**2, 0.62, 0.04)
    strand = 0.45 + 1.1 * texel(worn.folds, worn.creases, r0 * 14 + r1 * 9, r2 * 1.6)
    garment = (material - r.TOP).clamp(0, r.HEADGEAR - r.TOP)
    repeat = torch.full_like(r0, 2.0)
    repeat = torch.where(material == r.TOP, worn.cut[:, r.TOP_SCALE], repeat)
    repeat = torch.where(material == r.BOTTOM, worn.cut[:, r.BOTTOM_SCALE], repeat)
    shift = torch.tensor(_SHIFTS, device=r0.device)[garment]
    fabric = worn.fabrics.gather(1, garment[:, None])[:, 0]
    cloth = texel(worn.cloths, fabric, (r0 * 0.8 + r1 * 0.35) * repeat + shift, r2 * repeat)
    albedo = torch.where((material == r.SKIN)[:, None], skin, cloth)
    albedo = torch.where((material == r.HAIR)[:, None], worn.hair * strand, albedo)
    return torch.where((material == r.EYEBALL)[:, None], white[:, None] * face[:, :3], albedo)


def _bumped(seen: Seen, worn: Worn, material: Tensor) -> Tensor:
    """(P, 3) unit normals with the folds of cloth."""
    r0, r1, r2 = seen.rest.T
    cloth = (material == r.TOP) | (material == r.BOTTOM) | (material == r.INNER) | (material == r.HEADGEAR)
    bump = torch.where(cloth, worn.cut[:, r.BUMP], 0.05) * 8
    u, v, step = r0 * 1.7 + r1 * 1.1, r2 * 1.1, 0.013
    base = texel(worn.folds, worn.creases, u, v)[:, 0]
    across = texel(worn.folds, worn.creases, u + step * 1.7, v)[:, 0] - base
    along = texel(worn.folds, worn.creases, u, v + step * 1.1)[:, 0] - base
    slope = torch.stack([bump * across, torch.zeros_like(bump), bump * along], 1)
    return functional.normalize(seen.normal - slope, dim=1)
