"""The MeTRAbs head: 2D heatmaps in the image and metric 3D heatmaps in a box around the person.

Each joint has a 2D heatmap over the crop and a volume whose width and height follow the crop's pixels at a fixed metric
scale (the box spans the crop) and whose depth is in the same box; expectations of both are read by soft-argmax. Depth
and position in the box mean nothing by themselves: only differences between joints count, placement finds the rest.
Sarandi et al., "MeTRAbs: Metric-Scale Truncation-Robust Heatmaps for Absolute 3D Human Pose Estimation", T-BIOM 2021.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval


class HeadOutput(NamedTuple):
    """What a head says of a crop.

    Attributes:
        joints2d: (N, J, 2) px in the crop.
        relative: (N, J, 3) mm, up to one translation per pose.
        spread: (N, J, 3) mm, the standard deviation of the joint's 3D heatmap along each axis.
    """

    joints2d: Tensor
    relative: Tensor
    spread: Tensor


@dataclass(frozen=True)
class HeatmapGeometry:
    """Where the cells of the heatmaps lie.

    Attributes:
        crop_side: px.
        stride: px per cell.
        depth: cells along z.
        box_size_mm: what the crop's width, its height and the depth of the volume stand for.
    """

    crop_side: int = 256
    stride: int = 16
    depth: int = 8
    box_size_mm: float = 2200.0

    @property
    def side(self) -> int:
        """Cells along x and y."""
        return self.crop_side // self.stride

    def pixels(self) -> Tensor:
        """(side,) px of the cells' centres; the centre of the crop's first pixel is 0."""
        return torch.arange(self.side) * float(self.stride) + (self.stride - 1) / 2

    def millimetres(self, cells: int) -> Tensor:
        """(cells,) mm of the cells' centres along one axis of the box, about its centre."""
        return ((torch.arange(cells) + 0.5) / cells - 0.5) * self.box_size_mm


class SeparableBlock(nn.Module):
    """A residual 5 x 5 depthwise-separable convolution with batch normalisation."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(width, width, 5, padding=2, groups=width, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Conv2d(width, width, 1, bias=False),
            nn.BatchNorm2d(width),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(N, width, H, W) to the same."""
        return functional.relu(x + self.layers(x))


class MetrabsHead(nn.Module):
    """Reads named feature maps; gives 2D joints, metric relative joints and the spread of their heatmaps.

    Args:
        taps: channels of each feature map by name; a map may have the heatmaps' side or half of it.
        joints: J.
        width: channels inside.
        blocks: how many separable blocks.
        geometry: the heatmaps' cells.
    """

    cells2d: Tensor
    cells3d: Tensor

    def __init__(
        self,
        taps: dict[str, int],
        joints: int,
        width: int = 256,
        blocks: int = 3,
        geometry: HeatmapGeometry | None = None,
    ) -> None:
        super().__init__()
        geometry = geometry or HeatmapGeometry()
        self.geometry, self.joints = geometry, joints
        # Maps of a frozen trunk have wildly different scales per channel: normalise before mixing.
        self.inputs = nn.ModuleDict(
            {
                tap: nn.Sequential(nn.BatchNorm2d(channels, affine=False), nn.Conv2d(channels, width, 1, bias=False))
                for tap, channels in taps.items()
            }
        )
        self.input_norm: nn.Module = nn.BatchNorm2d(width)
        self.blocks = nn.Sequential(*(SeparableBlock(width) for _ in range(blocks)))
        self.output = nn.Conv2d(width, joints * (1 + geometry.depth), 1)

        px = geometry.pixels()
        self.register_buffer(
            "cells2d", torch.stack(torch.meshgrid(px, px, indexing="xy"), -1).flatten(0, 1), persistent=False
        )
        # In metres, so that squares keep their precision.
        across = geometry.millimetres(geometry.side) / 1000
        deep = geometry.millimetres(geometry.depth) / 1000
        z, y, x = torch.meshgrid(deep, across, across, indexing="ij")
        cells = torch.stack([x, y, z], -1).flatten(0, 2)
        self.register_buffer("cells3d", torch.cat([cells, cells * cells], -1), persistent=False)

    @torch.no_grad()
    def fold(self) -> MetrabsHead:
        """A copy in evaluation mode whose batch normalisations are folded into the convolutions beside them."""
        folded = copy.deepcopy(self).eval()
        scale, shift = _scale_and_shift(folded.input_norm)
        for number, layers in enumerate(folded.inputs.values()):
            assert isinstance(layers, nn.Sequential)
            norm, project = layers
            assert isinstance(norm, nn.BatchNorm2d)
            assert isinstance(project, nn.Conv2d)
            tap_scale, tap_shift = _scale_and_shift(norm)
            weight = project.weight[:, :, 0, 0]
            bias = scale * (weight @ tap_shift) + (shift if number == 0 else 0)
            project.weight.copy_((scale[:, None] * weight * tap_scale)[:, :, None, None])
            project.bias = nn.Parameter(bias)
            layers[0] = nn.Identity()
        folded.input_norm = nn.Identity()
        for block in folded.blocks:
            assert isinstance(block, SeparableBlock)
            depthwise, norm, relu, pointwise, last_norm = block.layers
            assert isinstance(depthwise, nn.Conv2d)
            assert isinstance(pointwise, nn.Conv2d)
            assert isinstance(norm, nn.BatchNorm2d)
            assert isinstance(last_norm, nn.BatchNorm2d)
            block.layers = nn.Sequential(
                fuse_conv_bn_eval(depthwise, norm), relu, fuse_conv_bn_eval(pointwise, last_norm)
            )
        return folded

    def forward(self, taps: dict[str, Tensor]) -> HeadOutput:
        """Reads the maps (N, C, H, W) by name."""
        return self.decode(self.logits(taps))

    def logits(self, taps: dict[str, Tensor]) -> Tensor:
        """(N, J * (1 + depth), side, side): J 2D heatmaps, then a volume of `depth` slices for each joint in turn."""
        side = self.geometry.side
        total: Tensor | None = None
        for tap, project in self.inputs.items():
            y = project(taps[tap])
            if y.shape[-1] != side:
                y = functional.interpolate(y, scale_factor=2.0, mode="bilinear")
            total = y if total is None else total + y
        assert total is not None
        return self.output(self.blocks(functional.relu(self.input_norm(total))))

    def decode(self, logits: Tensor) -> HeadOutput:
        """Expectations of the heatmaps, in float32 whatever the logits' precision."""
        logits = logits.float()
        heatmaps = logits[:, : self.joints].flatten(2).softmax(-1)
        volumes = logits[:, self.joints :].unflatten(1, (self.joints, self.geometry.depth)).flatten(2).softmax(-1)
        joints2d = heatmaps @ self.cells2d
        moments = volumes @ self.cells3d
        mean, square = moments[..., :3], moments[..., 3:]
        spread = (square - mean * mean).clamp(min=1e-6).sqrt()
        return HeadOutput(joints2d, mean * 1000, spread * 1000)


def _scale_and_shift(norm: nn.Module) -> tuple[Tensor, Tensor]:
    """(C,) factors and (C,) offsets that a batch normalisation applies in evaluation mode."""
    assert isinstance(norm, nn.BatchNorm2d)
    assert norm.running_mean is not None
    assert norm.running_var is not None
    scale = (norm.running_var + norm.eps).rsqrt()
    shift = -norm.running_mean * scale
    if norm.affine:
        scale, shift = scale * norm.weight, shift * norm.weight + norm.bias
    return scale, shift
