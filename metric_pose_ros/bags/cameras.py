"""The cameras of a bag: where each one's messages are, and which images are looked at together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from metric_pose_ros.bags.job import Job
from metric_pose_ros.bags.source import BagError, Recorded, Source
from metric_pose_ros.bags.topics import CameraTopics, camera_topics
from metric_pose_ros.complaints import Complaints
from metric_pose_ros.detection import OutsideDetections
from metric_pose_ros.messages.incoming import CameraMessages, DetectionMessages, Frame
from metric_pose_ros.messages.types import MessageTypes
from metric_pose_ros.settings import Settings, camera_names

_TOGETHER_NS = 50_000_000
"""Images of different cameras recorded within this time are looked at together, as those are that wait for the node."""


def topics_of_cameras(source: Source, job: Job) -> dict[str, CameraTopics]:
    """The topics of each camera, by its name.

    Raises:
        BagError: if they cannot be told, or two cameras have the same images.
        ValueError: if the cameras' names cannot be used.
    """
    found: dict[str, CameraTopics] = {}
    for name in camera_names(job.settings):
        asked = job.images.get(name, ""), job.camera_infos.get(name, "")
        found[name] = camera_topics(source, job.settings, *asked, camera=name)
    by_image: dict[str, str] = {}
    for name, topics in found.items():
        if (other := by_image.setdefault(topics.image, name)) != name:
            raise BagError(f"the cameras {other} and {name} both have their images on {topics.image}: choose others")
    return found


class RecordedCameras:
    """What is recorded of each camera.

    Args:
        types: source of message classes.
        settings: as for the node.
        topics: by the cameras' names.
        outside: takes detections, by the cameras' names, if they come from elsewhere.
        complaints: about what is wrong with messages.
        now: makes the stamp of images that have none.

    Attributes:
        messages: makes images ready, by the cameras' names.
        topics: all that are read.
    """

    def __init__(
        self,
        types: MessageTypes,
        settings: Settings,
        topics: Mapping[str, CameraTopics],
        outside: Mapping[str, OutsideDetections],
        complaints: Complaints,
        now: Callable[[], Any],
    ) -> None:
        self.messages = {
            name: CameraMessages(types, settings, each.image, each.info, complaints, now)
            for name, each in topics.items()
        }
        self._of_image = {each.image: name for name, each in topics.items()}
        self._of_info: dict[str, list[CameraMessages]] = {}
        for name, each in topics.items():
            if each.info:
                self._of_info.setdefault(each.info, []).append(self.messages[name])
        self._detections: dict[str, DetectionMessages] = {}
        for name, takes in outside.items():
            topic = _absolute(f"{name}/{settings.detections_topic}" if name else settings.detections_topic)
            self._detections[topic] = DetectionMessages(settings, topic, takes, complaints)
        self.topics = {*self._of_image, *self._of_info, *self._detections}

    def keep_first_infos(self, source: Source) -> None:
        """Takes the first CameraInfo of each topic, which serves for images that came before it, too."""
        missing = set(self._of_info)
        for recorded in source.messages(lambda each: each.topic in self._of_info):
            if recorded.connection.topic in missing:
                self.keep(recorded)
                missing.remove(recorded.connection.topic)
            if not missing:
                return

    def keep(self, recorded: Recorded) -> None:
        """Takes CameraInfo and detections; leaves anything else alone."""
        topic = recorded.connection.topic
        for camera in self._of_info.get(topic, ()):
            camera.keep_camera_info(recorded.message())
        if topic in self._detections:
            self._detections[topic].keep(recorded.message())

    def images_of(self, topic: str) -> str | None:
        """The name of the camera whose images are on a topic; None if it is no such topic."""
        return self._of_image.get(topic)


class Together:
    """Gathers images of several cameras that are looked at together, at most one of each.

    Args:
        cameras: how many there are.
    """

    def __init__(self, cameras: int) -> None:
        self._cameras = cameras
        self._waiting: dict[str, tuple[int, Frame]] = {}

    def ends_before(self, time_ns: int, name: str) -> bool:
        """Whether those that wait must be looked at before an image of a camera, recorded at a time, joins them."""
        since = [when for when, _ in self._waiting.values()]
        return name in self._waiting or bool(since and time_ns - since[0] > _TOGETHER_NS)

    def add(self, time_ns: int, name: str, frame: Frame) -> None:
        """Lets an image wait."""
        self._waiting[name] = (time_ns, frame)

    @property
    def is_full(self) -> bool:
        """Whether no other camera can join."""
        return len(self._waiting) == self._cameras

    def take(self) -> tuple[dict[str, int], dict[str, Frame]]:
        """Those that wait, by their cameras' names: when they were recorded, ns, and the images."""
        waiting, self._waiting = self._waiting, {}
        return {name: when for name, (when, _) in waiting.items()}, {name: it for name, (_, it) in waiting.items()}


def _absolute(topic: str) -> str:
    return topic if topic.startswith("/") else f"/{topic}"
