"""An estimator for tests: the first pixel of an image says how many people are in it."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping

from metric_pose_ros.detection import OutsideDetections
from metric_pose_ros.people import Person
from metric_pose_ros.settings import Settings, camera_names
from metric_pose_ros.shots import Shot
from test.standing import standing


class PeopleInTheImage:
    """Reports as many people as the first pixel's blue says, p1 at 4 m, p2 at 5 m and so on.

    Where detections come from outside, there are as many people as they say of the same image, and 99 of another. At
    255 it fails, as broken code would, and at 254 it does not come back.
    """

    def __init__(self, settings: Settings) -> None:
        self.timings = {"network": 0.0}
        self.detection_interval = settings.detection_interval
        self.smoothing = (0.0, 0.0)
        cameras = camera_names(settings)
        self.outside = {name: OutsideDetections() for name in cameras} if settings.detections_topic else {}
        self._seconds = float(os.environ.get("SECONDS_PER_FRAME", "0"))

    def __call__(self, shots: Mapping[str, Shot]) -> dict[str, list[Person]]:
        return {name: self._people(name, shot) for name, shot in shots.items()}

    def _people(self, name: str, shot: Shot) -> list[Person]:
        time.sleep(self._seconds)
        count = int(shot.image_bgr[0, 0, 0])
        if self.outside and (came := self.outside[name].take()) is not None:
            count = len(came[1]) if came[0] == shot.stamp_s else 99
        if count == 254:
            threading.Event().wait()
        if count == 255:
            raise RuntimeError("the network broke")
        return [standing(f"p{number}", (0.5 * number, 0.0, 3.0 + number)) for number in range(1, count + 1)]

    def close(self) -> None:
        pass
