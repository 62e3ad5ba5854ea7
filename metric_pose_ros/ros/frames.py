"""What /tf says about where the camera is, at the time of an image."""

from __future__ import annotations

import threading
import time
from typing import Any

import numpy.typing as npt
from rclpy.clock import JumpThreshold
from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile
from tf2_msgs.msg import TFMessage

from metric_pose_ros.complaints import Complaints
from metric_pose_ros.geometry.frames import Frames, FramesError, NotYetKnownError
from metric_pose_ros.geometry.moving_camera import newest
from metric_pose_ros.messages import transforms


class FrameListener:
    """Subscriptions to ``/tf`` and ``/tf_static``.

    Args:
        node: that subscribes.
        complaints: about transforms that are missing or wrong.
    """

    def __init__(self, node: Node, complaints: Complaints) -> None:
        self._node = node
        self._complaints = complaints
        self._frames = Frames()
        self._changed = threading.Condition()
        self._subscriptions: list[Any] = []
        self._jumps: Any = None

    def open(self) -> None:
        """Starts to listen."""
        always = QoSProfile(depth=100, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self._subscriptions = [
            self._node.create_subscription(TFMessage, "/tf", lambda message: self._keep(message, False), 100),
            self._node.create_subscription(TFMessage, "/tf_static", lambda message: self._keep(message, True), always),
        ]
        back = JumpThreshold(min_forward=None, min_backward=Duration(nanoseconds=-1), on_clock_change=True)
        self._jumps = self._node.get_clock().create_jump_callback(back, post_callback=lambda _: self._start_over())

    def close(self) -> None:
        """Stops to listen, and forgets."""
        for subscription in self._subscriptions:
            self._node.destroy_subscription(subscription)
        self._subscriptions = []
        if self._jumps is not None:
            self._jumps.unregister()
            self._jumps = None
        self._frames = Frames()

    def now(self, target: str, source: str, stamp_s: float) -> npt.NDArray | None:
        """(4, 4) from the source frame to the target, as far as it is known already; None if it is not.

        A camera that has moved since the newest transform is where that says.
        """
        with self._changed:
            try:
                return newest(self._frames, target, source, stamp_s)
            except FramesError:
                return None

    def at(self, target: str, source: str, stamp_s: float, patience_s: float) -> npt.NDArray | None:
        """(4, 4) from the source frame to the target at a time, waited for as long as `patience_s`.

        Transforms that are a little older than the image are taken after that. None, with a complaint, if there are
        none.
        """
        deadline = time.monotonic() + patience_s
        with self._changed:
            while True:
                try:
                    return self._frames.pose(target, source, stamp_s)
                except NotYetKnownError:
                    # Transforms come on another thread, soon after the image.
                    if self._changed.wait(max(deadline - time.monotonic(), 0.0)):
                        continue
                except FramesError as error:
                    self._complaints.warning(f"{error}: is /tf complete?")
                    return None
                try:
                    return newest(self._frames, target, source, stamp_s)
                except FramesError as error:
                    self._complaints.warning(f"{error}: is whatever publishes it running, and are the clocks alike?")
                    return None

    def _keep(self, message: TFMessage, static: bool) -> None:
        with self._changed:
            for transform in transforms.known(message, static):
                try:
                    self._frames.add(*transform)
                except ValueError as error:
                    self._complaints.error(f"{error} on /tf: it is left out")
            self._changed.notify_all()

    def _start_over(self) -> None:
        with self._changed:
            self._frames.clear()
