"""The rest of the Numba renderer: flat-sided solids, rooms seen from inside, shadows on the ground."""

from __future__ import annotations

import numpy as np
from numba import njit

from training.synthesis.shading_cpu import irradiance, shadow_share, texel


@njit(cache=True, fastmath=True)
def shade_solids(
    triangle, barycentric, faces, normals, uv, texture_of, textures, tints, harmonics, ambient, sun, sun_colour
):  # fmt: skip
    """Colours (H, W, 3), linear, of flat-sided solids.

    Args:
        faces: (F, 3); normals: (F, 3) one a face; uv: (V, 2); texture_of: (F,) index into
            textures (K, T, T, 3) and tints (K, 3).
    """
    height, width = triangle.shape
    colours = np.zeros((height, width, 3), np.float32)
    for y in range(height):
        for x in range(width):
            t = triangle[y, x]
            if t < 0:
                continue
            a, b, c = faces[t, 0], faces[t, 1], faces[t, 2]
            l1, l2 = barycentric[y, x, 0], barycentric[y, x, 1]
            l0 = 1 - l1 - l2
            u = uv[a, 0] * l0 + uv[b, 0] * l1 + uv[c, 0] * l2
            v = uv[a, 1] * l0 + uv[b, 1] * l1 + uv[c, 1] * l2
            nx, ny, nz = normals[t, 0], normals[t, 1], normals[t, 2]
            facing = max(0.0, nx * sun[0] + ny * sun[1] + nz * sun[2])
            k = texture_of[t]
            for channel in range(3):
                diffuse = irradiance(harmonics, channel, nx, ny, nz) * ambient / 3.14159
                albedo = texel(textures[k], u, v, channel) * tints[k, channel]
                colours[y, x, channel] = albedo * (diffuse + 0.8 * sun_colour[channel] * facing)
    return colours


@njit(cache=True, fastmath=True)
def shade_room(height, width, focal, cx, cy, rotation, eye_point, low, high, textures, tints, repeats, light):
    """Looks into an axis-aligned room from inside.

    Args:
        rotation: (3, 3) room to camera; eye_point: (3,) camera position in the room's frame; low, high: (3,) corners.
        textures: (3, T, T, 3) floor, walls, ceiling; tints: (3, 3); repeats: (3,) per metre; light: (6,) per side.

    Returns:
        (H, W, 3) linear colours.
    """
    colours = np.zeros((height, width, 3), np.float32)
    for y in range(height):
        for x in range(width):
            d0, d1 = (x + 0.5 - cx) / focal, (y + 0.5 - cy) / focal
            nearest, axis_hit = 1e9, 2
            for axis in range(3):
                slope = rotation[0, axis] * d0 + rotation[1, axis] * d1 + rotation[2, axis]
                if abs(slope) < 1e-6:
                    continue
                bound = high[axis] if slope > 0 else low[axis]
                t = (bound - eye_point[axis]) / slope
                if 0 < t < nearest:
                    nearest, axis_hit = t, axis
            q0 = eye_point[0] + nearest * (rotation[0, 0] * d0 + rotation[1, 0] * d1 + rotation[2, 0])
            q1 = eye_point[1] + nearest * (rotation[0, 1] * d0 + rotation[1, 1] * d1 + rotation[2, 1])
            q2 = eye_point[2] + nearest * (rotation[0, 2] * d0 + rotation[1, 2] * d1 + rotation[2, 2])
            if axis_hit == 2:
                surface = 0 if q2 < 0.5 * (low[2] + high[2]) else 2
                u, v = q0, q1
                side = 4 if surface == 0 else 5
            else:
                surface = 1
                u, v = (q1, q2) if axis_hit == 0 else (q0, q2)
                centre = 0.5 * (low[axis_hit] + high[axis_hit])
                side = axis_hit * 2 + (1 if (q0 if axis_hit == 0 else q1) > centre else 0)
            for k in range(3):
                colour = texel(textures[surface], u * repeats[surface], -v * repeats[surface], k) * tints[surface, k]
                if surface == 1 and q2 - low[2] < 0.09:
                    colour *= 0.6
                colours[y, x, k] = colour * light[side]
    return colours


@njit(cache=True, fastmath=True)
def darken_ground(colours, ground, eye_point, rotation, focal, cx, cy, shadow_map, to_shadow, strength):
    """Multiplies the sun's shadow and a soft contact shadow into an already coloured background, in place."""
    height, width = colours.shape[:2]
    for y in range(height):
        for x in range(width):
            d0, d1 = (x + 0.5 - cx) / focal, (y + 0.5 - cy) / focal
            dz = rotation[0, 2] * d0 + rotation[1, 2] * d1 + rotation[2, 2]
            if dz >= -1e-3:
                continue
            t = (ground - eye_point[2]) / dz
            if t <= 0 or t > 30:
                continue
            p0 = eye_point[0] + t * (rotation[0, 0] * d0 + rotation[1, 0] * d1 + rotation[2, 0])
            p1 = eye_point[1] + t * (rotation[0, 1] * d0 + rotation[1, 1] * d1 + rotation[2, 1])
            dark = shadow_share(shadow_map, to_shadow, p0, p1, ground, 1.7, 2, 0.01)
            for k in range(3):
                colours[y, x, k] *= 1 - strength * dark


@njit(cache=True)
def overlay(colours, nearness, owner, surface, layer, layer_nearness, layer_owner, triangle, surfaces):
    """Puts a layer into planes, in place, where it is nearer; surfaces: what the planes call the layer's triangles."""
    height, width = nearness.shape
    for y in range(height):
        for x in range(width):
            if layer_nearness[y, x] > nearness[y, x]:
                nearness[y, x] = layer_nearness[y, x]
                owner[y, x] = layer_owner
                surface[y, x] = surfaces[triangle[y, x]]
                for k in range(3):
                    colours[y, x, k] = layer[y, x, k]
