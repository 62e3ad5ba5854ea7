"""What a bag's /tf and /tf_static say about where the camera is."""

from __future__ import annotations

from pathlib import Path

import numpy.typing as npt

from metric_pose_ros.bags.source import Source
from metric_pose_ros.complaints import Complaints
from metric_pose_ros.geometry.frames import Frames, FramesError
from metric_pose_ros.geometry.moving_camera import newest
from metric_pose_ros.messages import transforms

_AHEAD_NS = 10**9
"""Transforms are recorded later than the images of their time; so far ahead they are looked for."""
_BACK_S = 1.0
"""Transforms of one frame come a little out of order; further back, time has started over."""


class RecordedFrames:
    """Frames at the time of an image, from what was recorded until shortly after it.

    Args:
        path: of the bag; it is read beside whoever else reads it.
        complaints: about transforms that are missing or wrong.
    """

    def __init__(self, path: Path, complaints: Complaints) -> None:
        self._complaints = complaints
        self._frames = Frames()
        with Source(path) as source:
            for recorded in source.messages(lambda each: each.topic == "/tf_static"):
                self._add(recorded.message(), True)
        self._source = Source(path)
        self._moving = self._source.messages(lambda each: each.topic == "/tf")
        self._ahead = next(self._moving, None)

    def close(self) -> None:
        """Closes the bag."""
        self._source.close()

    def advance(self, time_ns: int) -> None:
        """Takes in what was recorded until shortly after a time."""
        while self._ahead is not None and self._ahead.time_ns <= time_ns + _AHEAD_NS:
            self._add(self._ahead.message(), False)
            self._ahead = next(self._moving, None)

    def now(self, target: str, source: str, stamp_s: float) -> npt.NDArray | None:
        """(4, 4) from the source frame to the target at a time; None if it is not known."""
        try:
            return newest(self._frames, target, source, stamp_s)
        except FramesError:
            return None

    def at(self, target: str, source: str, stamp_s: float, patience_s: float) -> npt.NDArray | None:
        """The same, with a complaint if it is not known. There is nothing to wait for."""
        try:
            return newest(self._frames, target, source, stamp_s)
        except FramesError as error:
            self._complaints.warning(f"{error}: does the bag hold all of /tf and /tf_static?")
            return None

    def _add(self, message: object, static: bool) -> None:
        for known in transforms.known(message, static):
            # Frame by frame: others may be published with stamps that are late, or zero.
            if not static:
                self._frames.forget(known.child, known.stamp_s + _BACK_S)
            try:
                self._frames.add(*known)
            except ValueError as error:
                self._complaints.error(f"{error} on /tf: it is left out")
