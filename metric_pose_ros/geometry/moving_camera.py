"""A camera that moves, seen from a frame that stands still."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy.typing as npt

from metric_pose_ros.geometry.frames import Frames, NotYetKnownError

_STALE_S = 0.5
"""Transforms that are older than the image by more say nothing about where its camera was."""


class Transforms(Protocol):
    """Answers how frames are to each other; `now` and `at` give (4, 4) from the source frame to the target."""

    def now(self, target: str, source: str, stamp_s: float) -> npt.NDArray | None:
        """As far as it is known already; None if it is not."""
        ...

    def at(self, target: str, source: str, stamp_s: float, patience_s: float) -> npt.NDArray | None:
        """At that time, waited for as long as `patience_s`; None if it does not come."""
        ...


@dataclass(frozen=True, eq=False)
class MovingCamera:
    """Where a camera is in a frame that stands still.

    Attributes:
        transforms: that are known.
        fixed: the frame that stands still.
        camera: the camera's frame.
        patience_s: how long to wait for a transform.
    """

    transforms: Transforms
    fixed: str
    camera: str
    patience_s: float

    def now(self, stamp_s: float) -> npt.NDArray | None:
        """(4, 4) from the camera's frame, as far as it is known already."""
        return self.transforms.now(self.fixed, self.camera, stamp_s)

    def at(self, stamp_s: float) -> npt.NDArray | None:
        """(4, 4) from the camera's frame at that time."""
        return self.transforms.at(self.fixed, self.camera, stamp_s, self.patience_s)


def newest(frames: Frames, target: str, source: str, stamp_s: float) -> npt.NDArray:
    """(4, 4) from the source frame to the target at a time, or a little before if that is all that is known.

    Raises:
        FramesError: if the frames are not connected, or not known around that time.
    """
    try:
        return frames.pose(target, source, stamp_s)
    except NotYetKnownError as error:
        if stamp_s - error.newest_s > _STALE_S:
            raise
        return frames.pose(target, source, error.newest_s)
