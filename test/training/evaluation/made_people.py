"""People with errors that can be worked out by hand."""

from __future__ import annotations

from typing import Any

import numpy as np

from metric_pose_ros.skeleton import Skeleton
from training.evaluation.people import People


def people(skeleton: Skeleton, facts: list[dict[str, Any]], seed: int = 0, **changes: Any) -> People:
    """As many people as facts, found exactly where they are unless something is changed."""
    count, joints = len(facts), len(skeleton)
    true = np.random.default_rng(seed).normal(0, 300, (count, joints, 3)) + np.array([0, 0, 4000])
    pixels = 800 * true[..., :2] / true[..., 2:] + 640
    values: dict[str, Any] = {
        "found_mm": true.copy(),
        "found_px": pixels.copy(),
        "std_mm": np.full((count, joints, 3), 50.0),
        "true_mm": true,
        "true_px": pixels,
        "inside": np.ones((count, joints), bool),
    }
    return People(skeleton, facts=facts, **{**values, **changes})
