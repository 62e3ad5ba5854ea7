"""Where the man in the demo's clip really was: triangulated from the clip's four calibrated cameras.

``clip_truth.json`` is made by ``python -m test.benchmarks.triangulation`` (what it does is written there) and holds, on
the clock of the first camera: `joints_mm` (frames, 17, 3) in the room's frame with COCO's joints, `spread_mm` (17,) how
far the two 2D detectors it rests on put each joint apart, and per view the refined `rotation`, the `centre_m` and
`delay`, by how many frames its clock is late. Other ways of weighing the detectors change distances by less than 1 %;
single joints are less certain, and elbows and wrists of raised arms are worst: see `spread_mm`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from metric_pose_ros.skeleton import COCO_17

Floats = npt.NDArray[np.floating]

FILE = Path(__file__).with_name("clip_truth.json")


@dataclass(frozen=True, eq=False)
class Truth:
    """The man as one of the cameras should see him.

    Attributes:
        joints3d: (frames, 17, 3) metres in the camera's optical frame, COCO's joints.
    """

    joints3d: Floats

    @property
    def hips(self) -> Floats:
        """(frames, 3) metres: the middle between the hips."""
        return self.joints3d[:, COCO_17.indices(("left_hip", "right_hip"))].mean(axis=1)

    @property
    def distance(self) -> Floats:
        """(frames,) metres from the camera to the middle between the hips."""
        return np.linalg.norm(self.hips, axis=1)


@cache
def for_view(name: str) -> Truth:
    """The truth in the frame of view `name` (``cam01`` ... ``cam04``), at the moments of that view's own frames."""
    content = json.loads(FILE.read_text(encoding="utf-8"))
    joints = np.array(content["joints_mm"], float) / 1000
    view = content["views"][name]
    rotation, centre = np.array(view["rotation"]), np.array(view["centre_m"])
    return Truth((at_frames(joints, np.arange(len(joints)) + view["delay"]) - centre) @ rotation.T)


def at_frames(values: Floats, moments: Floats) -> Floats:
    """Values between frames, linearly; the ends hold.

    Args:
        values: (frames, ...) one per frame.
        moments: (M,) frame numbers, fractions allowed.

    Returns:
        (M, ...).
    """
    moments = np.clip(moments, 0, len(values) - 1)
    before = np.minimum(moments.astype(int), len(values) - 2)
    share = (moments - before).reshape(-1, *[1] * (values.ndim - 1))
    return values[before] * (1 - share) + values[before + 1] * share
