"""A z-buffer renderer for one crop, compiled by Numba: which triangle each pixel sees, and the colours of people.

Conventions: world frame z up, metres; the renderer's pixels have their centres at half integers (the caller shifts the
intrinsics); arrays are float32. Shading is deferred: first which triangle each pixel sees, then its colour.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from training.synthesis.mesh_columns import (
    ARM,
    BOTTOM_SCALE,
    BUMP,
    EYE,
    FOOT,
    GLOVES,
    HAIR_MESH,
    HAIRLINE,
    HAND,
    HEAD,
    HEIGHT,
    HEM,
    LEG,
    NECK,
    SCALP,
    SHOES,
    SKIRT,
    SLEEVE,
    TOP_SCALE,
    TROUSERS,
    WAIST,
)


@njit(cache=True, fastmath=True)
def vertex_normals(vertices, faces):
    """(V, 3) area-weighted unit normals."""
    normals = np.zeros_like(vertices)
    for i in range(faces.shape[0]):
        a, b, c = faces[i, 0], faces[i, 1], faces[i, 2]
        ux, uy, uz = vertices[b, 0] - vertices[a, 0], vertices[b, 1] - vertices[a, 1], vertices[b, 2] - vertices[a, 2]
        vx, vy, vz = vertices[c, 0] - vertices[a, 0], vertices[c, 1] - vertices[a, 1], vertices[c, 2] - vertices[a, 2]
        x, y, z = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        for k in (a, b, c):
            normals[k, 0] += x
            normals[k, 1] += y
            normals[k, 2] += z
    for i in range(normals.shape[0]):
        length = np.sqrt(normals[i, 0] ** 2 + normals[i, 1] ** 2 + normals[i, 2] ** 2) + 1e-12
        normals[i, 0] /= length
        normals[i, 1] /= length
        normals[i, 2] /= length
    return normals


@njit(cache=True, fastmath=True)
def rasterize(points, faces, height, width):
    """Nearest triangle per pixel.

    Args:
        points: (V, 3) pixel x, pixel y and nearness (1 / depth; larger is nearer; not positive means not visible).
        faces: (F, 3) int32.

    Returns:
        triangle (H, W) int32, -1 where empty; barycentric (H, W, 2) weights of the second and third corner,
        perspective-correct; nearness (H, W).
    """
    nearness = np.zeros((height, width), np.float32)
    triangle = np.full((height, width), -1, np.int32)
    barycentric = np.zeros((height, width, 2), np.float32)
    for t in range(faces.shape[0]):
        a, b, c = faces[t, 0], faces[t, 1], faces[t, 2]
        x0, y0, w0 = points[a, 0], points[a, 1], points[a, 2]
        x1, y1, w1 = points[b, 0], points[b, 1], points[b, 2]
        x2, y2, w2 = points[c, 0], points[c, 1], points[c, 2]
        if w0 <= 0 or w1 <= 0 or w2 <= 0:
            continue
        area = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)
        if abs(area) < 1e-9:
            continue
        left = max(0, int(np.ceil(min(x0, x1, x2) - 0.5)))
        right = min(width - 1, int(np.floor(max(x0, x1, x2) - 0.5)))
        top = max(0, int(np.ceil(min(y0, y1, y2) - 0.5)))
        bottom = min(height - 1, int(np.floor(max(y0, y1, y2) - 0.5)))
        if left > right or top > bottom:
            continue
        scale = 1.0 / area
        for y in range(top, bottom + 1):
            py = y + 0.5
            for x in range(left, right + 1):
                px = x + 0.5
                l1 = ((px - x0) * (y2 - y0) - (x2 - x0) * (py - y0)) * scale
                l2 = ((x1 - x0) * (py - y0) - (px - x0) * (y1 - y0)) * scale
                l0 = 1 - l1 - l2
                if l0 < 0 or l1 < 0 or l2 < 0:
                    continue
                w = l0 * w0 + l1 * w1 + l2 * w2
                if w > nearness[y, x]:
                    nearness[y, x] = w
                    triangle[y, x] = t
                    barycentric[y, x, 0] = l1 * w1 / w
                    barycentric[y, x, 1] = l2 * w2 / w
    return triangle, barycentric, nearness


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
def shade_person(
    triangle, barycentric, faces, kinds, vertices, normals, rest, fields, cut, textures, noise, skin, hair,
    landmarks, harmonics, ambient, sun, sun_colour, shadow_map, to_shadow, eye_point,
):  # fmt: skip
    """Colours (H, W, 3), linear, of a dressed person.

    Args:
        triangle, barycentric: from `rasterize`.
        faces, kinds: (F, 3), (F,) BODY, SKIRT, HAIR_MESH or EYE.
        vertices, normals: (V, 3) posed and dressed, world frame; rest: (V, 3) rest positions; fields: (V, 7).
        cut: (11,) outfit; textures: (4, T, T, 3): top, bottom, shoes, noise; noise: (n, n) irregular edges.
        skin, hair: (3,) linear albedo; landmarks: (6,) rest positions: eye x, eye y, eye z, mouth y, mouth z, eyes on.
        harmonics: (9, 3); ambient: scalar; sun: (3,) direction to it; sun_colour: (3,);
        shadow_map, to_shadow: (M, M) nearness to the sun, (3, 4) world to its pixels; eye_point: (3,) camera position.
    """
    height, width = triangle.shape
    colours = np.zeros((height, width, 3), np.float32)
    albedo = np.empty(3, np.float32)
    field = np.empty(7, np.float32)
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
            for k in range(7):
                field[k] = fields[a, k] * l0 + fields[b, k] * l1 + fields[c, k] * l2
            column, row = int((r0 + 5) * 97 * noise_size) % noise_size, int((r2 + 5) * 97 * noise_size) % noise_size
            edge = noise[column, row] - 0.5
            # 0 skin, 1 top, 2 bottom, 3 shoes or gloves, 4 hair, 5 eye
            material = 0
            if kinds[t] == HAIR_MESH:
                material = 4
            elif kinds[t] == EYE:
                material = 5
            elif kinds[t] == SKIRT:
                material = 2
            elif field[HEAD] > 0.5 and field[SCALP] + edge * 0.02 > cut[HAIRLINE]:
                material = 4
            elif field[FOOT] > 0.4:
                material = 3 if cut[SHOES] > 0 else 0
            elif field[HAND] > 0.5:
                material = 3 if cut[GLOVES] > 0 else 0
            elif field[LEG] > -0.9 and field[ARM] < 0 and field[HEIGHT] < cut[WAIST] and field[LEG] < cut[TROUSERS]:
                material = 2
            elif 0 < field[ARM] < cut[SLEEVE]:
                material = 1
            elif field[ARM] <= 0 and field[HEIGHT] > cut[HEM]:
                neckline = cut[NECK] + 0.35 * abs(r0) - (0.3 * (-r1) if r1 < 0 else 0.0)
                if field[HEIGHT] < neckline:
                    material = 1
            specular, gloss = np.float32(0.12), np.float32(12.0)
            if material == 0:
                for k in range(3):
                    albedo[k] = skin[k] * (1 + 0.10 * edge)
                if field[HEAD] > 0.5:
                    ax = abs(r0)
                    if r1 < landmarks[3] and ax < 0.024 and abs(r2 - landmarks[4]) < 0.007:
                        albedo[0] *= 0.85
                        albedo[1] *= 0.55
                        albedo[2] *= 0.55
                    brow = landmarks[2] + 0.023 - 0.12 * abs(ax - landmarks[0])
                    if r1 < landmarks[1] + 0.02 and abs(ax - landmarks[0]) < 0.019 and abs(r2 - brow) < 0.0045:
                        for k in range(3):
                            albedo[k] = albedo[k] * 0.35 + hair[k] * 0.4
            elif material == 5:
                dx, dz = abs(r0) - landmarks[0], r2 - landmarks[2]
                centre = dx * dx + dz * dz
                white = np.float32(0.75) if centre > 0.0065**2 else np.float32(0.05)
                for k in range(3):
                    albedo[k] = white
                specular, gloss = np.float32(0.4), np.float32(40.0)
            elif material == 4:
                strand = 0.75 + 0.5 * texel(textures[3], r0 * 6 + r1 * 3, r2 * 1.2, 0)
                for k in range(3):
                    albedo[k] = hair[k] * strand
                specular = np.float32(0.15)
            else:
                repeat = cut[TOP_SCALE] if material == 1 else (cut[BOTTOM_SCALE] if material == 2 else np.float32(2.0))
                shift = 0.13 if material == 1 else 0.37
                for k in range(3):
                    albedo[k] = texel(textures[material - 1], (r0 * 0.8 + r1 * 0.35) * repeat + shift, r2 * repeat, k)
                specular = np.float32(0.2) if material == 3 else np.float32(0.05)
                if material == 3:
                    gloss = np.float32(20.0)
            bump = cut[BUMP] if material in (1, 2) else np.float32(0.05)
            tu, tv, step = r0 * 1.7 + r1 * 1.1, r2 * 1.1, 0.013
            base = texel(textures[3], tu, tv, 0)
            nx -= bump * (texel(textures[3], tu + step * 1.7, tv, 0) - base) * 8
            nz -= bump * (texel(textures[3], tu, tv + step * 1.1, 0) - base) * 8
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
            highlight = specular * max(0.0, (nx * h0 + ny * h1 + nz * h2) * length) ** gloss
            for k in range(3):
                diffuse = irradiance(harmonics, k, nx, ny, nz) * ambient / 3.14159
                direct = sun_colour[k] * lit
                colours[y, x, k] = albedo[k] * (diffuse + direct * facing) + direct * highlight
    return colours
