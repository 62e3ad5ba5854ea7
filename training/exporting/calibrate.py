"""Sets what an exported model says of people's size and of its own uncertainty, from examples it was not trained on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.progress import track

from training.data.augmentation import NOTHING
from training.data.batches import ExampleMaker
from training.data.shards import Problems
from training.data.sources import HeldOutShards, open_source
from training.evaluation.calibration import Floats, fit_size, fit_std
from training.evaluation.metrics import centred
from training.fitting.validation import Predictions, predict
from training.networks.disagreement import disagreement
from training.networks.pose_model import PoseModel

BATCH = 32


def predict_validation(model: PoseModel, config: dict[str, Any], limit: int, problems: Problems) -> Predictions:
    """What a model says of at most `limit` examples of its configuration's validation split, cached or pictures.

    Raises:
        FileNotFoundError: if the split is not where the configuration says.
        ValueError: if nothing of it can be read, or it is the test split.
    """
    data = config["data"]
    part = data.get("validation", {})
    if part.get("split") == "test":
        raise ValueError(
            f"data.validation is the test split of {part.get('shards')}, and a model that is calibrated on the people "
            "whom it is measured on looks better than it is; name others by --calibration SHARDS, whose validation "
            "split is taken"
        )
    source = open_source(data, model, config.get("fit", {}).get("seed", 1), torch.device("cpu"), problems)
    return predict(model, track(source.validation(limit, BATCH), description="calibrating", total=None))


def predict_shards(model: PoseModel, shards: Path, limit: int, problems: Problems) -> Predictions:
    """What a model says of at most `limit` examples of the validation split of a folder of shards.

    Raises:
        FileNotFoundError: if there are no shards of the split.
        ValueError: if nothing of it can be read.
    """
    maker = ExampleMaker([], model.space, model.crop_side, NOTHING, 1)
    part = {"shards": shards, "split": "validation"}
    source = HeldOutShards(part, maker, torch.device("cpu"), problems)
    return predict(model, track(source.validation(limit, BATCH), description="calibrating", total=None))


def calibrate(model: PoseModel, found: Predictions) -> int:
    """Sets the model's size and its uncertainty so that they fit the errors of its predictions.

    Args:
        model: that predicted, with a size of 1; changed in place.
        found: predictions beside the truth.

    Returns:
        how many examples had 3D labels; if none had, nothing is changed.
    """
    truth = found.true_mm.astype(float)
    known = np.asarray(np.isfinite(truth).all(axis=-1))
    labelled = known.any(axis=1)
    if not labelled.any():
        return 0
    size = _size(model, found, truth)
    errors = centred(found.relative.astype(float) * size, known) - centred(truth, known)
    spread = found.spread.astype(float)
    uncertainty = fit_std(errors[labelled], spread[labelled], _apart(found, size)[labelled])
    model.size.fill_(size)
    model.std_scale.copy_(torch.from_numpy(uncertainty.scale))
    model.std_disagreement.copy_(torch.from_numpy(uncertainty.disagreement))
    model.std_floor_mm.copy_(torch.from_numpy(uncertainty.floor_mm))
    return int(labelled.sum())


def _apart(found: Predictions, size: float) -> Floats:
    """(N,) mm how far each person's 2D and 3D readings are apart; zero where a head lacks one of them."""
    joints2d, absolute, intrinsics = (
        torch.from_numpy(values.astype(float)) for values in (found.joints2d, found.absolute * size, found.intrinsics)
    )
    return np.nan_to_num(disagreement(joints2d, absolute, intrinsics)[:, 0, 0].numpy(), nan=0.0)


def _size(model: PoseModel, found: Predictions, truth: np.ndarray) -> float:
    """The factor of the first skeleton that tells one."""
    for skeleton in model.space.skeletons:
        joints = model.space.indices(skeleton.name)
        whole = np.asarray(np.isfinite(found.true_px[:, joints]).all(axis=(1, 2)))
        size = fit_size(found.absolute[:, joints].astype(float), truth[:, joints], whole, skeleton)
        if size != 1:
            return size
    return 1.0
