"""The MargiPose head: each joint has three flat heatmaps, the marginals of a volume in the planes xy, xz and zy.

Convolutions see neighbours, but a neighbour in a map over x and z is none in the image. So halfway through, the axis
that the image does not have changes places with the channels (axis permutation): what was densely connected becomes an
axis of the map. Several stages follow each other, each with its losses.
Nibali et al., "3D Human Pose Estimation with 2D Marginal Heatmaps", WACV 2019. What is unlike the paper: coordinates
are pixels and metres as in the 2.5D head, and people are placed like there.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.data.batch import Target
from training.joint_space import JointSpace
from training.losses import masked_mean, seen_with_and_without_3d, weighted_sum, weights_from
from training.networks.heads.head import Head, Pose
from training.networks.heads.heatmaps import HeatmapGeometry, SoftArgmax
from training.networks.heads.root_depth import RootDepth
from training.networks.heads.upsampling import refined, upsampling

PLANES = ("xy", "xz", "zy")
"""Of each heatmap: the axis of its columns, then that of its rows."""
MOST_STAGES = 4
WEIGHTS = {"position": 1.0, "divergence": 1.0}


class MargiPoseReading(NamedTuple):
    """What the head says of a crop.

    Attributes:
        joints2d: (N, J, 2) px in the crop.
        depth: (N, J) mm about the root, which is the mean of a skeleton's joints.
        spread: (N, J, 3) standard deviations of the heatmaps in px, px and mm.
        logits: (T, N, 3, J, S, S) of every stage's heatmaps in the planes of `PLANES`; what is read is the last.
    """

    joints2d: Tensor
    depth: Tensor
    spread: Tensor
    logits: Tensor


class MargiPoseHead(Head):
    """Reads one feature map, after deconvolutions if wanted; heatmaps have as many cells along z as along x and y.

    Args:
        channels: of the feature map.
        space: the joints.
        geometry: the cells of the feature map; the heatmaps' are smaller if there are deconvolutions.
        deconvolutions: how many; each halves the cells.
        stages: 1 to 4.
        width: channels inside.
        weights: of the losses, instead of `WEIGHTS`.
        bone_lengths_mm: see `RootDepth`.

    Raises:
        ValueError: for another number of stages, or too many deconvolutions.
    """

    def __init__(
        self,
        channels: int,
        space: JointSpace,
        geometry: HeatmapGeometry | None = None,
        deconvolutions: int = 0,
        stages: int = 2,
        width: int = 128,
        weights: dict[str, float] | None = None,
        bone_lengths_mm: list[float] | None = None,
    ) -> None:
        super().__init__()
        if not 1 <= stages <= MOST_STAGES:
            raise ValueError(f"MargiPose has 1 to {MOST_STAGES} stages, not {stages}")
        geometry = refined(geometry or HeatmapGeometry(), deconvolutions)
        self.joints = len(space)
        self.geometry = geometry = replace(geometry, depth=geometry.side)
        self.weights = weights_from(WEIGHTS, weights)
        self.upsampling = upsampling(channels, width, deconvolutions)
        self.input = nn.Sequential(
            nn.Conv2d(width if deconvolutions else channels, width, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU()
        )
        self.stages = nn.ModuleList([Stage(width, self.joints, geometry.side) for _ in range(stages)])
        self.adapters = nn.ModuleList(
            [
                nn.Sequential(nn.Conv2d(3 * self.joints, width, 1, bias=False), nn.BatchNorm2d(width))
                for _ in range(stages - 1)
            ]
        )
        px, deep = geometry.pixels(), geometry.deep_mm()
        self.read_xy = SoftArgmax(self.joints, px, px)
        self.read_xz = SoftArgmax(self.joints, px, deep)
        self.read_zy = SoftArgmax(self.joints, deep, px)
        self.root_depth = RootDepth(space, bone_lengths_mm)

    def forward(self, features: Tensor) -> MargiPoseReading:
        """(N, C, H, W) to joints and the logits of their heatmaps."""
        x = self.input(self.upsampling(features))
        found = [self.stages[0](x)]
        for adapter, stage in zip(self.adapters, self.stages[1:], strict=True):
            x = x + adapter(self._heatmaps(found[-1]))
            found.append(stage(x))
        logits = torch.stack([torch.stack(planes, dim=1) for planes in found]).float()
        return MargiPoseReading(*self.decode(*found[-1]), logits)

    def _heatmaps(self, planes: tuple[Tensor, Tensor, Tensor]) -> Tensor:
        """(N, 3 * J, S, S) probabilities out of the logits (N, J, S, S) in each plane."""
        side, together = self.geometry.side, torch.cat(planes, dim=1)
        return together.reshape(-1, 3 * self.joints, side * side).softmax(-1).reshape(-1, 3 * self.joints, side, side)

    def decode(self, xy: Tensor, xz: Tensor, zy: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Joints, depths and spread, see `MargiPoseReading`, of one stage's logits (N, J, S, S) in the three planes.

        Both maps that have a z say something of it; where they disagree, the spread is larger.
        """
        image, across, deep = self.read_xy(xy), self.read_xz(xz), self.read_zy(zy)
        one, other = across.mean[..., 1], deep.mean[..., 0]
        variance = (across.std[..., 1] ** 2 + deep.std[..., 0] ** 2) / 2 + ((one - other) / 2) ** 2
        return image.mean, (one + other) / 2, torch.cat([image.std, variance.sqrt()[..., None]], dim=-1)

    def place(self, reading: MargiPoseReading, intrinsics: Tensor) -> Pose:
        """The pose a reading means in front of the crop cameras (N, 3, 3)."""
        return self.root_depth(reading.joints2d, reading.depth, reading.spread, intrinsics)

    def losses(self, reading: MargiPoseReading, target: Target, progress: float, draw: Tensor) -> dict[str, Tensor]:
        """``position`` in halves of the box, ``divergence`` in nats, each summed over the stages, and ``total``.

        Examples without 3D truth pay for the heatmaps in the plane of the image.
        """
        if self.training:
            self.root_depth.learn(target)
        geometry = self.geometry
        true_depth = self.root_depth.about_roots(target)
        with_3d, only_2d = seen_with_and_without_3d(target, geometry.crop_side, geometry.stride)
        seen = with_3d | only_2d
        cells = geometry.cells_of(torch.cat([target.joints_px, true_depth[..., None]], dim=-1))
        position, divergence = [], []
        for logits in reading.logits:
            joints2d, depth, _ = self.decode(*logits.unbind(1))
            off2d = (joints2d - target.joints_px) * (2 / geometry.crop_side) * seen[..., None]
            off = (depth - true_depth) * (2 / geometry.box_size_mm) * target.known_3d
            # The small number keeps the gradient of the root finite at a perfect reading.
            distance = ((off2d**2).sum(-1) + off**2 + 1e-12).sqrt()
            position.append(masked_mean(distance, seen | target.known_3d))
            known = torch.stack([seen, seen & target.known_3d, seen & target.known_3d], dim=1)
            # Summed over the three planes, as the paper has it.
            apart = divergence_from_gaussian(logits, cells) * known
            divergence.append(masked_mean(apart.sum(dim=1), seen))
        found = {"position": torch.stack(position).sum(), "divergence": torch.stack(divergence).sum()}
        return weighted_sum(found, self.weights)


def divergence_from_gaussian(logits: Tensor, cells: Tensor) -> Tensor:
    """(N, 3, J) Jensen-Shannon divergence, in nats, of heatmaps from Gaussians of one cell around the joints.

    Args:
        logits: (N, 3, J, S, S) in the planes of `PLANES`.
        cells: (N, J, 3) where the joints are along x, y and z; the centre of the first cell is 0.
    """
    places = torch.arange(logits.shape[-1], device=logits.device)
    # (N, J, S) along each axis
    x, y, z = (-((places - cells[..., axis, None]) ** 2) / 2 for axis in range(3))
    planes = [rows[..., :, None] + columns[..., None, :] for columns, rows in ((x, y), (x, z), (z, y))]
    wanted = torch.stack(planes, dim=1).flatten(3).log_softmax(-1)
    found = logits.flatten(3).log_softmax(-1)
    middle = torch.logaddexp(wanted, found) - math.log(2)
    terms = wanted.exp() * (wanted - middle) + found.exp() * (found - middle)
    return terms.sum(-1) / 2


class Stage(nn.Module):
    """Heatmaps in the three planes out of one feature map.

    Args:
        width: channels of the feature map.
        joints: J.
        side: S, cells of the feature map along x and y, and of the heatmaps.
    """

    def __init__(self, width: int, joints: int, side: int) -> None:
        super().__init__()
        self.side, self.groups = side, max(1, width // side)
        wide = self.groups * side
        self.before = nn.ModuleDict({plane: Residual(width, width if plane == "xy" else wide) for plane in PLANES})
        self.after = nn.ModuleDict(
            {
                plane: nn.Sequential(
                    Residual(width if plane == "xy" else wide, width),
                    Residual(width, width),
                    nn.Conv2d(width, joints, 1),
                )
                for plane in PLANES
            }
        )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(N, width, S, S) to logits (N, J, S, S) in each of `PLANES`."""
        xy, xz, zy = (self.before[plane](x) for plane in PLANES)
        xz, zy = permute_axes(xz, self.groups, self.side, "xz"), permute_axes(zy, self.groups, self.side, "zy")
        return self.after["xy"](xy), self.after["xz"](xz), self.after["zy"](zy)


def permute_axes(x: Tensor, groups: int, side: int, plane: str) -> Tensor:
    """Lets groups of `side` channels change places with the axis of the image that a plane does not have.

    Args:
        x: (N, groups * side, side, side), rows y and columns x.
        groups: how many.
        side: cells along every axis.
        plane: ``xz`` or ``zy``.

    Returns:
        (N, groups * side, side, side): for ``xz``, rows z and columns x, for ``zy``, rows y and columns z.
    """
    volume = x.reshape(-1, groups, side, side, side)  # z, y, x
    return volume.transpose(2, 3 if plane == "xz" else 4).reshape(-1, groups * side, side, side)


class Residual(nn.Module):
    """ResNet's basic block with a projection as shortcut."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(channels_in, channels_out, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels_out),
            nn.ReLU(),
            nn.Conv2d(channels_out, channels_out, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels_out),
        )
        self.shortcut = nn.Sequential(nn.Conv2d(channels_in, channels_out, 1, bias=False), nn.BatchNorm2d(channels_out))

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels in, H, W) to (N, channels out, H, W)."""
        return functional.relu(self.shortcut(x) + self.layers(x))
