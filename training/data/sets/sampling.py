"""Which frames of a video are worth learning from."""

from __future__ import annotations

import numpy as np

from training.data.example import Floats

FRAME_STEP = 5
"""Training takes every fifth frame at most."""
MOVED_MM = 100.0
"""A frame in which no joint moved this far since the last one that was taken shows nothing new."""


class MovementFilter:
    """Tells frames that show something new: at least one joint moved by 100 mm since the last one taken."""

    def __init__(self) -> None:
        self._last: Floats | None = None

    def takes(self, joints_mm: Floats) -> bool:
        """Whether a pose (J, 3) is new; if so it is the one that the next ones are compared with."""
        if self._last is not None and np.linalg.norm(joints_mm - self._last, axis=1).max() < MOVED_MM:
            return False
        self._last = joints_mm
        return True
