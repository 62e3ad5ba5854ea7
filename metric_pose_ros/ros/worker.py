"""The node at work: it listens to cameras, and a thread of its own takes the newest images."""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable, Mapping
from itertools import chain

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
        self._inputs = list(inputs.values())
        self.topics = ", ".join(each.topics for each in self._inputs)
        lines = {name: Line(inputs[name].camera, messages[name]) for name in messages}
        self._pipeline = Pipeline(streams, lines, frames)
        self._detections = [
            DetectionInput(node, begun, outside, complaints, name) for name, outside in streams.outside.items()
        ]
        self._thread = threading.Thread(target=self._work, name="people", daemon=True)

    def open(self) -> None:
        """Starts to work and to listen."""
        self._thread.start()
        if self._settings().fixed_frame or self._settings().tracking_frame:
            self._frames.open()
        for detections in self._detections:
            detections.open()
        for source in self._inputs:
            source.open()

    def close(self) -> None:
        """Stops to listen, and ends the thread when it has done the frame that it is at."""
        for source in self._inputs:
            source.close()
        self.arrivals.close()
        self._thread.join()
        self._frames.close()
        for detections in self._detections:
            detections.close()

    def _work(self) -> None:
        due_s = 0.0
        while (arrivals := self.arrivals.take(due_s)) is not None:
            rate = self._settings().max_rate
            due_s = time.monotonic() + (1 / rate if rate else 0.0)
            try:
                if self._settings().publish_when_unheard or self._output.listened():
                    self._process(arrivals)
                else:
                    self._performance.idle()
            except Exception as error:
                if not self._node.context.ok():
                    return  # Ctrl+C takes the publishers away in the middle of a frame
                # One frame is lost; whatever it was, the next may be fine.
                self._complaints.error(f"a frame failed: {error}", traceback.format_exc())

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
        self._output.publish(messages)
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
