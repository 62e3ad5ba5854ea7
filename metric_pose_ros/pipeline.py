"""From image messages to messages about people, which the node and the command that reads bags share."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from metric_pose_ros.cameras import CamerasEstimator
from metric_pose_ros.detection import OutsideDetections
from metric_pose_ros.estimator import PoseEstimator
from metric_pose_ros.geometry.moving_camera import MovingCamera, Transforms
from metric_pose_ros.messages.incoming import CameraMessages, Frame
from metric_pose_ros.messages.outgoing import Outgoing, PeopleMessages
from metric_pose_ros.people import Person
from metric_pose_ros.settings import Settings, camera_names
from metric_pose_ros.shots import Shot


class Streams(Protocol):
    """What finds people in the frames of cameras; `CamerasEstimator` is one."""

    timings: dict[str, float]
    detection_interval: int
    smoothing: tuple[float, float]
    outside: dict[str, OutsideDetections]

    def __call__(self, shots: Mapping[str, Shot]) -> dict[str, list[Person]]: ...

    def close(self) -> None: ...


def open_streams(settings: Settings) -> CamerasEstimator:
    """The estimator that the parameters ask for.

    Raises:
        FileNotFoundError: if a model does not exist.
        ValueError: if a model or a parameter cannot be used.
    """
    names = camera_names(settings)
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
        max_people=settings.max_people,
        detector_threads=1 if beside else None,
    )
    return CamerasEstimator(estimator, names, settings.detection_interval, beside, bool(settings.detections_topic))


@dataclass(frozen=True, eq=False)
class Line:
    """One camera's way in and out.

    Attributes:
        camera: makes its image messages ready.
        messages: says who was found.
    """

    camera: CameraMessages
    messages: PeopleMessages


class Pipeline:
    """Image messages go in, messages about the people in them come out.

    Args:
        streams: finds people.
        lines: by the cameras' names.
        frames: says where the cameras are.

    Attributes:
        timings: seconds per stage of the latest frames, making messages aside.
    """

    def __init__(self, streams: Streams, lines: Mapping[str, Line], frames: Transforms) -> None:
        self.timings: dict[str, float] = {}
        self._streams = streams
        self._lines = lines
        self._frames = frames
        self._converting_s = 0.0

    def frame(self, name: str, message: Any, settings: Settings) -> Frame:
        """Makes an image message of a camera ready.

        Args:
            name: of the camera.
            message: sensor_msgs/Image or sensor_msgs/CompressedImage.
            settings: of now.

        Raises:
            NotReadyError: if nothing is known of the image's camera yet.
            ValueError: if the message or its CameraInfo is wrong, or the image is late.
        """
        started = time.perf_counter()
        camera = self._lines[name].camera
        frame = camera.frame(message, settings.frame_id)
        camera.order.check(frame.stamp_s)
        self._converting_s += time.perf_counter() - started
        return frame

    def __call__(
        self, frames: Mapping[str, Frame], settings: Settings, wanted: Callable[[str], bool]
    ) -> dict[str, Iterator[Outgoing]]:
        """Looks for people at once; what is said about them, by camera, is made one by one, as it is taken.

        Args:
            frames: by the cameras' names, at most one of each.
            settings: of now.
            wanted: whether anybody wants to have a topic, see `PeopleMessages.about`.
        """
        self._streams.detection_interval = settings.detection_interval
        self._streams.smoothing = settings.smoothing_cutoff, settings.smoothing_beta
        people = self._streams({name: self._shot(frame, settings) for name, frame in frames.items()})
        self.timings = {"conversion": self._converting_s, **self._streams.timings}
        self._converting_s = 0.0
        return {
            name: self._lines[name].messages.about(frame, people[name], settings, wanted)
            for name, frame in frames.items()
        }

    def _shot(self, frame: Frame, settings: Settings) -> Shot:
        motion, own = None, frame.header.frame_id
        if settings.tracking_frame not in ("", own):
            motion = MovingCamera(self._frames, settings.tracking_frame, own, settings.transform_patience)
        return Shot(frame.image_bgr, frame.camera, frame.stamp_s, motion)
