"""How good a model is on the validation split while it trains."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from training.data.batch import Batch
from training.evaluation.metrics import joint_errors, mean, median, pck, procrustes_aligned
from training.joint_space import JointSpace
from training.networks.heads.head import Pose
from training.networks.pose_model import PoseModel

Floats = npt.NDArray[np.floating]


@dataclass(frozen=True, eq=False)
class Predictions:
    """What a model says of N examples, and the truth. J joints.

    Attributes:
        joints2d: (N, J, 2) px in the crop; NaN if the head does not say.
        relative: (N, J, 3) mm.
        absolute: (N, J, 3) mm in the crop camera; NaN if the head does not say.
        spread: (N, J, 3) mm.
        true_mm: (N, J, 3); NaN where unknown.
        true_px: (N, J, 2); NaN where unknown or outside the crop.
        intrinsics: (N, 3, 3).
    """

    joints2d: Floats
    relative: Floats
    absolute: Floats
    spread: Floats
    true_mm: Floats
    true_px: Floats
    intrinsics: Floats

    def __len__(self) -> int:
        return len(self.true_mm)


@dataclass(frozen=True)
class Scores:
    """Millimetres unless said otherwise; NaN where the truth or the prediction is not known.

    Attributes:
        count: examples.
        mpjpe: mean joint error with the pelvis aligned; where a skeleton has none, the mean of the known joints.
        pa_mpjpe: after Procrustes alignment.
        a_mpjpe: mean joint error in the camera frame.
        root_percent: median error of the root's position, percent of its distance.
        pck150: share of joints within 150 mm, root aligned, percent.
        px: mean 2D error of the joints in the crop, px.
    """

    count: int
    mpjpe: float
    pa_mpjpe: float
    a_mpjpe: float
    root_percent: float
    pck150: float
    px: float


@torch.no_grad()
def predict(model: PoseModel, batches: Iterable[Batch]) -> Predictions:
    """Runs a model in evaluation mode over batches on its device.

    Raises:
        ValueError: if there is no batch.
    """
    model.eval()
    parts = [_beside(model.pose(batch), batch) for batch in batches]
    if not parts:
        raise ValueError("there is no example to predict")
    return Predictions(**{name: np.concatenate([part[name] for part in parts]) for name in parts[0]})


def _beside(pose: Pose, batch: Batch) -> dict[str, Floats]:
    target = batch.target
    unknown2d, unknown3d = (torch.full_like(values, torch.nan) for values in (target.joints_px, target.joints_mm))
    found: dict[str, Tensor] = {
        "joints2d": unknown2d if pose.joints2d is None else pose.joints2d,
        "relative": pose.relative,
        "absolute": unknown3d if pose.absolute is None else pose.absolute,
        "spread": pose.spread,
        "true_mm": torch.where(target.known_3d[..., None], target.joints_mm, unknown3d),
        "true_px": torch.where(target.known_2d[..., None], target.joints_px, unknown2d),
        "intrinsics": target.intrinsics,
    }
    return {name: value.float().cpu().numpy() for name, value in found.items()}


def score(found: Predictions, space: JointSpace) -> Scores:
    """Measures predictions."""
    truth = found.true_mm.astype(float)
    absolute, relative = found.absolute.astype(float), found.relative.astype(float)
    poses = np.where(np.isfinite(absolute), absolute, relative)
    known = np.isfinite(truth).all(axis=-1)
    true_root, root = _roots(truth, truth, space), _roots(poses, truth, space)
    errors = joint_errors(poses - root, truth - true_root)
    distance = np.linalg.norm(true_root[:, 0], axis=-1)
    off = np.linalg.norm(_roots(absolute, truth, space) - true_root, axis=-1)[:, 0]
    return Scores(
        count=len(found),
        mpjpe=mean(errors),
        pa_mpjpe=mean(joint_errors(procrustes_aligned(np.where(known[..., None], poses, 0), truth), truth)),
        a_mpjpe=mean(joint_errors(absolute, truth)),
        root_percent=100 * median(off / distance),
        pck150=100 * pck(errors),
        px=mean(joint_errors(found.joints2d.astype(float), found.true_px)),
    )


def _roots(poses: Floats, truth: Floats, space: JointSpace) -> Floats:
    """(N, 1, 3) where each pose is aligned: the first pelvis whose true place is known, or the mean of all such
    joints."""
    known = np.asarray(np.isfinite(truth).all(axis=-1))
    total = np.where(known[..., None], poses, 0).sum(axis=1, keepdims=True)
    roots: Floats = total / np.maximum(known.sum(axis=1), 1)[:, None, None]
    pelvises = [place for place, name in enumerate(space.names) if name.rpartition("/")[2] == "pelvis"]
    for place in reversed(pelvises):
        roots = np.where(known[:, place, None, None], poses[:, place : place + 1], roots)
    return roots
