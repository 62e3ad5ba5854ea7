"""Engines for measuring: torch models behind the protocol that the robot's engines have, and what root-relative models
need so that the robot's code can run them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from metric_pose_ros.engines import Engine
from metric_pose_ros.geometry.placement import full_perspective, inside_view
from training.networks.pose_model import PoseModel

Floats = npt.NDArray[np.floating]


class TorchEngine:
    """Runs a torch model.

    Args:
        model: in evaluation mode.
        device: of torch.

    Attributes:
        description: what runs the network, on what.
    """

    def __init__(self, model: PoseModel, device: str = "cpu") -> None:
        self.description = f"torch {torch.__version__} on {device}"
        self._model, self._device = model.to(device).eval(), device

    def run(self, **arrays: npt.NDArray) -> dict[str, npt.NDArray]:
        """``crops`` (N, 3, S, S) and ``intrinsics`` (N, 3, 3) to those outputs that the model has."""
        crops, intrinsics = (
            torch.from_numpy(np.ascontiguousarray(arrays[name])).to(self._device) for name in ("crops", "intrinsics")
        )
        with torch.inference_mode():
            output = self._model(crops, intrinsics)
        return {name: value.float().cpu().numpy() for name, value in output._asdict().items() if value is not None}


class Completed:
    """Gives the outputs that a root-relative model lacks, so that the robot's code can place its people.

    Where such a model says where joints are in the image, people are moved to where they appear so; else they are put
    where the network's box, `box_size_mm` wide, fills the crop. Only root-aligned measures of such people mean
    anything.

    Args:
        engine: of the model.
        side: of the crops, px.
        stride: of the heatmaps, px.
        box_size_mm: what the crop's width stands for.
    """

    def __init__(self, engine: Engine, side: int, stride: int, box_size_mm: float) -> None:
        self.description = engine.description
        self._engine, self._side, self._stride, self._box_size_mm = engine, side, stride, box_size_mm

    def run(self, **arrays: npt.NDArray) -> dict[str, npt.NDArray]:
        """The engine's outputs, with ``joints2d`` and ``absolute`` added where they are missing."""
        outputs = self._engine.run(**arrays)
        relative, intrinsics = outputs["relative"], arrays["intrinsics"]
        if "absolute" not in outputs:
            if "joints2d" in outputs:
                inside = inside_view(outputs["joints2d"], self._side, self._stride)
                moved = full_perspective(outputs["joints2d"], relative, intrinsics, inside)
            else:
                depth = intrinsics[:, 0, 0] * self._box_size_mm / self._side
                ahead = np.stack([np.zeros_like(depth), np.zeros_like(depth), depth], axis=1)
                moved = ahead - relative.mean(axis=1)
            outputs["absolute"] = (relative + moved[:, None]).astype(relative.dtype)
        if "joints2d" not in outputs:
            homogeneous = outputs["absolute"] @ intrinsics.transpose(0, 2, 1)
            outputs["joints2d"] = homogeneous[..., :2] / homogeneous[..., 2:]
        return outputs
