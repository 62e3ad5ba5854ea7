"""Stands in for the viewer."""

from __future__ import annotations

from typing import Any

from metric_pose_ros.geometry.camera import Camera


class Seen:
    """Remembers what it is to show."""

    def __init__(self) -> None:
        self.cameras: list[Camera] = []
        self.images: list[tuple[float, bytes]] = []
        self.people: list[tuple[float, int]] = []

    def camera(self, camera: Camera) -> None:
        self.cameras.append(camera)

    def image(self, seconds: float, file: bytes) -> None:
        self.images.append((seconds, file))

    def markers(self, seconds: float, message: Any) -> None:
        self.people.append((seconds, sum(marker.ns == "bones" and not marker.action for marker in message.markers)))
