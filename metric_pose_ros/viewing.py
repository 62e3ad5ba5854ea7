"""What `metric-pose view` shows, and where, whether it comes from a bag or live."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

from metric_pose_ros.geometry.camera import Camera


class Asked(NamedTuple):
    """Topics to show; empty ones are found where they can be."""

    markers: str = ""
    image: str = ""
    info: str = ""


class Shown(Protocol):
    """Where it is shown; `metric_pose_ros.scene.Scene` is one. Seconds are since the first image or markers."""

    def camera(self, camera: Camera) -> None: ...

    def image(self, seconds: float, file: bytes) -> None: ...

    def markers(self, seconds: float, message: Any) -> None: ...
