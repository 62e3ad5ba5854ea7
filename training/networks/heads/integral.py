"""Integral regression: 2.5D heatmaps read by their expectation, which a loss on the heatmaps may shape as well.

Sun et al., "Integral Human Pose Regression", ECCV 2018. The heatmap loss is that of a student report on the method
(Pantalos and Rudin, ETH Zurich, 2019): binary cross-entropy with a Gaussian of one cell in a window of 11 x 11 x 11
cells around the joint, or with the one cell that the joint is in.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.data.batch import Target
from training.joint_space import JointSpace
from training.losses import masked_mean, seen_with_and_without_3d, weighted_sum, weights_from
from training.networks.heads.head import Head, Pose
from training.networks.heads.heatmaps import HeatmapGeometry, SoftArgmax
from training.networks.heads.pose25d import WEIGHTS, image_and_depth_losses
from training.networks.heads.root_depth import RootDepth
from training.networks.heads.upsampling import refined, upsampling

HEATMAPS = ("gaussian", "one_hot", "none")
WINDOW = 5
"""Cells from a joint, along each axis, within which the Gaussian is not zero."""
PEAK = (2 * torch.pi) ** -0.5


class IntegralReading(NamedTuple):
    """What the head says of a crop.

    Attributes:
        joints2d: (N, J, 2) px in the crop.
        depth: (N, J) mm about the root, which is the mean of a skeleton's joints.
        spread: (N, J, 3) standard deviations of the heatmaps in px, px and mm.
        logits: (N, J, D, H, W) of the heatmaps.
    """

    joints2d: Tensor
    depth: Tensor
    spread: Tensor
    logits: Tensor


class IntegralHead(Head):
    """Reads one feature map, after deconvolutions if wanted, with a 1 x 1 convolution.

    Args:
        channels: of the feature map.
        space: the joints.
        geometry: the cells of the feature map; the heatmaps' are smaller if there are deconvolutions.
        deconvolutions: how many; each halves the cells.
        width: channels of the deconvolutions.
        heatmaps: ``gaussian``, ``one_hot`` or ``none``: what the heatmaps should look like.
        heatmaps_after: share of the training before the loss on the heatmaps begins; the report has it in the last 2
            of 25 epochs.
        weights: of the losses, instead of those of the 2.5D head and 1 for ``heatmaps``.
        bone_lengths_mm: see `RootDepth`.

    Raises:
        ValueError: for unknown heatmaps or too many deconvolutions.
    """

    def __init__(
        self,
        channels: int,
        space: JointSpace,
        geometry: HeatmapGeometry | None = None,
        deconvolutions: int = 0,
        width: int = 256,
        heatmaps: str = "gaussian",
        heatmaps_after: float = 0.0,
        weights: dict[str, float] | None = None,
        bone_lengths_mm: list[float] | None = None,
    ) -> None:
        super().__init__()
        if heatmaps not in HEATMAPS:
            raise ValueError(f"the heatmaps of integral regression are {', '.join(HEATMAPS)}, not {heatmaps!r}")
        self.joints = len(space)
        self.geometry = refined(geometry or HeatmapGeometry(), deconvolutions)
        self.heatmaps, self.heatmaps_after = heatmaps, heatmaps_after
        self.weights = weights_from(WEIGHTS | ({} if heatmaps == "none" else {"heatmaps": 1.0}), weights)
        self.upsampling = upsampling(channels, width, deconvolutions)
        self.output = nn.Conv2d(width if deconvolutions else channels, self.joints * self.geometry.depth, 1)
        px = self.geometry.pixels()
        self.read = SoftArgmax(self.joints, px, px, self.geometry.deep_mm())
        self.root_depth = RootDepth(space, bone_lengths_mm)

    def forward(self, features: Tensor) -> IntegralReading:
        """(N, C, H, W) to joints and the logits of their heatmaps."""
        logits = self.geometry.volumes(self.output(self.upsampling(features)), self.joints).float()
        mean, std = self.read(logits)
        return IntegralReading(mean[..., :2], mean[..., 2], std, logits)

    def place(self, reading: IntegralReading, intrinsics: Tensor) -> Pose:
        """The pose a reading means in front of the crop cameras (N, 3, 3)."""
        return self.root_depth(reading.joints2d, reading.depth, reading.spread, intrinsics)

    def losses(self, reading: IntegralReading, target: Target, progress: float, draw: Tensor) -> dict[str, Tensor]:
        """``image``, ``depth``, ``image_only``, ``heatmaps`` if wanted, and ``total``."""
        if self.training:
            self.root_depth.learn(target)
        true_depth = self.root_depth.about_roots(target)
        found = image_and_depth_losses(reading.joints2d, reading.depth, target, true_depth, self.geometry)
        if self.heatmaps != "none":
            found["heatmaps"] = reading.depth.new_zeros(())
            if progress >= self.heatmaps_after:
                found["heatmaps"] = self._heatmap_loss(reading.logits, target, true_depth)
        return weighted_sum(found, self.weights)

    def _heatmap_loss(self, logits: Tensor, target: Target, true_depth: Tensor) -> Tensor:
        """Binary cross-entropy of the heatmaps' cells, mean over the cells of joints known in 2D and 3D."""
        geometry = self.geometry
        seen, _ = seen_with_and_without_3d(target, geometry.crop_side, geometry.stride)
        cells = torch.cat([target.joints_px, true_depth[..., None]], dim=-1)
        wanted = voxels(geometry.cells_of(cells), (geometry.depth, geometry.side, geometry.side), self.heatmaps)
        loss = functional.binary_cross_entropy_with_logits(logits, wanted, reduction="none")
        return masked_mean(loss.mean((-1, -2, -3)), seen & target.known_3d)


def voxels(joints: Tensor, shape: tuple[int, int, int], kind: str) -> Tensor:
    """What the heatmaps of joints should be.

    Args:
        joints: (N, J, 3) x, y, z in cells; the centre of the first is 0.
        shape: cells along z, y and x.
        kind: ``gaussian``: exp(-d^2 / 2) / sqrt(2 pi) of the distance d in cells, and zero more than `WINDOW` cells
            away along any axis; ``one_hot``: one in the joint's cell.

    Returns:
        (N, J, D, H, W).
    """
    parts = []
    for axis, cells in enumerate(reversed(shape)):
        off = torch.arange(cells, device=joints.device) - joints[..., axis, None]
        if kind == "one_hot":
            parts.append(((off > -0.5) & (off <= 0.5)).to(joints.dtype))
        else:
            parts.append(torch.exp(-(off**2) / 2) * (off.abs() <= WINDOW))
    x, y, z = parts
    product = z[..., :, None, None] * y[..., None, :, None] * x[..., None, None, :]
    return product if kind == "one_hot" else product * PEAK
