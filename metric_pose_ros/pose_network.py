"""The pose network: crops go in, joints in millimetres with their uncertainty come out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import gammainc

from metric_pose_ros.engines import Engine
from metric_pose_ros.geometry.placement import place
from metric_pose_ros.models import PoseModelInfo

Floats = npt.NDArray[np.floating]

CONFIDENT_WITHIN_MM = 150.0
"""What "in the right place" means for a confidence; the radius of the PCK measure."""


@dataclass(frozen=True, eq=False)
class PoseBatch:
    """What the network says of N crops.

    Attributes:
        joints2d: (N, J, 2) px in the crop.
        relative: (N, J, 3) mm, up to translation, axes of the crop camera.
        absolute: (N, J, 3) mm in the crop camera's frame.
        std: (N, J, 3) mm, one standard deviation of `relative`.
    """

    joints2d: Floats
    relative: Floats
    absolute: Floats
    std: Floats

    @property
    def confidence(self) -> Floats:
        """(N, J) probability that a joint is within `CONFIDENT_WITHIN_MM` of where it is said to be."""
        return probability_within(CONFIDENT_WITHIN_MM, self.std)


class PoseNetwork:
    """Runs a pose model on a batch of crops.

    Args:
        engine: that runs the model.
        info: what the model says of itself.
        mirror: also look at each crop mirrored and average; twice the time for a few millimetres.
    """

    def __init__(self, engine: Engine, info: PoseModelInfo, mirror: bool = False) -> None:
        self.info = info
        self._engine = engine
        self._mirror = mirror

    def __call__(self, crops: npt.NDArray[np.float32], intrinsics: Floats) -> PoseBatch:
        """Poses in crops.

        Args:
            crops: (N, 3, S, S) RGB in 0..1.
            intrinsics: (N, 3, 3) of the crops.
        """
        intrinsics = np.asarray(intrinsics, np.float32)
        if not self._mirror:
            return PoseBatch(**self._run(crops, intrinsics))
        count = len(crops)
        # The optical axis is the crop's centre, so a mirrored crop has the same intrinsics.
        both = np.concatenate([crops, crops[..., ::-1]])
        outputs = self._run(both, np.concatenate([intrinsics, intrinsics]))
        swap = self.info.skeleton.mirror
        side, stride = self.info.crop_side, self.info.stride
        joints2d, relative, std = (outputs[name][:count] for name in ("joints2d", "relative", "std"))
        seen2d, seen, seen_std = (outputs[name][count:, swap] for name in ("joints2d", "relative", "std"))
        back2d = np.stack([side - 1 - seen2d[..., 0], seen2d[..., 1]], axis=-1)
        back = seen * [-1, 1, 1]
        joints2d = (joints2d + back2d) / 2
        # Each view's own origin means nothing: compare them at their means.
        relative = (relative - relative.mean(axis=1, keepdims=True) + back - back.mean(axis=1, keepdims=True)) / 2
        return PoseBatch(joints2d, relative, place(joints2d, relative, intrinsics, side, stride), (std + seen_std) / 2)

    def _run(self, crops: npt.NDArray[np.float32], intrinsics: Floats) -> dict[str, Floats]:
        outputs = self._engine.run(crops=crops, intrinsics=intrinsics)
        return {name: outputs[name].astype(float) for name in ("joints2d", "relative", "absolute", "std")}


def probability_within(radius: float, std: Floats) -> Floats:
    """How likely a normally distributed error is shorter than `radius`.

    The squared length of the error is a weighted sum of chi-squares, which a gamma distribution of the same mean and
    variance stands in for (Satterthwaite 1946); exact where the three deviations are equal.

    Args:
        radius: in the unit of `std`.
        std: (..., 3) standard deviation along three perpendicular axes.

    Returns:
        (...), 0..1.
    """
    variance = np.clip(np.asarray(std, float), 1e-9, 1e9) ** 2
    mean, spread = variance.sum(axis=-1), 2 * (variance**2).sum(axis=-1)
    return gammainc(mean**2 / spread, radius**2 * mean / spread)
