"""Finer feature maps for heads that need finer heatmaps than the backbone gives."""

from __future__ import annotations

from dataclasses import replace

from torch import nn

from training.networks.heads.heatmaps import HeatmapGeometry


def upsampling(channels: int, width: int, count: int) -> nn.Sequential:
    """Transposed 4 x 4 convolutions with batch normalisation and ReLU, each of which doubles the map.

    As in Sun et al., "Integral Human Pose Regression", 2018, where there are three of width 256.

    Args:
        channels: in.
        width: channels out of each.
        count: how many; none leaves the map as it is.
    """
    layers: list[nn.Module] = []
    for _ in range(count):
        layers += [
            nn.ConvTranspose2d(channels, width, 4, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
        ]
        channels = width
    return nn.Sequential(*layers)


def refined(geometry: HeatmapGeometry, count: int) -> HeatmapGeometry:
    """The geometry of heatmaps after `count` deconvolutions.

    Raises:
        ValueError: if cells would become smaller than a pixel.
    """
    factor = 2**count
    if geometry.stride % factor:
        raise ValueError(
            f"{count} deconvolutions make a cell of {geometry.stride} px {factor} times smaller: expected at least 1 px"
        )
    return replace(geometry, stride=geometry.stride // factor)
