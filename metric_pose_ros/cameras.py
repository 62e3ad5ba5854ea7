"""Several cameras at once: each has its own tracks, and the crops of all go through the network in one batch."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping, Sequence
from itertools import count

from metric_pose_ros.detection import OutsideDetections
from metric_pose_ros.estimator import PoseEstimator
from metric_pose_ros.nearest import nearest_looks
from metric_pose_ros.people import Person
from metric_pose_ros.shots import Shot
from metric_pose_ros.stream import STAGES, StreamEstimator, detection_thread
from metric_pose_ros.tracking import Tracker

_LOOKED_BACK = 30
"""Calls over which people who were left out are counted."""


class CamerasEstimator:
    """Estimates and tracks people over the frames of one camera or more.

    No id is used twice, whichever camera sees somebody; whoever two cameras see has an id in each.

    Args:
        estimator: that finds and places people.
        cameras: their names.
        detection_interval: as for `StreamEstimator`, counted for each camera.
        background_detection: the same; the cameras share the thread.
        from_outside: whether detections come from elsewhere.

    Attributes:
        outside: where detections come from, by camera; empty if the estimator's detector is asked.
        timings: seconds per stage of the latest call, as those of `StreamEstimator`; of all cameras together.
    """

    def __init__(
        self,
        estimator: PoseEstimator,
        cameras: Sequence[str] = ("",),
        detection_interval: int = 8,
        background_detection: bool = False,
        from_outside: bool = False,
    ) -> None:
        self.estimator = estimator
        self.outside = {name: OutsideDetections() for name in cameras} if from_outside else {}
        self.timings: dict[str, float] = {}
        self._looked = -1
        self._left_out: deque[int] = deque(maxlen=_LOOKED_BACK)
        self._worker = detection_thread() if background_detection else None
        numbers = count(1)
        self._streams = {
            name: StreamEstimator(
                estimator,
                detection_interval,
                tracker=Tracker(numbers=numbers),
                outside=self.outside.get(name),
                worker=self._worker,
            )
            for name in cameras
        }

    @property
    def detection_interval(self) -> int:
        """The detector looks at every so-many-th frame of a camera; may be changed between frames."""
        return next(iter(self._streams.values())).detection_interval

    @detection_interval.setter
    def detection_interval(self, frames: int) -> None:
        for stream in self._streams.values():
            stream.detection_interval = frames

    @property
    def left_out(self) -> int:
        """How many people were not looked at of late, since others were nearer, in whichever camera.

        At most: whoever is left out is not known of again before the detector looks.
        """
        return max(self._left_out, default=0)

    @property
    def smoothing(self) -> tuple[float, float]:
        """Of all trackers, see `Tracker.smoothing`."""
        return next(iter(self._streams.values())).tracker.smoothing

    @smoothing.setter
    def smoothing(self, values: tuple[float, float]) -> None:
        for stream in self._streams.values():
            stream.tracker.smoothing = values

    def __call__(self, shots: Mapping[str, Shot]) -> dict[str, list[Person]]:
        """Takes the next frame of some of the cameras, at most one of each.

        Args:
            shots: by the camera's name.

        Returns:
            The people in each, with ids, velocities and smoothed ``joints3d``, in that camera's frame.

        Raises:
            ValueError: if an image is no colour image or not of its camera's size.
        """
        if len(self._streams) == 1:
            ((name, shot),) = shots.items()
            stream = self._streams[name]
            people = stream(shot.image_bgr, shot.camera, shot.stamp_s, shot.motion)
            self.timings = stream.timings
            self._left_out.append(stream.left_out)
            return {name: people}
        # Whoever one camera follows does not wait for the detector to look through the others, where nobody is; and
        # where nobody is at all, no look waits for more than one camera.
        nobody = not any(stream.tracker.tracks for stream in self._streams.values())
        self._looked += 1
        first = list(shots)[self._looked % len(shots)] if nobody else None
        every = {name: self._streams[name].begin(shot, alone=name == first) for name, shot in shots.items()}
        begun, left_out = nearest_looks(every, self.estimator.max_people)
        self._left_out.append(left_out)
        found = self.estimator.estimate_many(
            [(each.shot.image_bgr, each.shot.camera, each.detections) for each in begun.values()]
        )
        estimated = time.perf_counter()
        reported = {
            name: self._streams[name].finish(each, people)
            for (name, each), people in zip(begun.items(), found, strict=True)
        }
        self.timings = {
            "detection": sum(each.seconds for each in begun.values()),
            **{stage: self.estimator.timings[stage] for stage in STAGES},
            "tracking": time.perf_counter() - estimated,
        }
        return reported

    def close(self) -> None:
        """Ends the detection thread, if there is one."""
        if self._worker is not None:
            self._worker.shutdown(wait=False, cancel_futures=True)
