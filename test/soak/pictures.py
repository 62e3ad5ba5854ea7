"""What the soak's camera sees: two real men, cut out of the demo's clip, who enter and leave at either side."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from metric_pose_ros.geometry.camera import Camera
from test.benchmarks.footage import alone, footage

WIDTH, HEIGHT = 320, 180
CAMERA = Camera.from_fov(WIDTH, HEIGHT, 70.0)

_STEPS = 22
"""Frames of the clip in which nobody else is near the man."""
_WAY = 60
"""Pictures from outside the image to the inner end of the way."""
_ENTERING = 30
"""Pictures of the way in."""
_PERIOD = 420
_THERE = ((0, 230), (170, 400))
"""Frames of each period in which somebody is at the left and at the right: one or both, and nobody for a moment."""


def save(file: Path) -> None:
    """Writes (2, 60, 180, 160, 3) BGR: the ways of a man through the left and through the right half of the image."""
    view = footage("cam02")
    there_and_back = [*range(_STEPS), *range(_STEPS - 2, 0, -1)]
    ways = np.zeros((2, _WAY, HEIGHT, WIDTH // 2, 3), np.uint8)
    for side, distance_m in enumerate((3.0, 3.6)):
        for place, column in enumerate(np.linspace(-0.12, 0.32, _WAY)):
            picture, _ = alone(view, there_and_back[place % len(there_and_back)], distance_m, float(column))
            half = cv2.resize(picture, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)[:, : WIDTH // 2]
            ways[side, place] = half if side == 0 else half[:, ::-1]
    np.save(file, ways)
    footage.cache_clear()  # 600 MB, for hours


def people(frame: int) -> int:
    """How many are in view, the ways in and out included."""
    return sum(place(side, frame) > 0 for side in range(2))


def entrances(frame: int) -> int:
    """How often somebody has come in until a frame."""
    return sum((frame - first) // _PERIOD + 1 for first, _ in _THERE)


def picture(ways: npt.NDArray[np.uint8], frame: int) -> npt.NDArray[np.uint8]:
    """(180, 320, 3) BGR of a frame.

    Args:
        ways: as `save` writes them.
        frame: its number, from 0.
    """
    return np.concatenate([ways[side, place(side, frame)] for side in range(2)], axis=1)


def place(side: int, frame: int) -> int:
    """Which picture of the way: in, forth and back for a while, out, and nobody there."""
    first, end = _THERE[side]
    phase, left = frame % _PERIOD - first, end - 1 - frame % _PERIOD
    if phase < 0 or left < 0:
        return 0
    if phase < _ENTERING or left < _ENTERING:
        return min(phase, left)
    return _ENTERING + round((_WAY - 1 - _ENTERING) * 0.5 * (1 - np.cos((phase - _ENTERING) / 12)))
