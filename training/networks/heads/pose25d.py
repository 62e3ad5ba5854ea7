"""The 2.5D head: volumetric heatmaps over the crop's pixels and metric depth about the root.

Where the person stands follows from the lengths that bones have on average, see root_depth. The baseline of the
MeTRAbs paper (Sarandi et al., T-BIOM 2021).
"""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor, nn

from training.data.batch import Target
from training.joint_space import JointSpace
from training.losses import image_loss, masked_mean, seen_with_and_without_3d, weighted_sum, weights_from
from training.networks.heads.head import Head, Pose
from training.networks.heads.heatmaps import HeatmapGeometry, SoftArgmax
from training.networks.heads.root_depth import RootDepth

WEIGHTS = {"image": 2 / 3, "depth": 1 / 3, "image_only": 0.2}
"""Of 2D joints and depth: a third per coordinate."""


class Pose25dReading(NamedTuple):
    """What the head says of a crop.

    Attributes:
        joints2d: (N, J, 2) px in the crop.
        depth: (N, J) mm about the root, which is the mean of a skeleton's joints.
        spread: (N, J, 3) standard deviations of the heatmaps in px, px and mm.
    """

    joints2d: Tensor
    depth: Tensor
    spread: Tensor


class Pose25dHead(Head):
    """Reads one feature map with a 1 x 1 convolution: a volume of `geometry.depth` slices for each joint in turn.

    Args:
        channels: of the feature map.
        space: the joints.
        geometry: the heatmaps' cells.
        weights: of the losses, instead of `WEIGHTS`.
        bone_lengths_mm: see `RootDepth`.
    """

    def __init__(
        self,
        channels: int,
        space: JointSpace,
        geometry: HeatmapGeometry | None = None,
        weights: dict[str, float] | None = None,
        bone_lengths_mm: list[float] | None = None,
    ) -> None:
        super().__init__()
        self.joints = len(space)
        self.geometry = geometry or HeatmapGeometry()
        self.weights = weights_from(WEIGHTS, weights)
        self.output = nn.Conv2d(channels, self.joints * self.geometry.depth, 1)
        px = self.geometry.pixels()
        self.read = SoftArgmax(self.joints, px, px, self.geometry.deep_mm())
        self.root_depth = RootDepth(space, bone_lengths_mm)

    def forward(self, features: Tensor) -> Pose25dReading:
        """(N, C, H, W) to joints."""
        mean, std = self.read(self.geometry.volumes(self.output(features), self.joints))
        return Pose25dReading(mean[..., :2], mean[..., 2], std)

    def place(self, reading: Pose25dReading, intrinsics: Tensor) -> Pose:
        """The pose a reading means in front of the crop cameras (N, 3, 3)."""
        return self.root_depth(reading.joints2d, reading.depth, reading.spread, intrinsics)

    def losses(self, reading: Pose25dReading, target: Target, progress: float, draw: Tensor) -> dict[str, Tensor]:
        """``image``, ``depth``, ``image_only`` and ``total``."""
        if self.training:
            self.root_depth.learn(target)
        found = image_and_depth_losses(
            reading.joints2d, reading.depth, target, self.root_depth.about_roots(target), self.geometry
        )
        return weighted_sum(found, self.weights)


def image_and_depth_losses(
    joints2d: Tensor, depth: Tensor, target: Target, true_depth: Tensor, geometry: HeatmapGeometry
) -> dict[str, Tensor]:
    """What 2.5D predictions cost.

    Args:
        joints2d: (N, J, 2) px.
        depth: (N, J) mm.
        target: the truth.
        true_depth: (N, J) mm, see `RootDepth.about_roots`.
        geometry: of the heatmaps.

    Returns:
        ``image`` and ``depth`` of examples with 3D truth, ``image_only`` of those without, in metres.
    """
    seen, seen_only = seen_with_and_without_3d(target, geometry.crop_side, geometry.stride)
    return {
        "image": image_loss(joints2d, target, seen, geometry.metres_per_px),
        "depth": masked_mean((depth - true_depth).abs() / 1000, target.known_3d),
        "image_only": image_loss(joints2d, target, seen_only, geometry.metres_per_px),
    }
