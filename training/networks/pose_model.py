"""The model a robot gets: trunk, head, calibrated uncertainty and placement in one module."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from metric_pose_ros.skeleton import SKELETONS
from training.networks.blazepose import BlazePose
from training.networks.blazepose_weights import FILES, load_blazepose
from training.networks.metrabs import HeadOutput, HeatmapGeometry, MetrabsHead
from training.networks.placement import place


class PoseOutput(NamedTuple):
    """The outputs of an exported model, in its order.

    Attributes:
        joints2d: (N, J, 2) px in the crop.
        relative: (N, J, 3) mm, up to translation.
        absolute: (N, J, 3) mm in the crop camera.
        std: (N, J, 3) mm, one standard deviation of `relative` about its true value, per axis.
    """

    joints2d: Tensor
    relative: Tensor
    absolute: Tensor
    std: Tensor


class PoseModel(nn.Module):
    """Crops and their cameras in, people in millimetres out.

    Args:
        trunk: gives named feature maps.
        head: reads them.
        skeleton: name of a skeleton in metric_pose_ros.skeleton.
    """

    size: Tensor
    std_scale: Tensor
    std_floor_mm: Tensor

    def __init__(self, trunk: BlazePose, head: MetrabsHead, skeleton: str) -> None:
        super().__init__()
        self.trunk, self.head, self.skeleton = trunk, head, SKELETONS[skeleton]
        # The calibration is made when a model is exported; until then it changes nothing.
        self.register_buffer("size", torch.ones(()), persistent=False)
        self.register_buffer("std_scale", torch.ones(head.joints, 3))
        self.register_buffer("std_floor_mm", torch.zeros(head.joints, 3))

    def forward(self, crops: Tensor, intrinsics: Tensor) -> PoseOutput:
        """Runs everything.

        Args:
            crops: (N, 3, S, S) RGB in 0..1.
            intrinsics: (N, 3, 3) of the crop cameras.
        """
        return self.finish(self.head(self.trunk(crops)), intrinsics)

    def finish(self, output: HeadOutput, intrinsics: Tensor) -> PoseOutput:
        """Places what the head said and states its uncertainty."""
        geometry = self.head.geometry
        relative = output.relative * self.size
        absolute = place(output.joints2d, relative, intrinsics, geometry.crop_side, geometry.stride)
        std = ((self.std_scale * output.spread) ** 2 + self.std_floor_mm**2).sqrt()
        return PoseOutput(output.joints2d, relative, absolute, std)


def build_trunk(config: dict[str, Any], trunks: str | None) -> BlazePose:
    """The trunk of the ``model`` section of a configuration, with MediaPipe's weights.

    Args:
        config: see `build_model`.
        trunks: folder of MediaPipe's files; without one the weights are random, for tests and for training from
            nothing.
    """
    if trunks is None:
        return BlazePose(config["trunk"], tuple(config["taps"]))
    return load_blazepose(Path(trunks) / FILES[config["trunk"]][0], config["trunk"], tuple(config["taps"]))


def build_model(config: dict[str, Any], trunks: str | None = None) -> PoseModel:
    """Builds a model as the ``model`` section of a configuration says.

    Args:
        config: ``{trunk: heavy|full, taps: [...], skeleton: body_30, width: 256, blocks: 3}`` and, if other than 8 and
            2200, ``depth`` and ``box_size_mm``.
        trunks: see `build_trunk`.
    """
    trunk = build_trunk(config, trunks)
    geometry = HeatmapGeometry(depth=config.get("depth", 8), box_size_mm=config.get("box_size_mm", 2200.0))
    channels = {tap: trunk.channels[tap] for tap in trunk.taps}
    joints = len(SKELETONS[config["skeleton"]])
    head = MetrabsHead(channels, joints, config["width"], config["blocks"], geometry)
    return PoseModel(trunk, head, config["skeleton"])
