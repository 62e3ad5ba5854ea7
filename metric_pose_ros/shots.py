"""A frame of a video with what is known of its camera, and where to look for people in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from metric_pose_ros.geometry.camera import Camera
from metric_pose_ros.people import Detection
from metric_pose_ros.track import Look

Floats = npt.NDArray[np.floating]
Image = npt.NDArray[np.uint8]


class CameraMotion(Protocol):
    """Where a moving camera is: (4, 4) from its frame to one that stands still, at a time in seconds."""

    def now(self, stamp_s: float) -> Floats | None:
        """What is known already, perhaps of a moment before; None if nothing is."""
        ...

    def at(self, stamp_s: float) -> Floats | None:
        """What holds at that time, waited for if need be; None if it does not come."""
        ...


@dataclass(frozen=True, eq=False)
class Shot:
    """An image of a camera.

    Attributes:
        image_bgr: (height, width, 3) uint8 as the camera gave it.
        camera: that took it.
        stamp_s: when it was taken, seconds.
        motion: of the camera; None if it stands still.
    """

    image_bgr: Image
    camera: Camera
    stamp_s: float
    motion: CameraMotion | None = None


@dataclass(frozen=True, eq=False)
class Begun:
    """A shot with where people are to be looked for.

    Attributes:
        shot: of the camera.
        looks: one per box.
        seconds: spent so far.
    """

    shot: Shot
    looks: list[Look]
    seconds: float

    @property
    def boxes(self) -> Floats:
        """(N, 4) xyxy px."""
        return np.array([look.box for look in self.looks]).reshape(-1, 4)

    @property
    def detections(self) -> list[Detection]:
        """The same with what is known of each."""
        return [Detection(look.box, look.score, _expected(look), look.keypoints) for look in self.looks]


def _expected(look: Look) -> Floats | None:
    """(J, 3) m where the joints are expected; None for strangers, and where a track has gone astray."""
    return None if look.track is None or look.detected else look.track.expected_joints
