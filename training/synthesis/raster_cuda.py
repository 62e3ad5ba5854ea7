"""The same rasteriser as a CUDA kernel: a thread a triangle, 64-bit atomic maxima; compiled at its first call."""

from __future__ import annotations

from typing import Any

import torch
from numba import cuda
from torch import Tensor

from training.synthesis.raster_torch import ID_BITS, NEARNESS_STEPS

_THREADS = 128
_LAST_ID = 2**ID_BITS - 1


@cuda.jit
def _raise_keys(keys, plane, points, faces, drawn, first):
    triangle, person = cuda.grid(2)  # type: ignore[call-arg,var-annotated]
    if triangle >= faces.shape[0] or not drawn[person, triangle]:
        return
    a, b, c = faces[triangle, 0], faces[triangle, 1], faces[triangle, 2]
    x0, y0, w0 = points[person, a, 0], points[person, a, 1], points[person, a, 2]
    x1, y1, w1 = points[person, b, 0], points[person, b, 1], points[person, b, 2]
    x2, y2, w2 = points[person, c, 0], points[person, c, 1], points[person, c, 2]
    area = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)
    if w0 <= 0 or w1 <= 0 or w2 <= 0 or -1e-9 < area < 1e-9:
        return
    side = keys.shape[1]
    left, right = _ceil(_least(x0, x1, x2) - 0.5), _floor(-_least(-x0, -x1, -x2) - 0.5)
    top, bottom = _ceil(_least(y0, y1, y2) - 0.5), _floor(-_least(-y0, -y1, -y2) - 0.5)
    left, top = left if left > 0 else 0, top if top > 0 else 0
    right, bottom = right if right < side else side - 1, bottom if bottom < side else side - 1
    name = _LAST_ID - ((person + first) * faces.shape[0] + triangle)
    for y in range(top, bottom + 1):
        py = y + 0.5
        for x in range(left, right + 1):
            px = x + 0.5
            l1 = ((px - x0) * (y2 - y0) - (x2 - x0) * (py - y0)) / area
            l2 = ((x1 - x0) * (py - y0) - (px - x0) * (y1 - y0)) / area
            l0 = 1 - l1 - l2
            if l0 >= 0 and l1 >= 0 and l2 >= 0:
                nearness = l0 * w0 + l1 * w1 + l2 * w2
                key = (int(nearness * NEARNESS_STEPS) << ID_BITS) | name
                cuda.atomic.max(keys, (plane[person], y, x), key)


@cuda.jit(device=True)
def _least(first, second, third):
    smaller = first if first < second else second
    return smaller if smaller < third else third


@cuda.jit(device=True)
def _floor(value):
    whole = int(value)
    return whole - 1 if whole > value else whole


@cuda.jit(device=True)
def _ceil(value):
    whole = int(value)
    return whole + 1 if whole < value else whole


def rasterize(keys: Tensor, plane: Tensor, points: Tensor, faces: Tensor, drawn: Tensor, first: int = 0) -> None:
    """See `Rasterizer` in raster_torch; on the GPU's current stream, or on the CPU in Numba's simulator."""
    if not len(plane):
        return
    if (first + len(plane)) * len(faces) > _LAST_ID:
        raise ValueError(f"{first + len(plane)} people with {len(faces)} triangles each: draw fewer at a time")
    grid = -(-len(faces) // _THREADS), len(plane)
    block = _THREADS, 1
    arrays = [_as_array(tensor) for tensor in (keys, plane, points.contiguous(), faces, drawn)]
    stream: Any = torch.cuda.current_stream(keys.device).cuda_stream if keys.is_cuda else 0
    if stream:
        stream = cuda.external_stream(stream)
    _raise_keys[grid, block, stream](*arrays, first)


def _as_array(tensor: Tensor) -> Any:
    return cuda.as_cuda_array(tensor.detach()) if tensor.is_cuda else tensor.numpy()
