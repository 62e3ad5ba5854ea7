"""One bag from beginning to end: every image goes through the node's pipeline, and its messages beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

import cv2
from rosbags.interfaces import Connection

from metric_pose_ros.bags import types
from metric_pose_ros.bags.cameras import RecordedCameras, Together, topics_of_cameras
from metric_pose_ros.bags.job import Job, notes
from metric_pose_ros.bags.result import Result, is_made_of
from metric_pose_ros.bags.source import BagError, Recorded, Source
from metric_pose_ros.bags.topics import CameraTopics, resolve
from metric_pose_ros.bags.transforms import RecordedFrames
from metric_pose_ros.complaints import Complaints
from metric_pose_ros.messages.incoming import NotReadyError
from metric_pose_ros.messages.outgoing import OVERLAY, TF, TOPICS, PeopleMessages, of_camera
from metric_pose_ros.messages.transforms import is_body
from metric_pose_ros.messages.types import RosbagsTypes
from metric_pose_ros.pipeline import Line, Pipeline, Streams
from metric_pose_ros.settings import Settings

OpenStreams = Callable[[Settings], Streams]
Progress = Callable[[int, int], object]
"""Told how many images of how many are done."""
_BODIES = "/humans/bodies/"


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
        EngineFailure: if a network cannot be run, for want of memory perhaps. The target is left as it was.
    """
    with Source(job.source) as source:
        settings = job.settings
        topics = topics_of_cameras(source, job)
        made_of = notes(job, source, topics)
        storage = job.storage or source.storage
        if not job.overwrite and is_made_of(job.target, storage, made_of):
            return Outcome(done_before=True)
        if job.target.resolve() == job.source.resolve():
            raise BagError(f"{job.target} is the bag to read: give another name for the result")
        with ExitStack() as stack:
            result = stack.enter_context(Result(job.target, storage, source.custom | made_of, job.overwrite))
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
        topics: Mapping[str, CameraTopics],
        result: Result,
        frames: RecordedFrames,
        streams: Streams,
        log: _Log,
    ) -> None:
        message_types = RosbagsTypes(types.typestore())
        self._settings = job.settings
        self._source, self._result = source, result
        self._frames = frames
        self._log = log
        self._complaints = Complaints(log, float("inf"))
        self._time_ns = 0
        self._cameras = RecordedCameras(
            message_types, job.settings, topics, streams.outside, self._complaints, self._stamp
        )
        lines = {
            name: Line(camera, PeopleMessages(message_types, frames, name))
            for name, camera in self._cameras.messages.items()
        }
        self._pipeline = Pipeline(streams, lines, frames)
        self._together = Together(len(lines))
        self._types = message_types
        self._images = [each.image for each in topics.values()]
        self._overlays = {of_camera(OVERLAY, name) for name in lines}
        self._bodies = tuple(of_camera(_BODIES, name) for name in lines)
        self._ours = {
            resolve(of_camera(topic.name, name)) for name in lines for topic in TOPICS if topic.is_offered(job.settings)
        }
        self._kept = {each.topic for each in source.connections if self._is_kept(each, job.left_out)}
        self._looked_at = self._bad = 0
        self._first_unusable = ""

    def through(self, progress: Progress) -> Outcome:
        """Reads the whole bag, and writes the other."""
        total = sum(map(self._source.count, self._images))
        self._cameras.keep_first_infos(self._source)
        come = 0
        read = self._kept | self._cameras.topics
        for recorded in self._source.messages(lambda each: each.topic in read):
            topic = recorded.connection.topic
            if topic in self._kept:
                self._copy(recorded)
            self._cameras.keep(recorded)
            if (name := self._cameras.images_of(topic)) is not None:
                self._take(name, recorded)
                come += 1
                progress(come, total)
        self._look()
        if not self._looked_at:
            raise BagError(f"none of the {total} images could be used; the first: {self._first_unusable}")
        if self._bad:
            self._log.warning(f"{self._bad} of {total} images could not be used; the first: {self._first_unusable}")
        return Outcome(self._looked_at, self._bad, complaints=tuple(self._log.lines))

    def _take(self, name: str, recorded: Recorded) -> None:
        """Makes an image ready, and looks at it with those of other cameras."""
        if self._together.ends_before(recorded.time_ns, name):
            self._look()
        self._time_ns = recorded.time_ns
        try:
            frame = self._pipeline.frame(name, recorded.message(), self._settings)
        except (NotReadyError, ValueError) as error:
            self._note_unusable(1, error)
            return
        self._together.add(recorded.time_ns, name, frame)
        if self._together.is_full:
            self._look()

    def _look(self) -> None:
        """Looks at the images that wait, if any."""
        times_ns, frames = self._together.take()
        if not frames:
            return
        if self._settings.fixed_frame or self._settings.tracking_frame:
            self._frames.advance(max(times_ns.values()))
        try:
            found = self._pipeline(frames, self._settings, lambda topic: topic not in self._overlays)
            for name, messages in found.items():
                for topic, message in messages:
                    self._result.write(resolve(topic), times_ns[name], message)
        except ValueError as error:
            self._note_unusable(len(frames), error)
        else:
            self._looked_at += len(frames)

    def _note_unusable(self, images: int, error: Exception) -> None:
        self._bad += images
        self._first_unusable = self._first_unusable or str(error)

    def _is_kept(self, connection: Connection, left_out: tuple[str, ...]) -> bool:
        topic = connection.topic
        if any(fnmatchcase(topic, pattern) for pattern in left_out):
            return False
        if topic != TF and (topic in self._ours or (self._settings.publish_humans and topic.startswith(self._bodies))):
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


def _is_of_person(transform: Any) -> bool:
    return is_body(transform.header.frame_id) or is_body(transform.child_frame_id)
