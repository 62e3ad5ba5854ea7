"""The node with its own networks for `load`: the detector does its work, and is then told where people stand.

People who are pasted into a picture in rows are not found as surely as people in a room, and this is about how long
looking at so many takes. The first pixel says how many there are.
"""

from __future__ import annotations

import sys

import numpy as np
import numpy.typing as npt

from metric_pose_ros.cameras import CamerasEstimator
from metric_pose_ros.people import Detection
from metric_pose_ros.pipeline import open_streams
from metric_pose_ros.ros.node import main
from metric_pose_ros.settings import Settings, camera_names
from test.benchmarks.load_pictures import places


class Told:
    """A detector that takes as long as another one, and finds everybody."""

    def __init__(self, detector: object) -> None:
        self._detector = detector

    def __call__(self, image_bgr: npt.NDArray[np.uint8]) -> list[Detection]:
        self._detector(image_bgr)  # type: ignore[operator]
        height, width = image_bgr.shape[:2]
        return [Detection(box, 0.8) for box in places(int(image_bgr[0, 0, 0]), width, height)]


def open_load(settings: Settings) -> CamerasEstimator:
    """The node's own networks, with such a detector."""
    opened = open_streams(settings)
    opened.close()
    estimator = opened.estimator
    estimator.detector = Told(estimator.detector)
    return CamerasEstimator(
        estimator, camera_names(settings), settings.detection_interval, settings.background_detection
    )


if __name__ == "__main__":
    sys.exit(main(open_streams=open_load))
