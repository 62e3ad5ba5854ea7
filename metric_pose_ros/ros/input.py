"""What comes in: subscriptions to the newest image, and to the camera that took it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rclpy.node import Node
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from metric_pose_ros.complaints import Complaints
from metric_pose_ros.messages.incoming import CameraMessages
from metric_pose_ros.messages.types import InstalledTypes
from metric_pose_ros.ros.latest import Latest
from metric_pose_ros.ros.matching import MatchedSubscription
from metric_pose_ros.settings import Settings

_TRANSPORTS = {"raw": ("", Image), "compressed": ("/compressed", CompressedImage)}
"""What image_transport adds to a topic's name, and the messages' class."""


_UNPAIRED_S = 0.5
"""For so long images wait for the first CameraInfo, which may come just after the first image."""


@dataclass(frozen=True)
class Arrival:
    """An image message and when it came, in seconds of `time.perf_counter`."""

    message: Image | CompressedImage
    arrived_s: float


class CameraInput:
    """Subscriptions to ``image`` and ``camera_info`` of a camera.

    The callbacks only store; `camera` makes an image ready, on whichever thread needs it.

    Args:
        node: that subscribes.
        settings: of the node.
        complaints: about what is wrong with messages.
        arrivals: takes the newest image of each camera.
        name: of the camera, before the topics' names; empty if there is but one.

    Attributes:
        camera: makes images ready.

    Raises:
        FileNotFoundError: if the settings name a camera file that is not there.
        ValueError: if it is wrong, or the image transport is unknown.
    """

    def __init__(
        self, node: Node, settings: Settings, complaints: Complaints, arrivals: Latest[Arrival], name: str = ""
    ) -> None:
        if settings.image_transport not in _TRANSPORTS:
            raise ValueError(
                f"unknown image_transport {settings.image_transport!r}, expected {' or '.join(_TRANSPORTS)}: "
                "run image_transport's republish for another"
            )
        self._arrivals, self._name = arrivals, name
        self._node = node
        self._complaints = complaints
        self._subscriptions: list[MatchedSubscription] = []
        self._heard_s = time.monotonic()
        self._waiting: Arrival | None = None
        self._first_s: float | None = None
        suffix, self._kind = _TRANSPORTS[settings.image_transport]
        # As image_transport has it: the transport's name follows what `image` is remapped to.
        self._image_topic = node.resolve_topic_name(f"{name}/image" if name else "image") + suffix
        self._info_topic = node.resolve_topic_name(f"{name}/camera_info" if name else "camera_info")
        self.camera = CameraMessages(
            InstalledTypes(),
            settings,
            self._image_topic,
            self._info_topic,
            complaints,
            lambda: node.get_clock().now().to_msg(),
        )

    def open(self) -> None:
        """Starts to listen."""
        self._heard_s = time.monotonic()
        self._subscribe(self._kind, self._image_topic, self.keep_image)
        if self.camera.fixed is None:
            self._subscribe(CameraInfo, self._info_topic, self._keep_camera_info)

    def close(self) -> None:
        """Stops to listen."""
        for subscription in self._subscriptions:
            subscription.close()
        self._subscriptions = []

    @property
    def topics(self) -> str:
        """What is listened to, for the log."""
        return self._image_topic if self.camera.fixed is not None else f"{self._image_topic} and {self._info_topic}"

    @property
    def silent_s(self) -> float:
        """Seconds since an image came, or since it is listened for."""
        return time.monotonic() - self._heard_s

    def keep_image(self, message: Image | CompressedImage) -> None:
        """Stores an image until somebody takes it, in place of one that nobody took."""
        self._heard_s = time.monotonic()
        if self._first_s is None:
            self._first_s = self._heard_s
        self._waiting = Arrival(message, time.perf_counter())
        if self.camera.known or self._heard_s - self._first_s > _UNPAIRED_S:
            self._hand_on()

    def _keep_camera_info(self, message: CameraInfo) -> None:
        self.camera.keep_camera_info(message)
        self._hand_on()

    def _hand_on(self) -> None:
        if self._waiting is not None:
            self._arrivals.put(self._name, self._waiting)
            self._waiting = None

    def _subscribe(self, kind: type, topic: str, keep: Callable[[Any], None]) -> None:
        self._subscriptions.append(MatchedSubscription(self._node, kind, topic, keep, self._complaints))
