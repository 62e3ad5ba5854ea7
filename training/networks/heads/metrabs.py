"""The MeTRAbs head: 2D heatmaps in the image and metric 3D heatmaps in a box around the person.

Each joint has a 2D heatmap over the crop and a volume whose width and height follow the crop's pixels at a fixed metric
scale (the box spans the crop) and whose depth is in the same box; expectations of both are read by soft-argmax. Depth
and position in the box mean nothing by themselves: only differences between joints count, placement finds the rest.
Sarandi et al., "MeTRAbs: Metric-Scale Truncation-Robust Heatmaps for Absolute 3D Human Pose Estimation", T-BIOM 2021.
"""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor, nn

from training.data.batch import Target
from training.joint_space import JointSpace
from training.losses import (
    NEAR_MM,
    absolute_loss,
    image_loss,
    image_only_loss,
    masked_mean,
    plain_absolute_loss,
    relative_loss,
    seen_with_and_without_3d,
    weighted_sum,
    weights_from,
)
from training.networks.heads.head import Head, Pose
from training.networks.heads.heatmaps import HeatmapGeometry, SoftArgmax
from training.networks.placement import full_perspective, place, project, weak_perspective

WEIGHTS = {
    "current": {"relative": 1.0, "image": 1.0, "projection": 1.0, "absolute": 0.1, "image_only": 0.2},
    "paper": {"relative": 1.0, "image": 1.0, "absolute": 1.0, "image_only": 0.1},
}
"""How much each loss counts: near the authors' current code (see `MetrabsHead`), and in the paper."""
PERSPECTIVES = {"full": full_perspective, "weak": weak_perspective}


class MetrabsReading(NamedTuple):
    """What the head says of a crop.

    Attributes:
        joints2d: (N, J, 2) px in the crop.
        relative: (N, J, 3) mm, up to one translation per pose.
        spread: (N, J, 3) mm, the standard deviation of the joint's 3D heatmap along each axis.
    """

    joints2d: Tensor
    relative: Tensor
    spread: Tensor


class MetrabsHead(Head):
    """Reads one feature map with a 1 x 1 convolution.

    Its outputs are J 2D heatmaps, then a volume of `geometry.depth` slices for each joint in turn.

    Args:
        channels: of the feature map.
        space: the joints.
        geometry: the heatmaps' cells.
        losses: ``paper``, or ``current``, which has of the authors' current code the projection loss, the absolute loss
            that forgives depth far away, and the weights. It differs from that code in four things. The relative loss
            is of the 3D heatmaps' pose, theirs of the placed one. The 2D heatmaps have a loss of their own (``image``),
            which theirs have not. The projection loss counts joints whose truth is in the field of view, theirs those
            that are placed in it with the truth in it or near. 2D-only examples teach as in the paper, the 2D heatmaps
            directly and the 3D ones up to place and size; theirs by the projection of the placed pose alone.
        weights: of the losses, instead of those of `losses`.
        absolute_after: share of the training before the absolute loss begins; depths are wild at first.
        weak_until: share of the training in which poses are placed by weak perspective.
        perspective: ``full`` or ``weak``, how poses are placed after that and in use.

    Raises:
        ValueError: for an option that does not exist.
    """

    def __init__(
        self,
        channels: int,
        space: JointSpace,
        geometry: HeatmapGeometry | None = None,
        losses: str = "current",
        weights: dict[str, float] | None = None,
        absolute_after: float = 0.0125,
        weak_until: float = 0.00125,
        perspective: str = "full",
    ) -> None:
        super().__init__()
        if losses not in WEIGHTS:
            raise ValueError(f"the losses of MeTRAbs are {' or '.join(WEIGHTS)}, not {losses!r}")
        if perspective not in PERSPECTIVES:
            raise ValueError(f"poses are placed by {' or '.join(PERSPECTIVES)} perspective, not {perspective!r}")
        self.joints = len(space)
        self.geometry = geometry or HeatmapGeometry()
        self.weights = weights_from(WEIGHTS[losses], weights)
        self.absolute_after, self.weak_until = absolute_after, weak_until
        self.translation = PERSPECTIVES[perspective]
        self.output = nn.Conv2d(channels, self.joints * (1 + self.geometry.depth), 1)
        px, across = self.geometry.pixels(), self.geometry.across_mm()
        self.read2d = SoftArgmax(self.joints, px, px)
        self.read3d = SoftArgmax(self.joints, across, across, self.geometry.deep_mm())

    def forward(self, features: Tensor) -> MetrabsReading:
        """(N, C, H, W) to joints."""
        return self.decode(self.output(features))

    def decode(self, logits: Tensor) -> MetrabsReading:
        """(N, J * (1 + depth), H, W) logits to joints."""
        volumes = self.geometry.volumes(logits[:, self.joints :], self.joints)
        relative, spread = self.read3d(volumes)
        return MetrabsReading(self.read2d(logits[:, : self.joints]).mean, relative, spread)

    def place(self, reading: MetrabsReading, intrinsics: Tensor) -> Pose:
        """The pose a reading means in front of the crop cameras (N, 3, 3)."""
        geometry = self.geometry
        absolute = place(
            reading.joints2d, reading.relative, intrinsics, geometry.crop_side, geometry.stride, 0.5, self.translation
        )
        return Pose(reading.joints2d, reading.relative, absolute, reading.spread)

    def losses(self, reading: MetrabsReading, target: Target, progress: float, draw: Tensor) -> dict[str, Tensor]:
        """``relative``, ``image``, ``absolute``, ``image_only``, ``projection`` if it has a weight, and ``total``.

        `draw` says how much of the relative pose the placed joints of an example have against their 2D rays.
        """
        geometry, scale = self.geometry, self.geometry.metres_per_px
        seen, seen_only = seen_with_and_without_3d(target, geometry.crop_side, geometry.stride)
        translation = weak_perspective if progress < self.weak_until else self.translation
        placed = place(
            reading.joints2d, reading.relative, target.intrinsics, geometry.crop_side, geometry.stride,
            draw[:, None, None], translation,
        )  # fmt: skip
        absolute = absolute_loss if "projection" in self.weights else plain_absolute_loss
        found = {
            "relative": relative_loss(reading.relative, target),
            "image": image_loss(reading.joints2d, target, seen, scale),
            "absolute": absolute(placed, target) if progress >= self.absolute_after else placed.new_zeros(()),
            "image_only": image_loss(reading.joints2d, target, seen_only, scale)
            + image_only_loss(reading.relative, target, seen_only, scale),
        }
        if "projection" in self.weights:
            found["projection"] = self._projection_loss(placed, target, seen)
        return weighted_sum(found, self.weights)

    def _projection_loss(self, placed: Tensor, target: Target, seen: Tensor) -> Tensor:
        """How far placed joints are from where the image shows them."""
        side = self.geometry.crop_side
        # A joint that lands far outside is wrong enough: more would only make the gradient jump.
        off = (project(placed, target.intrinsics) - target.joints_px).clamp(-side, side)
        near = target.known_3d & (target.joints_mm[..., 2] <= NEAR_MM)
        return masked_mean(off.abs().mean(-1) * self.geometry.metres_per_px, seen & ~near)
