"""Nearest triangles by atomic maxima over packed 64-bit keys, in torch: the same on every device.

A key holds the nearness in its upper bits and the triangle in its lower ones, so that the largest key of a pixel is its
nearest triangle, and of two equally near ones the first, as on the CPU.
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

ID_BITS = 26
"""So many bits name a triangle: 67 million of them, some 2,300 people."""

NEARNESS_STEPS = 2.0**31
"""Steps per unit of nearness (1/m, or m towards the sun); the largest nearness is 1 / NEAREST = 20."""

_LAST_ID = 2**ID_BITS - 1

_PEOPLE_AT_ONCE = 32
"""Keeps the list of candidate pixels within a few hundred megabytes."""


class Rasterizer(Protocol):
    """Draws people's triangles into planes of keys."""

    def __call__(self, keys: Tensor, plane: Tensor, points: Tensor, faces: Tensor, drawn: Tensor, first: int) -> None:
        """Raises keys in place.

        Args:
            keys: (B, S, S) int64, 0 where empty. plane: (M,) which of the B a person is drawn into.
            points: (M, V, 3) pixel x and y (centres at half integers) and nearness, not positive = not visible.
            faces: (F, 3) int64; drawn: (M, F) bool; first: number of the first person, for the triangles' names.
        """
        ...


def unpack(keys: Tensor) -> tuple[Tensor, Tensor]:
    """Names of the nearest triangles (person * F + triangle; -1 = none) and their nearness, shaped as the keys."""
    names = torch.where(keys > 0, _LAST_ID - (keys & _LAST_ID), -1)
    return names, ((keys >> ID_BITS).double() / NEARNESS_STEPS).float()


def rasterize(keys: Tensor, plane: Tensor, points: Tensor, faces: Tensor, drawn: Tensor, first: int = 0) -> None:
    """See `Rasterizer`; lists every pixel of every triangle's bounds and tests it."""
    if len(plane) * len(faces) + first * len(faces) > _LAST_ID:
        raise ValueError(f"{first + len(plane)} people with {len(faces)} triangles each: draw fewer at a time")
    for start in range(0, len(plane), _PEOPLE_AT_ONCE):
        some = slice(start, start + _PEOPLE_AT_ONCE)
        _rasterize_some(keys, plane[some], points[some], faces, drawn[some], first + start)


def _rasterize_some(keys: Tensor, plane: Tensor, points: Tensor, faces: Tensor, drawn: Tensor, first: int) -> None:
    side = keys.shape[-1]
    corners = points[:, faces.reshape(-1)].reshape(len(plane), len(faces), 3, 3)
    x, y, w = corners.unbind(-1)
    area = (x[..., 1] - x[..., 0]) * (y[..., 2] - y[..., 0]) - (x[..., 2] - x[..., 0]) * (y[..., 1] - y[..., 0])
    left, right = (x.amin(-1) - 0.5).ceil().clamp(0, side), (x.amax(-1) - 0.5).floor().clamp(-1, side - 1)
    top, bottom = (y.amin(-1) - 0.5).ceil().clamp(0, side), (y.amax(-1) - 0.5).floor().clamp(-1, side - 1)
    good = drawn & (w > 0).all(-1) & (area.abs() >= 1e-9) & (left <= right) & (top <= bottom)
    person, triangle = good.nonzero(as_tuple=True)
    left, top = left[good].long(), top[good].long()
    width = right[good].long() - left + 1
    pixels = width * (bottom[good].long() - top + 1)
    owner = torch.repeat_interleave(pixels)
    if not len(owner):
        return
    place = torch.arange(len(owner), device=keys.device) - (pixels.cumsum(0) - pixels)[owner]
    column, row = left[owner] + place % width[owner], top[owner] + place // width[owner]
    px, py = column + 0.5, row + 0.5
    x0, x1, x2 = x[good].T[:, owner]
    y0, y1, y2 = y[good].T[:, owner]
    scale = (1.0 / area[good])[owner]
    l1 = ((px - x0) * (y2 - y0) - (x2 - x0) * (py - y0)) * scale
    l2 = ((x1 - x0) * (py - y0) - (px - x0) * (y1 - y0)) * scale
    l0 = 1 - l1 - l2
    w0, w1, w2 = w[good].T[:, owner]
    nearness = l0 * w0 + l1 * w1 + l2 * w2
    inside = (l0 >= 0) & (l1 >= 0) & (l2 >= 0)
    name = ((person + first) * len(faces) + triangle)[owner]
    key = ((nearness.double() * NEARNESS_STEPS).long() << ID_BITS) | (_LAST_ID - name)
    pixel = (plane[person][owner] * side + row) * side + column
    keys.view(-1).scatter_reduce_(0, pixel[inside], key[inside], "amax")
