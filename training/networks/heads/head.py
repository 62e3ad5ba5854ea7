"""What every head is: one feature map in; a reading of it, a pose, and the losses out."""

from __future__ import annotations

from typing import Any, NamedTuple

from torch import Tensor, nn

from training.data.batch import Target
from training.networks.heads.heatmaps import HeatmapGeometry


class Pose(NamedTuple):
    """People as a head sees them, in their crop's camera.

    Attributes:
        joints2d: (N, J, 2) px in the crop; None if the head says nothing of the image.
        relative: (N, J, 3) mm, up to one translation per pose.
        absolute: (N, J, 3) mm in the crop camera; None if the head cannot say.
        spread: (N, J, 3) mm, standard deviation of the joint's heatmap along each axis.
    """

    joints2d: Tensor | None
    relative: Tensor
    absolute: Tensor | None
    spread: Tensor


class Head(nn.Module):
    """Reads one feature map.

    Heads differ in what they predict (`forward`), how it is read as a pose (`place`) and what training asks of it
    (`losses`); nothing else in training knows which head it has.

    Attributes:
        joints: J.
        geometry: where the cells of its heatmaps lie.
    """

    joints: int
    geometry: HeatmapGeometry

    def forward(self, features: Tensor) -> Any:
        """(N, C, H, W) to the head's own reading: a NamedTuple of tensors, float32 whatever the features' precision."""
        raise NotImplementedError

    def place(self, reading: Any, intrinsics: Tensor) -> Pose:
        """The pose a reading means in front of the crop cameras (N, 3, 3)."""
        raise NotImplementedError

    def losses(self, reading: Any, target: Target, progress: float, draw: Tensor) -> dict[str, Tensor]:
        """What to make small, by name, and the weighted sum of it as ``total``.

        Args:
            reading: of `forward`.
            target: the truth.
            progress: share of the training that is done, 0..1, for losses that come in later.
            draw: (N,) random numbers in 0..1, one an example, so that a run can be repeated.
        """
        raise NotImplementedError
