"""The node at work: it listens to cameras, and a thread of its own takes the newest images."""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable, Mapping
from itertools import chain, takewhile

from rclpy.node import Node

from metric_pose_ros.complaints import Complaints
from metric_pose_ros.messages.incoming import Frame, NotReadyError
from metric_pose_ros.messages.outgoing import PeopleMessages
from metric_pose_ros.pipeline import Line, Pipeline, Streams
from metric_pose_ros.ros.detections import DetectionInput
from metric_pose_ros.ros.diagnostics import Performance
from metric_pose_ros.ros.frames import FrameListener
from metric_pose_ros.ros.input import Arrival, CameraInput
from metric_pose_ros.ros.latest import Latest
from metric_pose_ros.ros.output import PeopleOutput
from metric_pose_ros.settings import Settings


class Worker:
    """Looks for people in the newest image of each camera, again and again, until it is closed.

    Args:
        node: that subscribes.
        settings: gives those of now.
        streams: finds people.
        messages: says who was found, by the cameras' names.
        output: publishes it.
        frames: says where the cameras are.
        complaints: about what is wrong.
        performance: is told of each frame.

    Attributes:
        arrivals: the newest images.
        topics: what is listened to, for the log.
    """

    def __init__(
        self,
        node: Node,
        settings: Callable[[], Settings],
        streams: Streams,
        messages: Mapping[str, PeopleMessages],
        output: PeopleOutput,
        frames: FrameListener,
        complaints: Complaints,
        performance: Performance,
    ) -> None:
        self.arrivals: Latest[Arrival] = Latest()
        self._node = node
        self._settings = settings
        self._output, self._frames = output, frames
        self._complaints, self._performance = complaints, performance
        begun = settings()
        inputs = {name: CameraInput(node, begun, complaints, self.arrivals, name) for name in messages}
        self._inputs = inputs
        self.topics = ", ".join(each.topics for each in inputs.values())
        lines = {name: Line(inputs[name].camera, messages[name]) for name in messages}
        self._pipeline = Pipeline(streams, lines, frames)
        self._detections = [
            DetectionInput(node, begun, outside, complaints, name) for name, outside in streams.outside.items()
        ]
        self._thread = threading.Thread(target=self._work, name="people", daemon=True)
        self._begun_s: float | None = None
        self._given_up = False

    def open(self) -> None:
        """Starts to work and to listen."""
        self._thread.start()
        if self._settings().fixed_frame or self._settings().tracking_frame:
            self._frames.open()
        for detections in self._detections:
            detections.open()
        for source in self._inputs.values():
            source.open()

    def close(self, patience_s: float) -> bool:
        """Stops to listen, and ends the thread when it has done the frame that it is at.

        Args:
            patience_s: how long to wait for that. A thread that takes longer is left to itself: should it ever go on,
                it says no more.

        Returns:
            whether the thread has ended.
        """
        for source in self._inputs.values():
            source.close()
        self.arrivals.close()
        self._thread.join(patience_s)
        self._given_up = self._thread.is_alive()
        self._frames.close()
        for detections in self._detections:
            detections.close()
        return not self._given_up

    @property
    def alive(self) -> bool:
        """Whether the thread has not ended."""
        return self._thread.is_alive()

    @property
    def busy_s(self) -> float:
        """Seconds that have gone into the frame at hand; zero between frames."""
        begun_s = self._begun_s
        return 0.0 if begun_s is None else time.monotonic() - begun_s

    def silent(self, seconds: float) -> list[str]:
        """Names of the cameras of which no image came for so long."""
        return [name for name, source in self._inputs.items() if source.silent_s > seconds]

    def _work(self) -> None:
        due_s = 0.0
        while (arrivals := self.arrivals.take(due_s)) is not None:
            rate = self._settings().max_rate
            due_s = time.monotonic() + (1 / rate if rate else 0.0)
            self._begun_s = time.monotonic()
            try:
                if self._settings().publish_when_unheard or self._output.listened():
                    self._process(arrivals)
                else:
                    self._performance.idle()
            except Exception as error:
                if self._given_up or not self._node.context.ok():
                    return  # Ctrl+C takes the publishers away in the middle of a frame
                # One frame is lost; whatever it was, the next may be fine.
                self._complaints.error(f"a frame failed: {error}", traceback.format_exc())
            finally:
                self._begun_s = None

    def _process(self, arrivals: Mapping[str, Arrival]) -> None:
        settings = self._settings()
        ready = {name: self._frame(name, arrival, settings) for name, arrival in arrivals.items()}
        frames = {name: frame for name, frame in ready.items() if frame is not None}
        if not frames:
            return
        for detections in self._detections:
            detections.ask()
        messages = chain.from_iterable(self._pipeline(frames, settings, self._output.wanted).values())
        estimated = time.perf_counter()
        self._output.publish(takewhile(lambda _: not self._given_up, messages))
        if self._given_up:
            return
        done = time.perf_counter()
        first = min(arrivals[name].arrived_s for name in frames)
        taken = min(frame.stamp_s for frame in frames.values())
        now_s = self._node.get_clock().now().nanoseconds * 1e-9
        stages = {**self._pipeline.timings, "publishing": done - estimated}
        self._performance.record(stages, done - first, now_s - taken)

    def _frame(self, name: str, arrival: Arrival, settings: Settings) -> Frame | None:
        """The image made ready; None, with a complaint, if that cannot be done."""
        try:
            return self._pipeline.frame(name, arrival.message, settings)
        except NotReadyError as reason:
            self._complaints.warning(str(reason))
        except ValueError as error:
            self._complaints.error(str(error))
        return None
