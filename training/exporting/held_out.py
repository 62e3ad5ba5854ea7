"""Crops of people from shards, as an exported model takes them, to measure the model on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from metric_pose_ros.spoken_skeletons import spoken_skeletons
from training.data.augmentation import NOTHING
from training.data.batch import Batch
from training.data.batches import ExampleMaker
from training.data.shards import Problems
from training.data.sources import HeldOutShards
from training.joint_space import JointSpace
from training.model_file import PoseFile

_BATCH = 8


def joint_space(file: PoseFile) -> JointSpace:
    """The joints that a model file says it finds."""
    return JointSpace(tuple(spoken.skeleton for spoken in spoken_skeletons(file.metadata)))


def held_out(file: PoseFile, shards: Path, split: str, limit: int, problems: Problems) -> Iterator[Batch]:
    """At most `limit` examples of a split, evenly chosen, as they are.

    Raises:
        FileNotFoundError: if there are no shards of the split.
    """
    maker = ExampleMaker([], joint_space(file), int(file.metadata["crop_side"]), NOTHING, 1)
    part = {"shards": shards, "split": split}
    return HeldOutShards(part, maker, torch.device("cpu"), problems).validation(limit, _BATCH)


def validation_crops(file: PoseFile, shards: Path, limit: int) -> dict[str, npt.NDArray]:
    """Inputs ``crops`` and ``intrinsics`` of a model file that show people of the validation split.

    Raises:
        FileNotFoundError: if there are no shards of the split.
        ValueError: if nothing in them can be read.
    """
    problems = Problems()
    crops, intrinsics = [], []
    for batch in held_out(file, shards, "validation", limit, problems):
        assert batch.crops is not None
        crops.append(batch.crops.numpy())
        intrinsics.append(batch.target.intrinsics.numpy().astype(np.float32))
    if not crops:
        raise ValueError(f"{shards} has no validation examples to measure fp16 on: {problems}")
    return {"crops": np.concatenate(crops), "intrinsics": np.concatenate(intrinsics)}
