"""The MeTRo head: the metric 3D heatmaps of MeTRAbs alone, so poses are right up to where they stand.

Sarandi et al., "Metric-Scale Truncation-Robust Heatmaps for 3D Human Pose Estimation", FG 2020.
"""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor, nn

from training.data.batch import Target
from training.joint_space import JointSpace
from training.losses import (
    image_only_loss,
    relative_loss,
    seen_with_and_without_3d,
    weighted_sum,
    weights_from,
)
from training.networks.heads.head import Head, Pose
from training.networks.heads.heatmaps import HeatmapGeometry, SoftArgmax

WEIGHTS = {"relative": 1.0, "image_only": 0.2}


class MetroReading(NamedTuple):
    """What the head says of a crop.

    Attributes:
        relative: (N, J, 3) mm, up to one translation per pose.
        spread: (N, J, 3) mm, the standard deviation of the joint's heatmap along each axis.
    """

    relative: Tensor
    spread: Tensor


class MetroHead(Head):
    """Reads one feature map with a 1 x 1 convolution: a volume of `geometry.depth` slices for each joint in turn.

    Args:
        channels: of the feature map.
        space: the joints.
        geometry: the heatmaps' cells.
        weights: of the losses, instead of `WEIGHTS`.
    """

    def __init__(
        self,
        channels: int,
        space: JointSpace,
        geometry: HeatmapGeometry | None = None,
        weights: dict[str, float] | None = None,
    ) -> None:
        super().__init__()
        self.joints = len(space)
        self.geometry = geometry or HeatmapGeometry()
        self.weights = weights_from(WEIGHTS, weights)
        self.output = nn.Conv2d(channels, self.joints * self.geometry.depth, 1)
        across = self.geometry.across_mm()
        self.read = SoftArgmax(self.joints, across, across, self.geometry.deep_mm())

    def forward(self, features: Tensor) -> MetroReading:
        """(N, C, H, W) to joints."""
        return MetroReading(*self.read(self.geometry.volumes(self.output(features), self.joints)))

    def place(self, reading: MetroReading, intrinsics: Tensor) -> Pose:
        """The pose a reading means; where it stands, this head cannot say."""
        return Pose(None, reading.relative, None, reading.spread)

    def losses(self, reading: MetroReading, target: Target, progress: float, draw: Tensor) -> dict[str, Tensor]:
        """``relative``, ``image_only`` and ``total``."""
        geometry = self.geometry
        _, seen_only = seen_with_and_without_3d(target, geometry.crop_side, geometry.stride)
        found = {
            "relative": relative_loss(reading.relative, target),
            "image_only": image_only_loss(reading.relative, target, seen_only, geometry.metres_per_px),
        }
        return weighted_sum(found, self.weights)
