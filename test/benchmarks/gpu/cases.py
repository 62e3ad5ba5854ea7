"""Which networks are measured, each as a torch module and as an fp16 ONNX file of the same layers."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import onnx
import yaml

from metric_pose_ros.image_graph.half_precision import to_half
from metric_pose_ros.image_graph.rounding import measured_kept
from metric_pose_ros.model_hashes import sha256_of
from metric_pose_ros.models import ModelFile, find_model

if TYPE_CHECKING:
    from torch import nn

CONFIGS = Path(__file__).parents[3] / "training" / "configs"
BATCHES = (1, 4, 8, 16)
_RESNET50 = {
    "neck": {"width": 256, "blocks": 3},
    "head": {"name": "metrabs"},
    "skeletons": ["body_30"],
    "crop_side": 256,
    "box_size_mm": 2200,
}
"""The rest of a model over a ResNet-50, which is what the paper's speed was measured with."""


@dataclass(frozen=True)
class Case:
    """One network.

    Attributes:
        name: for the report.
        shipped: name of the shipped model that has the weights; None for random weights, which are as fast.
        config: the model section of a training configuration, for torch and for random weights.
    """

    name: str
    shipped: str | None
    config: dict[str, Any]

    def module(self) -> nn.Module:
        """The network in torch, with random weights."""
        from training.networks.pose_model import build_model

        config = copy.deepcopy(self.config)
        config["backbone"].pop("weights", None)
        return build_model(config, with_weights=False).eval()

    def file(self, folder: Path, half: bool = True) -> ModelFile:
        """The network as ONNX in a folder, of crops and intrinsics; fp16 or as exported."""
        path = folder / f"{self.name.replace(' ', '_')}_{'fp16' if half else 'fp32'}.onnx"
        graph = onnx.load(find_model(self.shipped)) if self.shipped else _traced(self.module())
        if half:
            to_half(graph, kept=kept_of(find_model(self.shipped)) if self.shipped else 0)
        onnx.save(graph, path)
        shapes = [
            {value.name: ("N", *(size.dim_value for size in value.type.tensor_type.shape.dim[1:])) for value in values}
            for values in (graph.graph.input, graph.graph.output)
        ]
        return ModelFile(path, "pose", {}, *shapes, sha256_of(path))


def kept_of(model: Path) -> int:
    """How many first convolutions of a shipped model robots run in fp32."""
    return measured_kept(model.read_bytes()) or 0


def cases() -> list[Case]:
    """All of them."""
    return [
        Case("heavy", "heavy", _section("heavy")),
        Case("fast", "fast", _section("fast")),
        Case("resnet50 stride 32", None, {**_RESNET50, "backbone": {"name": "resnet50", "stride": 32}}),
        Case("resnet50 stride 16", None, {**_RESNET50, "backbone": {"name": "resnet50", "stride": 16}}),
    ]


def _section(name: str) -> dict[str, Any]:
    return yaml.safe_load((CONFIGS / f"{name}.yaml").read_text(encoding="utf-8"))["model"]


def _traced(module: Any) -> onnx.ModelProto:
    import torch

    from training.networks.pose_model import PoseOutput
    from training.tracing import crops_to_try, trace

    side = module.crop_side
    intrinsics = torch.eye(3).repeat(2, 1, 1) * 800
    intrinsics[:, :2, 2], intrinsics[:, 2, 2] = (side - 1) / 2, 1
    inputs = {"crops": crops_to_try(2, side=side), "intrinsics": intrinsics}
    return onnx.load_from_string(trace(module, inputs, PoseOutput._fields))
