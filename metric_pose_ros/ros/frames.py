"""What /tf says about where the camera is, at the time of an image."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from geometry_msgs.msg import TransformStamped
from rclpy.clock import JumpThreshold
from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile
from tf2_msgs.msg import TFMessage

from metric_pose_ros.geometry.frames import STATIC, Frames, FramesError, NotYetKnownError
from metric_pose_ros.ros.complaints import Complaints

_STALE_S = 0.5
"""Transforms that are older than the image by more say nothing about where its camera was."""


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
                return self._newest(target, source, stamp_s)
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
                    return self._newest(target, source, stamp_s)
                except FramesError as error:
                    self._complaints.warning(f"{error}: is whatever publishes it running, and are the clocks alike?")
                    return None

    def _newest(self, target: str, source: str, stamp_s: float) -> npt.NDArray:
        try:
            return self._frames.pose(target, source, stamp_s)
        except NotYetKnownError as error:
            if stamp_s - error.newest_s > _STALE_S:
                raise
            return self._frames.pose(target, source, error.newest_s)

    def _keep(self, message: TFMessage, static: bool) -> None:
        with self._changed:
            for transform in message.transforms:
                self._add(transform, static)
            self._changed.notify_all()

    def _add(self, transform: TransformStamped, static: bool) -> None:
        child = transform.child_frame_id.lstrip("/")
        # People's own frames (REP-155) lead nowhere else, and there is no end to them.
        if child.startswith("body_") or transform.header.frame_id.startswith("body_"):
            return
        stamp, move, turn = transform.header.stamp, transform.transform.translation, transform.transform.rotation
        try:
            self._frames.add(
                transform.header.frame_id.lstrip("/"),
                child,
                STATIC if static else stamp.sec + stamp.nanosec * 1e-9,
                np.array([move.x, move.y, move.z]),
                np.array([turn.w, turn.x, turn.y, turn.z]),
            )
        except ValueError as error:
            self._complaints.error(f"{error} on /tf: it is left out")

    def _start_over(self) -> None:
        with self._changed:
            self._frames.clear()


@dataclass(frozen=True)
class MovingCamera:
    """Where a camera is in a frame that stands still.

    Attributes:
        frames: that are listened to.
        fixed: the frame that stands still.
        camera: the camera's frame.
        patience_s: how long to wait for a transform.
    """

    frames: FrameListener
    fixed: str
    camera: str
    patience_s: float

    def now(self, stamp_s: float) -> npt.NDArray | None:
        """(4, 4) from the camera's frame, as far as it is known already."""
        return self.frames.now(self.fixed, self.camera, stamp_s)

    def at(self, stamp_s: float) -> npt.NDArray | None:
        """(4, 4) from the camera's frame at that time."""
        return self.frames.at(self.fixed, self.camera, stamp_s, self.patience_s)
