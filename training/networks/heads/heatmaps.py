"""What all heads share: where the cells of a heatmap lie, and how a heatmap is read.

A heatmap is a probability distribution over its cells; soft-argmax reads its mean, which is differentiable and finer
than a cell. Its standard deviation says how sure the network is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

CELLS = ("centres", "official", "official_legacy")
SMALLEST_VARIANCE = 1e-12
"""Relative to the square of the axis' extent: keeps the gradient of the standard deviation finite."""


@dataclass(frozen=True)
class HeatmapGeometry:
    """Where the cells of the heatmaps lie.

    Attributes:
        crop_side: px.
        stride: px per cell.
        depth: cells along z.
        box_size_mm: what the crop's width, its height and the depth of the volume stand for.
        cells: which point of the crop a cell stands for. ``centres``: the centre of the pixels under it. ``official``:
            as the MeTRAbs authors' code reads their networks with centred strides, half a pixel further, and with the
            first and last slice at the faces of the box. ``official_legacy``: the same without centred strides, half a
            cell before the centre.

    Raises:
        ValueError: if the crop is no whole number of cells, or `cells` is something else.
    """

    crop_side: int = 256
    stride: int = 16
    depth: int = 8
    box_size_mm: float = 2200.0
    cells: str = "centres"

    def __post_init__(self) -> None:
        if self.crop_side % self.stride or self.depth < 1:
            raise ValueError(
                f"heatmaps with {self.depth} slices and cells of {self.stride} px over a crop of {self.crop_side} px: "
                "expected at least one slice, and a crop that is a whole number of cells"
            )
        if self.cells not in CELLS:
            raise ValueError(f"cells of heatmaps are read as {', '.join(CELLS)}, not {self.cells!r}")

    @property
    def side(self) -> int:
        """Cells along x and y."""
        return self.crop_side // self.stride

    @property
    def metres_per_px(self) -> float:
        """How long a pixel of the crop is in the metric box."""
        return self.box_size_mm / self.crop_side / 1000

    def pixels(self) -> Tensor:
        """(side,) px that the cells stand for; the centre of the crop's first pixel is 0."""
        first = {"centres": (self.stride - 1) / 2, "official": self.stride // 2, "official_legacy": 0}[self.cells]
        return torch.arange(self.side) * float(self.stride) + first

    def across_mm(self) -> Tensor:
        """(side,) mm of the cells along x and y of the box; about its centre with ``centres``."""
        if self.cells == "centres":
            return _slice_centres(self.side) * self.box_size_mm
        return self.pixels() * (self.box_size_mm / self.crop_side)

    def deep_mm(self) -> Tensor:
        """(depth,) mm of the cells along z; about the centre of the box with ``centres``."""
        if self.cells == "centres":
            return _slice_centres(self.depth) * self.box_size_mm
        return torch.linspace(0, 1, self.depth) * self.box_size_mm

    def volumes(self, logits: Tensor, joints: int) -> Tensor:
        """(N, joints * depth, H, W) outputs of a convolution as volumes (N, joints, depth, H, W)."""
        return logits.reshape(-1, joints, self.depth, self.side, self.side)

    def cells_of(self, points: Tensor) -> Tensor:
        """Cells along x, y and z of points (..., 3) in px, px and mm about the centre of the box; the centre of the
        first cell is 0. For ``centres`` only."""
        z = points[..., 2] * (self.depth / self.box_size_mm) + (self.depth - 1) / 2
        return torch.cat([(points[..., :2] - (self.stride - 1) / 2) / self.stride, z[..., None]], dim=-1)


def _slice_centres(cells: int) -> Tensor:
    return (torch.arange(cells) + 0.5) / cells - 0.5


class Moments(NamedTuple):
    """Mean and standard deviation of heatmaps along each axis.

    Attributes:
        mean: (N, J, A).
        std: (N, J, A).
    """

    mean: Tensor
    std: Tensor


class SoftArgmax(nn.Module):
    """Reads heatmaps: softmax over all cells, then the mean and the standard deviation along each axis.

    Args:
        joints: J.
        *positions: (cells,) what the cells stand for along x, y and, for volumes, z. The heatmaps' axes are in the
            opposite order, z slowest.
    """

    def __init__(self, joints: int, *positions: Tensor) -> None:
        super().__init__()
        self.joints = joints
        self.shape = tuple(len(cells) for cells in reversed(positions))
        # Divided by the extent, squares of millimetres stay within the precision of float32.
        self.extents = [float((cells[-1] - cells[0]).clamp(min=1.0)) for cells in positions]
        for axis, cells in enumerate(positions):
            self.register_buffer(f"cells{axis}", cells.float(), persistent=False)

    def forward(self, logits: Tensor) -> Moments:
        """Reads (N, J, H, W) or (N, J, D, H, W) logits, in float32 whatever their precision."""
        # Shapes are written as numbers, so that a traced graph depends on nothing but the batch.
        heatmaps = logits.float().reshape(-1, math.prod(self.shape)).softmax(-1).reshape(-1, *self.shape)
        plane = heatmaps if len(self.shape) == 2 else heatmaps.sum(1)
        # The sum over the last axis keeps it for a moment: else OpenVINO 2026.4, if somebody runs the file on that,
        # multiplies what it has not written.
        marginals = [plane.sum(1), plane.sum(2, keepdim=True).reshape(-1, self.shape[-2])]
        if len(self.shape) == 3:
            marginals.append(heatmaps.sum((2, 3)))
        means, stds = [], []
        for axis, (marginal, extent) in enumerate(zip(marginals, self.extents, strict=True)):
            cells = getattr(self, f"cells{axis}")
            mean = (marginal * cells).sum(-1)  # no matmul: autocast would round it to bfloat16
            offset = (cells - mean[:, None]) / extent
            means.append(mean)
            stds.append((marginal * offset * offset).sum(-1).clamp(min=SMALLEST_VARIANCE).sqrt() * extent)
        mean, std = (torch.stack(values, -1).reshape(-1, self.joints, len(self.shape)) for values in (means, stds))
        return Moments(mean, std)
