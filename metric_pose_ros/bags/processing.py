"""One bag from beginning to end: every image goes through the node's pipeline, and its messages beside it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

import cv2
from rosbags.interfaces import Connection

from metric_pose_ros.bags import types
from metric_pose_ros.bags.job import Job, notes
from metric_pose_ros.bags.result import Result, is_made_of
from metric_pose_ros.bags.source import BagError, Recorded, Source
from metric_pose_ros.bags.topics import CameraTopics, camera_topics, resolve
from metric_pose_ros.bags.transforms import RecordedFrames
from metric_pose_ros.complaints import Complaints
from metric_pose_ros.messages.incoming import CameraMessages, DetectionMessages, NotReadyError
from metric_pose_ros.messages.outgoing import OVERLAY, TF, TOPICS, PeopleMessages
from metric_pose_ros.messages.transforms import is_body
from metric_pose_ros.messages.types import RosbagsTypes
from metric_pose_ros.pipeline import Line, Pipeline, Streams
from metric_pose_ros.settings import Settings

OpenStreams = Callable[[Settings], Streams]
Progress = Callable[[int, int], object]
"""Told how many images of how many are done."""


class Outcome(NamedTuple):
    """What came of a bag.

    Attributes:
        images: that were looked at; 0 if the target was there already, made of the same.
        unusable: images that could not be looked at.
        done_before: whether the target was there already.
        complaints: what was wrong, each once.
        error: why there is no result; empty if there is.
    """

    images: int = 0
    unusable: int = 0
    done_before: bool = False
    complaints: tuple[str, ...] = ()
    error: str = ""


def process(job: Job, open_streams: OpenStreams, progress: Progress) -> Outcome:
    """Writes a bag with the people in another one's images.

    Equal bags and settings give equal bytes, on the same machine and with the same versions of everything.

    Args:
        job: what to do.
        open_streams: makes what finds people.
        progress: told after each image.

    Raises:
        FileNotFoundError: if the bag, a model or the camera file is not there.
        ValueError: if the bag or a parameter cannot be used, with what to do. The target is left as it was.
    """
    with Source(job.source) as source:
        settings = job.settings
        topics = camera_topics(source, settings, job.image, job.camera_info)
        made_of = notes(job, source, topics)
        if not job.overwrite and is_made_of(job.target, made_of):
            return Outcome(done_before=True)
        if job.target.resolve() == job.source.resolve():
            raise BagError(f"{job.target} is the bag to read: give another name for the result")
        with ExitStack() as stack:
            result = stack.enter_context(
                Result(job.target, job.storage or source.storage, source.custom | made_of, job.overwrite)
            )
            log = _Log()
            frames = RecordedFrames(job.source, Complaints(log, float("inf")))
            stack.callback(frames.close)
            cv2.setNumThreads(settings.threads)
            streams = open_streams(settings)
            stack.callback(streams.close)
            run = _Run(job, source, topics, result, frames, streams, log)
            return run.through(progress)


class _Run:
    """The state of going through a bag."""

    def __init__(
        self,
        job: Job,
        source: Source,
        topics: CameraTopics,
        result: Result,
        frames: RecordedFrames,
        streams: Streams,
        log: _Log,
    ) -> None:
        message_types = RosbagsTypes(types.typestore())
        self._settings = job.settings
        self._topics, self._source, self._result = topics, source, result
        self._frames = frames
        self._log = log
        self._complaints = Complaints(log, float("inf"))
        self._detections = None
        if (outside := streams.outside.get("")) is not None:
            self._detections = DetectionMessages(job.settings, job.settings.detections_topic, outside, self._complaints)
        self._time_ns = 0
        self._camera = CameraMessages(
            message_types, job.settings, topics.image, topics.info, self._complaints, self._stamp
        )
        line = Line(self._camera, PeopleMessages(message_types, frames))
        self._pipeline = Pipeline(streams, {"": line}, frames)
        self._types = message_types
        self._ours = {
            resolve(topic.name) for topic in TOPICS if not topic.parameter or getattr(job.settings, topic.parameter)
        }
        self._kept = {each.topic for each in source.connections if self._is_kept(each, job.left_out)}

    def through(self, progress: Progress) -> Outcome:
        """Reads the whole bag, and writes the other."""
        total = self._source.count(self._topics.image)
        looked_at, bad, first_unusable = 0, 0, ""
        self._know_camera()
        read = {*self._topics, self._settings.detections_topic}
        for recorded in self._source.messages(lambda each: each.topic in self._kept or each.topic in read):
            topic = recorded.connection.topic
            if topic in self._kept:
                self._copy(recorded)
            if topic == self._topics.info:
                self._camera.keep_camera_info(recorded.message())
            if topic == self._settings.detections_topic and self._detections is not None:
                self._detections.keep(recorded.message())
            if topic == self._topics.image:
                try:
                    self._look(recorded)
                except (NotReadyError, ValueError) as error:
                    bad += 1
                    first_unusable = first_unusable or str(error)
                looked_at += 1
                progress(looked_at, total)
        if bad == looked_at:
            raise BagError(f"none of the {total} images could be used; the first: {first_unusable}")
        if bad:
            self._log.warning(f"{bad} of {total} images could not be used; the first: {first_unusable}")
        return Outcome(looked_at - bad, bad, complaints=tuple(self._log.lines))

    def _know_camera(self) -> None:
        """The first CameraInfo serves for images that came before it, too."""
        for recorded in self._source.messages(lambda each: each.topic == self._topics.info):
            self._camera.keep_camera_info(recorded.message())
            return

    def _look(self, recorded: Recorded) -> None:
        self._time_ns = recorded.time_ns
        if self._settings.fixed_frame or self._settings.tracking_frame:
            self._frames.advance(recorded.time_ns)
        frame = self._pipeline.frame("", recorded.message(), self._settings)
        for topic, message in self._pipeline({"": frame}, self._settings, lambda topic: topic != OVERLAY):
            self._result.write(resolve(topic), recorded.time_ns, message)

    def _is_kept(self, connection: Connection, left_out: tuple[str, ...]) -> bool:
        topic = connection.topic
        if any(fnmatchcase(topic, pattern) for pattern in left_out):
            return False
        if topic != TF and (topic in self._ours or (self._settings.publish_humans and _is_of_body(topic))):
            self._complaints.warning(f"{topic} was in the bag already: it is replaced")
            return False
        try:
            definition = types.of_connection(connection)
        except Exception as error:  # somebody else's type, in whatever way it is written
            definition = None
            self._complaints.warning(f"the definition of {connection.msgtype} cannot be read: {error}")
        if definition is None:
            self._complaints.warning(
                f"{topic} is left out: neither the bag nor metric-pose knows the definition of {connection.msgtype}"
            )
            return False
        self._result.keep(connection, definition)
        return True

    def _copy(self, recorded: Recorded) -> None:
        connection, time_ns, data = recorded
        if connection.topic == TF and self._settings.publish_tf:
            message = recorded.message()
            others = [each for each in message.transforms if not _is_of_person(each)]
            if len(others) < len(message.transforms):
                self._complaints.warning("people's frames were on /tf already: they are replaced")
                if others:
                    self._result.write(TF, time_ns, self._types.make(connection.msgtype, transforms=others))
                return
        self._result.copy(connection, time_ns, data)

    def _stamp(self) -> Any:
        sec, nanosec = divmod(self._time_ns, 10**9)
        return self._types.make("builtin_interfaces/msg/Time", sec=sec, nanosec=nanosec)


class _Log:
    """Keeps what is said, for whoever shows it."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def error(self, text: str) -> None:
        self.lines.append(text)

    def warning(self, text: str) -> None:
        self.lines.append(text)


def _is_of_body(topic: str) -> bool:
    return topic.startswith("/humans/bodies/")


def _is_of_person(transform: Any) -> bool:
    return is_body(transform.header.frame_id) or is_body(transform.child_frame_id)
