"""An estimator for tests: the first pixel of an image says how many people are in it."""

from __future__ import annotations

import os
import time

import numpy as np

from metric_pose_ros.detection import OutsideDetections
from metric_pose_ros.geometry.camera import Camera
from metric_pose_ros.people import Person
from metric_pose_ros.settings import Settings
from metric_pose_ros.stream import CameraMotion
from test.standing import standing


class PeopleInTheImage:
    """Reports as many people as the first pixel's blue says, p1 at 4 m, p2 at 5 m and so on.

    Where detections come from outside, there are as many people as they say of the same image, and 99 of another. At
    255 it fails, as broken code would.
    """

    def __init__(self, settings: Settings) -> None:
        self.timings = {"network": 0.0}
        self.detection_interval = settings.detection_interval
        self.outside = OutsideDetections() if settings.detections_topic else None
        self._seconds = float(os.environ.get("SECONDS_PER_FRAME", "0"))

    def __call__(
        self, image_bgr: np.ndarray, camera: Camera, stamp_s: float, motion: CameraMotion | None
    ) -> list[Person]:
        time.sleep(self._seconds)
        count = int(image_bgr[0, 0, 0])
        if self.outside is not None and (came := self.outside.take()) is not None:
            count = len(came[1]) if came[0] == stamp_s else 99
        if count == 255:
            raise RuntimeError("the network broke")
        return [standing(f"p{number}", (0.5 * number, 0.0, 3.0 + number)) for number in range(1, count + 1)]

    def close(self) -> None:
        pass
