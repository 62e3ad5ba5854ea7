"""One camera from message to message, which the node and the command that reads bags share."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from metric_pose_ros.detection import OutsideDetections
from metric_pose_ros.estimator import PoseEstimator
from metric_pose_ros.geometry.camera import Camera
from metric_pose_ros.geometry.moving_camera import MovingCamera, Transforms
from metric_pose_ros.messages.incoming import CameraMessages
from metric_pose_ros.messages.outgoing import Outgoing, PeopleMessages
from metric_pose_ros.people import Person
from metric_pose_ros.settings import Settings
from metric_pose_ros.stream import CameraMotion, StreamEstimator


class Stream(Protocol):
    """What finds people in the frames of one camera; `StreamEstimator` is one."""

    timings: dict[str, float]
    detection_interval: int
    outside: OutsideDetections | None

    def __call__(
        self, image_bgr: npt.NDArray[np.uint8], camera: Camera, stamp_s: float, motion: CameraMotion | None
    ) -> list[Person]: ...

    def close(self) -> None: ...


def open_stream(settings: Settings) -> StreamEstimator:
    """The estimator that the parameters ask for.

    Raises:
        FileNotFoundError: if a model does not exist.
        ValueError: if a model or a parameter cannot be used.
    """
    # Two networks at work on the same core make each other wait at every layer, so a detector in the background gets a
    # thread of its own and the pose network the others.
    beside = settings.background_detection and not settings.detections_topic
    estimator = PoseEstimator(
        model=settings.model,
        skeleton=settings.skeleton,
        engine=settings.engine,
        detector=None if settings.detections_topic else settings.detector,
        threads=max(settings.threads - 1, 1) if beside else settings.threads,
        mirror=settings.mirror,
        most_people=settings.most_people,
        detector_threads=1 if beside else None,
    )
    outside = OutsideDetections() if settings.detections_topic else None
    return StreamEstimator(estimator, settings.detection_interval, beside, outside=outside)


class Pipeline:
    """An image message goes in, messages about the people in it come out.

    Args:
        stream: finds people.
        camera: makes image messages ready.
        messages: says who was found.
        frames: says where the camera is.

    Attributes:
        timings: seconds per stage of the latest frame, making messages aside.
    """

    def __init__(self, stream: Stream, camera: CameraMessages, messages: PeopleMessages, frames: Transforms) -> None:
        self.timings: dict[str, float] = {}
        self._stream = stream
        self._camera = camera
        self._messages = messages
        self._frames = frames

    def __call__(self, message: Any, settings: Settings, wanted: Callable[[str], bool]) -> Iterator[Outgoing]:
        """Looks for people at once; what is said about them is made one by one, as it is taken.

        Args:
            message: sensor_msgs/Image or sensor_msgs/CompressedImage.
            settings: of now.
            wanted: whether anybody wants to have a topic, see `PeopleMessages.about`.

        Raises:
            NotReadyError: if nothing is known of the image's camera yet.
            ValueError: if the message or its CameraInfo is wrong.
        """
        started = time.perf_counter()
        frame = self._camera.frame(message, settings.frame_id)
        converted = time.perf_counter()
        self._stream.detection_interval = settings.detection_interval
        motion = None
        own = frame.header.frame_id
        if settings.tracking_frame not in ("", own):
            motion = MovingCamera(self._frames, settings.tracking_frame, own, settings.transform_patience)
        people = self._stream(frame.image_bgr, frame.camera, frame.stamp_s, motion)
        self.timings = {"conversion": converted - started, **self._stream.timings}
        return self._messages.about(frame, people, settings, wanted)
