"""A z-buffer for one crop, compiled by Numba: which triangle each pixel sees; shading_cpu has the colours.

Conventions: world frame z up, metres; the renderer's pixels have their centres at half integers (the caller shifts the
intrinsics); arrays are float32. Shading is deferred: first which triangle each pixel sees, then its colour.
"""

from __future__ import annotations

import numpy as np
from numba import njit


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
