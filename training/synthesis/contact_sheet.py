"""A picture of many crops with their labels drawn on, to look at before rendering thousands."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from metric_pose_ros.skeleton import BODY_30
from training.synthesis.shots import SEEN, Sample

_LEFT, _RIGHT, _MIDDLE = (60, 60, 255), (255, 160, 40), (60, 220, 60)
"""BGR: the person's left is red, right blue, the middle green."""


def draw_contact_sheet(samples: Sequence[Sample], path: Path, columns: int = 8, rows: int = 5) -> None:
    """Writes a picture of the first crops; bones that end in a hidden joint are thin, joints that are seen are filled.

    Raises:
        ValueError: if there is no sample or OpenCV cannot write such a file.
    """
    if not samples:
        raise ValueError("no crops to draw a contact sheet of")
    tiles = [draw_labels(sample) for sample in samples[: columns * rows]]
    rows = -(-len(tiles) // columns)
    tiles += [np.zeros_like(tiles[0])] * (columns * rows - len(tiles))
    sheet = np.concatenate([np.concatenate(tiles[row * columns : (row + 1) * columns], 1) for row in range(rows)])
    path.parent.mkdir(parents=True, exist_ok=True)
    if not cv2.imwrite(str(path), sheet):
        raise ValueError(f"cannot write the contact sheet {path}: choose a name that ends in .png or .jpg")


def draw_labels(sample: Sample) -> np.ndarray:
    """(256, 256, 3) BGR crop with bones and joints."""
    picture = np.ascontiguousarray(sample.image[..., ::-1])
    for parent, child in BODY_30.edges:
        fixed_point = np.clip(np.round(sample.joints_px[[parent, child]] * 8), -4000, 8000).astype(int).tolist()
        thick = 2 if sample.visibility[child] == SEEN else 1
        cv2.line(picture, fixed_point[0], fixed_point[1], _colour(BODY_30.names[child]), thick, cv2.LINE_AA, 3)
    for joint, name in enumerate(BODY_30.names):
        x, y = np.clip(np.round(sample.joints_px[joint]), -500, 1000).astype(int).tolist()
        cv2.circle(picture, (x, y), 2, _colour(name), -1 if sample.visibility[joint] == SEEN else 1, cv2.LINE_AA)
    distance = f"{sample.about['distance_m']:.1f} m {sample.about['pose_kind']}"
    cv2.putText(picture, distance, (4, 250), cv2.FONT_HERSHEY_SIMPLEX, 0.35, (255, 255, 255), 1, cv2.LINE_AA)
    return picture


def _colour(joint: str) -> tuple[int, int, int]:
    return _LEFT if joint.startswith("left_") else _RIGHT if joint.startswith("right_") else _MIDDLE
