"""People who stand still, for tests that need somebody and know where."""

from __future__ import annotations

import numpy as np

from metric_pose_ros.people import Person
from metric_pose_ros.skeleton import BODY_30
from test.fake_models import STANDING_MM


def standing(identity: str = "p1", at: tuple[float, float, float] = (0.0, 0.0, 4.0), confidence: float = 0.9) -> Person:
    """Somebody upright who faces the camera, the pelvis at `at` (metres, camera frame)."""
    joints = STANDING_MM.astype(float) / 1000 + at
    return Person(
        joints3d=joints,
        joints2d=joints[:, :2] / joints[:, 2:] * 500 + (320, 240),
        std=np.tile([0.03, 0.04, 0.05], (len(joints), 1)),
        confidence=np.full(len(joints), confidence),
        box=np.array([200.0, 50.0, 440.0, 430.0]),
        score=0.8,
        skeleton=BODY_30,
        id=identity,
    )
