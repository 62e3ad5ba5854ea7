"""What JPEG does to pictures: 8 x 8 blocks of cosines, rounded coarsely; batched, without the lossless part."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

_LUMINANCE = (
    16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51,
    87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92, 49, 64, 78, 87, 103, 121, 120, 101,
    72, 92, 95, 98, 112, 100, 103, 99,
)  # fmt: skip
_CHROMINANCE = (
    17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99, 24, 26, 56, 99, 99, 99, 99, 99, 47, 66, 99, 99, 99,
    99, 99, 99, *[99] * 32,
)  # fmt: skip
"""ITU-T T.81, tables K.1 and K.2."""

_TO_YCC = ((0.299, 0.587, 0.114), (-0.168736, -0.331264, 0.5), (0.5, -0.418688, -0.081312))
_TO_RGB = ((1.0, 0.0, 1.402), (1.0, -0.344136, -0.714136), (1.0, 1.772, 0.0))
"""ITU-T T.871."""


def compress(pictures: Tensor, quality: Tensor) -> Tensor:
    """Pictures (N, 3, S, S) RGB 0..1 after JPEG with 4:2:0 colours; quality: (N,) 1..100; S: a multiple of 16."""
    device = pictures.device
    planes = torch.einsum("kc,nchw->nkhw", torch.tensor(_TO_YCC, device=device), pictures * 255)
    scale = torch.where(quality < 50, 5000 / quality.clamp(min=1), 200 - 2 * quality)[:, None]
    luminance, chrominance = (
        ((torch.tensor(table, device=device) * scale + 50) / 100).floor().clamp(1, 255).reshape(-1, 1, 1, 1, 8, 8)
        for table in (_LUMINANCE, _CHROMINANCE)
    )
    bright = _round_blocks(planes[:, :1] - 128, luminance) + 128
    colour = _round_blocks(functional.avg_pool2d(planes[:, 1:], 2), chrominance)
    colour = functional.interpolate(colour, scale_factor=2, mode="bilinear", align_corners=False)
    decoded = torch.einsum("kc,nchw->nkhw", torch.tensor(_TO_RGB, device=device), torch.cat([bright, colour], 1))
    return (decoded / 255).clamp(0, 1)


def _round_blocks(planes: Tensor, steps: Tensor) -> Tensor:
    """planes (N, C, S, S) with each block's cosines rounded to multiples of the steps (N, 1, 1, 1, 8, 8)."""
    count, channels, side, _ = planes.shape
    frequency, place = torch.arange(8.0, device=planes.device)[:, None], torch.arange(8.0, device=planes.device)
    cosines = torch.cos(math.pi / 16 * (2 * place + 1) * frequency) / 2
    cosines[0] /= math.sqrt(2)
    blocks = planes.reshape(count, channels, side // 8, 8, side // 8, 8).transpose(3, 4)
    rounded = (cosines @ blocks @ cosines.T / steps).round() * steps
    return (cosines.T @ rounded @ cosines).transpose(3, 4).reshape(planes.shape)
