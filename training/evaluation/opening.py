"""From a file, exported or a checkpoint, to the estimator that the robot runs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from metric_pose_ros.detection import Detector
from metric_pose_ros.engines import Engine
from metric_pose_ros.engines.onnxruntime import OnnxRuntimeEngine
from metric_pose_ros.estimator import PoseEstimator
from metric_pose_ros.models import PoseModelInfo
from metric_pose_ros.pose_network import PoseNetwork
from metric_pose_ros.skeleton import Skeleton
from metric_pose_ros.spoken_skeletons import choose, spoken_skeletons
from training.checkpoint import load_model
from training.data.shards import CROP_SCALE
from training.evaluation.engines import Completed, TorchEngine
from training.model_file import PoseFile

MOST_PEOPLE = 10_000
"""Nobody may be left out for being one too many."""


@dataclass(frozen=True)
class Looking:
    """How a model is used.

    Attributes:
        views: looks at each person that are averaged.
        mirror: with one look, also its mirror image.
        skeleton: which of the model's skeletons.
        preferred: whose joints are wanted if none is asked for: the model's skeleton of that name, or else one with all
            its joints, or else the model's first.
        threads: of the CPU.
        device: of torch, for checkpoints.
        detector: that finds people; None where boxes are given.
        only_plausible: whether to drop poses that cannot be a person's.
    """

    views: int = 1
    mirror: bool = False
    skeleton: str | None = None
    preferred: Skeleton | None = None
    threads: int = 1
    device: str = "cpu"
    detector: str | Detector | None = None
    only_plausible: bool = False


@dataclass(frozen=True)
class Opened:
    """A model that is ready to be measured.

    Attributes:
        estimator: that the robot runs.
        placed: whether the model says where people stand.
    """

    estimator: PoseEstimator
    placed: bool


def open_model(path: Path, looking: Looking) -> Opened:
    """Opens a model.

    Args:
        path: an exported ``.onnx`` or a ``.ckpt``.
        looking: how to use it.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: for another kind of file, or a skeleton that the model does not speak.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no model {path}")
    if path.suffix == ".onnx":
        engine, said, outputs = _exported(path, looking)
    elif path.suffix == ".ckpt":
        engine, said, outputs = _checkpoint(path, looking)
    else:
        raise ValueError(f"{path} is neither an exported .onnx nor a .ckpt")
    info = describe(said, looking.skeleton, looking.preferred)
    engine = Completed(engine, info.crop_side, info.stride, info.box_size_mm)
    estimator = PoseEstimator(
        model=PoseNetwork(engine, info),
        detector=looking.detector,
        threads=looking.threads,
        mirror=looking.mirror,
        max_people=MOST_PEOPLE,
        views=looking.views,
        only_plausible=looking.only_plausible,
    )
    return Opened(estimator, "absolute" in outputs)


def describe(said: dict[str, Any], skeleton: str | None = None, preferred: Skeleton | None = None) -> PoseModelInfo:
    """What a model says of itself, for one of its skeletons.

    Args:
        said: the model's metadata.
        skeleton: its name.
        preferred: see `Looking`.

    Raises:
        ValueError: if the model does not speak the skeleton.
    """
    spoken = spoken_skeletons(said)
    if skeleton is None and preferred is not None:
        fitting = [one.skeleton for one in spoken if set(preferred.names) <= set(one.skeleton.names)]
        fitting.sort(key=lambda one: one.name != preferred.name)
        skeleton = fitting[0].name if fitting else None
    chosen = choose(spoken, skeleton)
    return replace(PoseModelInfo.from_metadata(said, chosen.skeleton), outputs=chosen.outputs)


def _exported(path: Path, looking: Looking) -> tuple[Engine, dict[str, Any], set[str]]:
    """A file's engine, what it says of itself, and the names of its outputs."""
    file = PoseFile(path)
    if "joints" not in file.metadata:
        raise ValueError(f"{path} does not say which joints it has: it was not exported by `python -m training export`")
    return OnnxRuntimeEngine(path, looking.threads), file.metadata, set(file.outputs)


def _checkpoint(path: Path, looking: Looking) -> tuple[Engine, dict[str, Any], set[str]]:
    """The same of a checkpoint."""
    model, config = load_model(path)
    said = {
        "name": config["name"],
        "version": f"step {config.get('step', 'unknown')}",
        "crop_side": model.crop_side,
        "crop_scale": CROP_SCALE,
        "body_scale": model.body_scale,
        "box_size_mm": model.head.geometry.box_size_mm,
        "stride": model.stride,
        **model.space.metadata(),
    }
    engine = TorchEngine(model, looking.device)
    side = model.crop_side
    outputs = engine.run(crops=np.zeros((1, 3, side, side), np.float32), intrinsics=np.eye(3, dtype=np.float32)[None])
    return engine, said, set(outputs)
