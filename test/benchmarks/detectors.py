"""How far away the detectors find somebody in a 1280x720 image."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from metric_pose_ros.detection import open_detector, overlap
from test.benchmarks.footage import alone, footage
from training.domain_gap.true_views import VIEWS

DISTANCES_M = (2, 3, 4, 5, 6, 8, 10)
_FRAMES = range(2, 100, 16)
_SAME = 0.5
"""Shared area over joint area from which a box counts as found."""


def measure(name: str) -> dict[str, Any]:
    """The man alone, in seven moments from each of the four sides, at every distance, left, right and in the middle."""
    detector = open_detector(name)
    found: dict[str, str] = {}
    false = 0
    seconds = []
    for distance in DISTANCES_M:
        hits = 0
        cases = [(footage(view), frame) for view in VIEWS for frame in _FRAMES]
        for number, (view, frame) in enumerate(cases):
            image, box = alone(view, frame, float(distance), column=(0.25, 0.5, 0.75)[number % 3])
            start = time.perf_counter()
            boxes = [detection.box for detection in detector(image)]
            seconds.append(time.perf_counter() - start)
            shared = overlap(np.array(boxes).reshape(-1, 4), box[None])[:, 0]
            hits += bool((shared >= _SAME).any())
            false += int((shared < _SAME).sum())
        found[f"{distance} m"] = f"{hits}/{len(cases)}"
    return {"found": found, "boxes_elsewhere": false, "ms_median": round(1e3 * float(np.median(seconds)), 1)}
