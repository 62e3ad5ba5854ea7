"""Colours of what pixels see, compiled by Numba: people's skin, faces, hair and clothes, under a sky and a sun."""

from __future__ import annotations

import numpy as np
from numba import njit

from training.synthesis import mesh_columns as r

_GLOSS = np.array([12, 12, 12, 20, 12, 12, 12, 40], np.float32)
_SPECULAR = np.array([0.12, 0.05, 0.05, 0.2, 0.05, 0.08, 0.15, 0.4], np.float32)
_SHIFTS = np.array([0, 0.13, 0.37, 0.37, 0.71, 0.53], np.float32)

_FACE = (r.FACE_LEFT, 1 / r.FACE_WIDTH, r.FACE_TOP, 1 / r.FACE_HEIGHT, r.FACE_DEPTH)


@njit(cache=True, fastmath=True, inline="always")
def texel(texture, u, v, channel):
    """Bilinear sample of a repeating texture."""
    height, width = texture.shape[0], texture.shape[1]
    u = (u - np.floor(u)) * width
    v = (v - np.floor(v)) * height
    x, y = int(u), int(v)
    fx, fy = u - x, v - y
    x %= width
    y %= height
    x1, y1 = (x + 1) % width, (y + 1) % height
    upper = texture[y, x, channel] * (1 - fx) + texture[y, x1, channel] * fx
    lower = texture[y1, x, channel] * (1 - fx) + texture[y1, x1, channel] * fx
    return upper * (1 - fy) + lower * fy


@njit(cache=True, fastmath=True, inline="always")
def irradiance(harmonics, c, x, y, z):
    """Irradiance of nine spherical harmonics (Ramamoorthi and Hanrahan 2001, eq. 13) at a unit normal."""
    value = (
        0.886227 * harmonics[0, c]
        + 1.023328 * (harmonics[1, c] * y + harmonics[2, c] * z + harmonics[3, c] * x)
        + 0.858086 * (harmonics[4, c] * x * y + harmonics[5, c] * y * z + harmonics[7, c] * x * z)
        + 0.247708 * harmonics[6, c] * (3 * z * z - 1)
        + 0.429043 * harmonics[8, c] * (x * x - y * y)
    )
    return max(value, 0.0)


@njit(cache=True, fastmath=True, inline="always")
def shadow_share(shadow_map, to_shadow, p0, p1, p2, spread, taps, bias):
    """Share of the neighbourhood (0..1) that lies in shadow."""
    size = shadow_map.shape[0]
    s0 = to_shadow[0, 0] * p0 + to_shadow[0, 1] * p1 + to_shadow[0, 2] * p2 + to_shadow[0, 3]
    s1 = to_shadow[1, 0] * p0 + to_shadow[1, 1] * p1 + to_shadow[1, 2] * p2 + to_shadow[1, 3]
    s2 = to_shadow[2, 0] * p0 + to_shadow[2, 1] * p1 + to_shadow[2, 2] * p2 + to_shadow[2, 3]
    count, dark = 0.0, 0.0
    for dy in range(-taps, taps + 1):
        for dx in range(-taps, taps + 1):
            ix, iy = int(s0 + dx * spread), int(s1 + dy * spread)
            count += 1
            if 0 <= ix < size and 0 <= iy < size and shadow_map[iy, ix] > s2 + bias:
                dark += 1
    return dark / count


@njit(cache=True, fastmath=True)
def material_of(kind, field, r0, r1, edge, cut):
    """What a point is made of, SKIN to EYEBALL; field: (8,), r0, r1: rest x and y, edge: noise around 0, cut: (15,)."""
    if kind == r.EYE:
        return r.EYEBALL
    if field[r.CROWN] > cut[r.HAT]:
        return r.HEADGEAR
    if kind == r.HAIR_MESH:
        return r.HAIR
    if kind == r.SKIRT:
        return r.TOP if cut[r.COAT] > 0 else r.BOTTOM
    if field[r.HEAD] > 0.5 and field[r.SCALP] + edge * 0.02 > cut[r.HAIRLINE]:
        return r.TOP if cut[r.HOOD] > 0 else r.HAIR
    if field[r.FOOT] > 0.4:
        return r.SHOE if cut[r.SHOES] > 0 else r.SKIN
    if field[r.HAND] > 0.5:
        return r.SHOE if cut[r.GLOVES] > 0 else r.SKIN
    below = field[r.LEG] > -0.9 and field[r.ARM] < 0 and field[r.HEIGHT] < cut[r.WAIST]
    if below and field[r.LEG] < cut[r.TROUSERS]:
        return r.BOTTOM
    if 0 < field[r.ARM] < cut[r.SLEEVE]:
        return r.TOP
    if field[r.ARM] <= 0 and field[r.HEIGHT] > cut[r.HEM]:
        neckline = cut[r.NECK] + 0.35 * abs(r0) - (0.3 * (-r1) if r1 < 0 else 0.0)
        if field[r.HEIGHT] < neckline:
            return r.INNER if r1 < 0 and abs(r0) + 0.01 * edge < cut[r.OPENING] else r.TOP
    return r.SKIN


@njit(cache=True, fastmath=True)
def paint(albedo, material, field, r0, r1, r2, edge, cut, textures, face, skin, hair, eye_x, eye_z):
    """Writes the albedo (3,) of a point at rest position r0, r1, r2; the rest as in `shade_person`."""
    on_face = field[r.HEAD] > 0.5 and r1 < _FACE[4]
    u, v = (r0 - _FACE[0]) * _FACE[1], (_FACE[2] - r2) * _FACE[3]
    if material == r.SKIN:
        share = texel(face, u, v, 3) if on_face else np.float32(0.0)
        for k in range(3):
            tint = texel(face, u, v, k) if on_face else np.float32(1.0)
            albedo[k] = skin[k] * (1 + 0.10 * edge) * tint * (1 - share) + hair[k] * share
    elif material == r.EYEBALL:
        centre = (abs(r0) - eye_x) ** 2 + (r2 - eye_z) ** 2
        white = np.float32(0.62) if centre > 0.0065**2 else np.float32(0.04)
        for k in range(3):
            albedo[k] = white * texel(face, u, v, k)
    elif material == r.HAIR:
        strand = 0.45 + 1.1 * texel(textures[5], r0 * 14 + r1 * 9, r2 * 1.6, 0)
        for k in range(3):
            albedo[k] = hair[k] * strand
    else:
        repeat = np.float32(2.0)
        if material == r.TOP:
            repeat = cut[r.TOP_SCALE]
        elif material == r.BOTTOM:
            repeat = cut[r.BOTTOM_SCALE]
        for k in range(3):
            albedo[k] = texel(
                textures[material - 1], (r0 * 0.8 + r1 * 0.35) * repeat + _SHIFTS[material], r2 * repeat, k
            )


@njit(cache=True, fastmath=True)
def shade_person(
    triangle, barycentric, faces, kinds, vertices, normals, rest, fields, cut, textures, noise, face, skin, hair,
    landmarks, harmonics, ambient, sun, sun_colour, shadow_map, to_shadow, eye_point,
):  # fmt: skip
    """Colours (H, W, 3), linear, of a dressed person.

    Args:
        triangle, barycentric: from `rasterize`.
        faces, kinds: (F, 3), (F,) BODY, SKIRT, HAIR_MESH or EYE.
        vertices, normals: (V, 3) posed and dressed, world frame; rest: (V, 3) rest positions; fields: (V, 8).
        cut: (15,) outfit; textures: (6, T, T, 3): top, bottom, shoes, inner, hat, noise; noise: (n, n) irregular edges.
        face: (T, T, 4) tint of the skin and share of hair; skin, hair: (3,) linear albedo; landmarks: (3,) of the left
        eye; harmonics: (9, 3); ambient: scalar; sun: (3,) direction to it; sun_colour: (3,);
        shadow_map, to_shadow: (M, M) nearness to the sun, (3, 4) world to its pixels; eye_point: (3,) camera position.
    """
    height, width = triangle.shape
    colours = np.zeros((height, width, 3), np.float32)
    albedo = np.empty(3, np.float32)
    field = np.empty(8, np.float32)
    noise_size = noise.shape[0]
    for y in range(height):
        for x in range(width):
            t = triangle[y, x]
            if t < 0:
                continue
            a, b, c = faces[t, 0], faces[t, 1], faces[t, 2]
            l1, l2 = barycentric[y, x, 0], barycentric[y, x, 1]
            l0 = 1 - l1 - l2
            nx = normals[a, 0] * l0 + normals[b, 0] * l1 + normals[c, 0] * l2
            ny = normals[a, 1] * l0 + normals[b, 1] * l1 + normals[c, 1] * l2
            nz = normals[a, 2] * l0 + normals[b, 2] * l1 + normals[c, 2] * l2
            p0 = vertices[a, 0] * l0 + vertices[b, 0] * l1 + vertices[c, 0] * l2
            p1 = vertices[a, 1] * l0 + vertices[b, 1] * l1 + vertices[c, 1] * l2
            p2 = vertices[a, 2] * l0 + vertices[b, 2] * l1 + vertices[c, 2] * l2
            r0 = rest[a, 0] * l0 + rest[b, 0] * l1 + rest[c, 0] * l2
            r1 = rest[a, 1] * l0 + rest[b, 1] * l1 + rest[c, 1] * l2
            r2 = rest[a, 2] * l0 + rest[b, 2] * l1 + rest[c, 2] * l2
            for k in range(8):
                field[k] = fields[a, k] * l0 + fields[b, k] * l1 + fields[c, k] * l2
            column, row = int((r0 + 5) * 5 * noise_size) % noise_size, int((r2 + 5) * 5 * noise_size) % noise_size
            edge = noise[column, row] - 0.5
            material = material_of(kinds[t], field, r0, r1, edge, cut)
            paint(
                albedo, material, field, r0, r1, r2, edge, cut, textures, face, skin, hair, landmarks[0], landmarks[2]
            )
            cloth = material in (r.TOP, r.BOTTOM, r.INNER, r.HEADGEAR)
            bump = cut[r.BUMP] if cloth else np.float32(0.05)
            tu, tv, step = r0 * 1.7 + r1 * 1.1, r2 * 1.1, 0.013
            base = texel(textures[5], tu, tv, 0)
            nx -= bump * (texel(textures[5], tu + step * 1.7, tv, 0) - base) * 8
            nz -= bump * (texel(textures[5], tu, tv + step * 1.1, 0) - base) * 8
            length = 1 / np.sqrt(nx * nx + ny * ny + nz * nz + 1e-12)
            nx, ny, nz = nx * length, ny * length, nz * length
            v0, v1, v2 = eye_point[0] - p0, eye_point[1] - p1, eye_point[2] - p2
            length = 1 / np.sqrt(v0 * v0 + v1 * v1 + v2 * v2)
            v0, v1, v2 = v0 * length, v1 * length, v2 * length
            if nx * v0 + ny * v1 + nz * v2 < 0:
                nx, ny, nz = -nx, -ny, -nz
            lit = 1 - shadow_share(shadow_map, to_shadow, p0, p1, p2, 1.2, 1, 0.02)
            facing = max(0.0, nx * sun[0] + ny * sun[1] + nz * sun[2])
            h0, h1, h2 = sun[0] + v0, sun[1] + v1, sun[2] + v2
            length = 1 / np.sqrt(h0 * h0 + h1 * h1 + h2 * h2 + 1e-9)
            shine = max(0.0, (nx * h0 + ny * h1 + nz * h2) * length) ** _GLOSS[material]
            highlight = _SPECULAR[material] * shine
            for k in range(3):
                diffuse = irradiance(harmonics, k, nx, ny, nz) * ambient / 3.14159
                direct = sun_colour[k] * lit
                colours[y, x, k] = albedo[k] * (diffuse + direct * facing) + direct * highlight
    return colours
