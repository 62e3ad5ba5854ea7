"""Networks that say whatever they like: a small skeleton's worth of numbers, without ONNX."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from metric_pose_ros.cameras import CamerasEstimator
from metric_pose_ros.estimator import PoseEstimator
from metric_pose_ros.models import PoseModelInfo
from metric_pose_ros.people import Detection
from metric_pose_ros.pose_network import PoseBatch, PoseNetwork
from metric_pose_ros.skeleton import BODY_30
from test.fake_models import STANDING_MM
from test.fuzz.draw import Draw

SIDE = 32
"""px; crops are small, so that a look costs little."""
_OUTPUTS = ("joints2d", "relative", "absolute", "std")


class _Engine:
    """An engine that runs a function of NumPy arrays."""

    description = "NumPy"
    on_gpu = False

    def __init__(self, run: Callable[..., dict[str, np.ndarray]]) -> None:
        self.run = run


def standing(crops: np.ndarray, intrinsics: np.ndarray) -> dict[str, np.ndarray]:
    """What a network says that sees a standing person in every crop, as tall as four fifths of it."""
    extent = float(np.ptp(STANDING_MM[:, 1]))
    centred = STANDING_MM - [0, (STANDING_MM[:, 1].max() + STANDING_MM[:, 1].min()) / 2, 0]
    depth = intrinsics[:, 0, 0] * extent / (0.8 * crops.shape[2])
    absolute = centred + depth[:, None, None] * np.array([0.0, 0.0, 1.0])
    plane = absolute @ intrinsics.transpose(0, 2, 1)
    relative = np.broadcast_to(STANDING_MM, absolute.shape)
    return {
        "joints2d": plane[..., :2] / plane[..., 2:],
        "relative": relative,
        "absolute": absolute,
        "std": np.full(absolute.shape, 40.0),
    }


def hostile_outputs(draw: Draw, outputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The same with numbers changed: single ones, joints, coordinates or all."""
    outputs = {name: np.array(values, float) for name, values in outputs.items()}
    for _ in range(draw.integer(0, 4)):
        values = outputs[draw.choice(_OUTPUTS)]
        count, joints, axes = values.shape
        where = draw.choice(
            (
                np.s_[:],
                np.s_[draw.integer(0, count - 1)],
                np.s_[:, draw.integer(0, joints - 1)],
                np.s_[..., draw.integer(0, axes - 1)],
                np.s_[draw.integer(0, count - 1), draw.integer(0, joints - 1), draw.integer(0, axes - 1)],
            )
        )
        with np.errstate(all="ignore"):
            if draw.sometimes(2):
                values[where] = draw.number(1000.0)
            elif draw.sometimes(2):
                values[where] *= draw.number(1.0)
            else:
                values[where] += draw.number(0.0)
    with np.errstate(over="ignore"):
        return {name: values.astype(np.float32) for name, values in outputs.items()}


def network(run: Callable[..., dict[str, np.ndarray]] = standing, calibrated: bool = True) -> PoseNetwork:
    """A pose network of 30 joints that says what a function says."""
    info = PoseModelInfo("fake", "0", BODY_30, SIDE, 1.25, 2200.0, 4, calibrated=calibrated)
    return PoseNetwork(_Engine(run), info)


def estimator(
    run: Callable[..., dict[str, np.ndarray]] = standing, boxes: Sequence[Detection] = (), calibrated: bool = True
) -> PoseEstimator:
    """An estimator with that network, whose detector finds the same boxes in every image."""
    return PoseEstimator(network(run, calibrated), detector=lambda image: list(boxes))


def streams(made: PoseEstimator, from_outside: bool = False) -> CamerasEstimator:
    """The estimator with tracks, for one camera."""
    return CamerasEstimator(made, from_outside=from_outside)


def batch(outputs: dict[str, np.ndarray]) -> PoseBatch:
    """Outputs as `PoseNetwork` gives them."""
    return PoseBatch(**outputs)
