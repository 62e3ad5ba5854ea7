"""The pose network: crops go in, joints in millimetres with their uncertainty come out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import gammainc

from metric_pose_ros.engines import Engine
from metric_pose_ros.models import PoseModelInfo

Floats = npt.NDArray[np.floating]

_AXES = {"joints2d": 2, "relative": 3, "absolute": 3, "std": 3}
"""Outputs that are read, and how many numbers they have for a joint."""
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

    def part(self, start: int, stop: int) -> PoseBatch:
        """Some of the crops' poses."""
        return PoseBatch(
            self.joints2d[start:stop], self.relative[start:stop], self.absolute[start:stop], self.std[start:stop]
        )

    def put(self, rows: list[int], poses: PoseBatch) -> None:
        """Puts poses in the place of those of some crops."""
        for name in _AXES:
            getattr(self, name)[rows] = getattr(poses, name)


class PoseNetwork:
    """Runs a pose model on a batch of crops.

    Args:
        engine: that runs the model.
        info: what the model says of itself.

    Attributes:
        on_gpu: whether the engine runs on a GPU.
    """

    def __init__(self, engine: Engine, info: PoseModelInfo) -> None:
        self.info = info
        # Training's engines do not say so.
        self.on_gpu: bool = getattr(engine, "on_gpu", False)
        self._engine = engine

    @property
    def description(self) -> str:
        """What runs the network now, on what, and why."""
        return f"{self.info.name} {self.info.version}: {self._engine.description}"

    @property
    def trouble(self) -> str:
        """What keeps the engine from running as it should, in words; empty if nothing does."""
        return getattr(self._engine, "trouble", "")

    def __call__(self, crops: npt.NDArray[np.float32], intrinsics: Floats) -> PoseBatch:
        """Poses in crops.

        Args:
            crops: (N, 3, S, S) RGB in 0..1.
            intrinsics: (N, 3, 3) of the crops.

        Raises:
            ValueError: if the network gives something else than its description promises.
        """
        outputs = self._engine.run(crops=crops, intrinsics=np.asarray(intrinsics, np.float32))
        return self._read(outputs, len(crops))

    def _read(self, outputs: dict[str, npt.NDArray], count: int) -> PoseBatch:
        """The joints of the skeleton that was chosen, of what the engine gave for so many crops."""
        found = {name: self._of_skeleton(outputs[name].astype(float)) for name in _AXES}
        for name, values in found.items():
            # A graph may state one shape and give another.
            expected = (count, len(self.info.skeleton), _AXES[name])
            if values.shape != expected:
                raise ValueError(
                    f"{self.info.name} gives {name} of shape {list(outputs[name].shape)} and not what its description "
                    f"promises, of which {list(expected)} would be taken: export it again"
                )
        return PoseBatch(**found)

    def _of_skeleton(self, values: Floats) -> Floats:
        """The joints that were chosen, as far as there are so many."""
        if self.info.outputs is None or values.ndim != 3:
            return values
        return values[:, [place for place in self.info.outputs if place < values.shape[1]]]


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
