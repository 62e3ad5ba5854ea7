"""Between backbone and head: several feature maps become one."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

from training.networks.depthwise import Depthwise


class SeparableBlock(nn.Module):
    """A residual 5 x 5 depthwise-separable convolution with batch normalisation."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            Depthwise(width, width, 5, padding=2, groups=width, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Conv2d(width, width, 1, bias=False),
            nn.BatchNorm2d(width),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(N, width, H, W) to the same."""
        return functional.relu(x + self.layers(x))


class LastMap(nn.Module):
    """No neck: the head reads the backbone's last map as it is.

    Args:
        channels: of the backbone's maps by name.
        strides: px per cell of them.

    Attributes:
        channels: of the map that it gives.
        stride: px per cell of it.
    """

    def __init__(self, channels: dict[str, int], strides: dict[str, int]) -> None:
        super().__init__()
        self.name = list(channels)[-1]
        self.channels, self.stride = channels[self.name], strides[self.name]

    def forward(self, features: dict[str, Tensor]) -> Tensor:
        """Maps by name to (N, channels, H, W)."""
        return features[self.name]

    def fold(self) -> LastMap:
        """There is nothing to fold."""
        return self


class Neck(nn.Module):
    """Normalises and mixes feature maps of different strides at the finest one, and adds separable blocks.

    Args:
        channels: of each map by name.
        strides: px per cell of each map.
        width: channels inside and of the map that it gives.
        blocks: how many separable blocks.

    Attributes:
        channels: `width`.
        stride: px per cell of the map that it gives, the smallest of `strides`.
    """

    def __init__(self, channels: dict[str, int], strides: dict[str, int], width: int = 256, blocks: int = 3) -> None:
        super().__init__()
        self.channels, self.stride = width, min(strides[name] for name in channels)
        self.scales = {name: strides[name] / self.stride for name in channels}
        # Maps of a frozen backbone have wildly different scales per channel: normalise before mixing.
        self.inputs = nn.ModuleDict(
            {
                name: nn.Sequential(nn.BatchNorm2d(count, affine=False), nn.Conv2d(count, width, 1, bias=False))
                for name, count in channels.items()
            }
        )
        self.input_norm: nn.Module = nn.BatchNorm2d(width)
        self.blocks = nn.Sequential(*(SeparableBlock(width) for _ in range(blocks)))

    def forward(self, features: dict[str, Tensor]) -> Tensor:
        """Maps (N, C, H, W) by name to (N, width, H, W) of the finest."""
        total: Tensor | None = None
        for name, project in self.inputs.items():
            y = project(features[name])
            if self.scales[name] != 1:
                y = functional.interpolate(y, scale_factor=self.scales[name], mode="bilinear")
            total = y if total is None else total + y
        assert total is not None
        return self.blocks(functional.relu(self.input_norm(total)))

    @torch.no_grad()
    def fold(self) -> Neck:
        """A copy in evaluation mode whose batch normalisations are folded into the convolutions beside them."""
        folded = copy.deepcopy(self).eval()
        scale, shift = _scale_and_shift(folded.input_norm)
        for number, layers in enumerate(folded.inputs.values()):
            assert isinstance(layers, nn.Sequential)
            norm, project = layers
            assert isinstance(project, nn.Conv2d)
            input_scale, input_shift = _scale_and_shift(norm)
            weight = project.weight[:, :, 0, 0]
            bias = scale * (weight @ input_shift) + (shift if number == 0 else 0)
            project.weight.copy_((scale[:, None] * weight * input_scale)[:, :, None, None])
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
