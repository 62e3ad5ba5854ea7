"""The demo's clip as the benchmarks use it: its frames, and one man alone at any distance in a 1280x720 image."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
import numpy.typing as npt

from metric_pose_ros import Camera
from training.domain_gap.true_views import TrueView, decode, true_view

Floats = npt.NDArray[np.floating]
Image = npt.NDArray[np.uint8]

ROBOT_CAMERA = Camera.from_fov(1280, 720, 70.0)
"""What a robot's 720p camera is like."""


@dataclass(frozen=True, eq=False)
class Footage(TrueView):
    """One view of the clip with the truth about the man and its frames.

    Attributes:
        images: 100 of (1920, 1088, 3) BGR, 60 per second.
    """

    images: list[Image]


@cache
def footage(name: str) -> Footage:
    """A view of the clip; fetched if need be."""
    view = true_view(name)
    return Footage(view.name, view.video, view.camera, view.truth, view.truth2d, list(decode(view.video)))


def alone(view: Footage, frame: int, distance_m: float, column: float = 0.5) -> tuple[Image, Floats]:
    """The man alone in a 1280x720 image, as the robot's camera shows somebody at a distance.

    Only what is close around him is kept, so that nobody else is in the picture; the rest is the room, out of focus.

    Args:
        view: of the clip.
        frame: its number.
        distance_m: of the man.
        column: where his middle is, as a fraction of the width.

    Returns:
        (720, 1280, 3) BGR, and (4,) xyxy px around him.
    """
    scale = ROBOT_CAMERA.K[0, 0] / distance_m / (view.camera.K[0, 0] / view.truth.distance[frame])
    low, high = view.box(frame).reshape(2, 2)
    width, height = 1280, 720
    # The man's middle stands in the image's middle, or as low as his size allows.
    shift = np.array([column * width, height / 2]) - scale * (low + high) / 2
    move = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
    flags = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    sharp = cv2.GaussianBlur(view.images[frame], (0, 0), 0.4 / scale) if scale < 0.7 else view.images[frame]
    sharp = cv2.warpAffine(sharp, move, (width, height), flags=flags)
    room = cv2.GaussianBlur(cv2.resize(view.images[frame], (64, 36), interpolation=cv2.INTER_AREA), (0, 0), 4)
    image = cv2.resize(room, (width, height), interpolation=cv2.INTER_CUBIC)
    # What is between and close around his joints, with a soft edge.
    joints = view.truth2d[frame] * scale + shift
    reach = 0.09 * float(np.ptp(joints[:, 1]))
    mask = np.zeros((height, width), np.float32)
    hull = np.asarray(cv2.convexHull(joints.astype(np.float32)), np.int32)
    cv2.fillConvexPoly(mask, hull, 1.0)
    cv2.polylines(mask, [hull], True, 1.0, max(round(2 * reach), 1))
    mask = np.asarray(cv2.GaussianBlur(mask, (0, 0), max(0.2 * reach, 0.5)), np.float32)[..., None]
    image = np.asarray(image * (1 - mask) + sharp * mask).round().astype(np.uint8)
    box = np.concatenate([low, high]) * scale + np.tile(shift, 2)
    return np.asarray(image, np.uint8), np.clip(box, 0, np.tile([width, height], 2))
