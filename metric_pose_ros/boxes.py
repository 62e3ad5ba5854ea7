"""Boxes of people in an image: how much they share, and one for each person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
import numpy.typing as npt

from metric_pose_ros.people import Detection

Floats = npt.NDArray[np.floating]
Image = npt.NDArray


def overlap(boxes: Floats, others: Floats) -> Floats:
    """Intersection over union of (N, 4) and (M, 4) boxes -> (N, M)."""
    low = np.maximum(boxes[:, None, :2], others[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], others[None, :, 2:])
    shared = np.prod(np.maximum(high - low, 0), axis=2)
    areas, other_areas = (np.prod(np.maximum(some[:, 2:] - some[:, :2], 0), axis=1) for some in (boxes, others))
    return shared / np.maximum(areas[:, None] + other_areas[None] - shared, 1e-9)


def shrink(image: Image, longest_side: int) -> tuple[Image, float]:
    """The image scaled so that its longer side is `longest_side`, and the scale."""
    height, width = image.shape[:2]
    scale = longest_side / max(height, width)
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR), scale


def one_each(found: Sequence[Detection], shape: tuple[int, ...], most_overlap: float = 0.5) -> list[Detection]:
    """Clips boxes to the image and keeps the best of those that show the same person."""
    height, width = shape[:2]
    kept: list[Detection] = []
    for candidate in sorted(found, key=lambda detection: -detection.score):
        box = np.clip(np.asarray(candidate.box, float), 0, [width, height, width, height])
        if not (box[2:] - box[:2] >= 2).all():  # which NaN is not, either
            continue
        if not kept or overlap(box[None], np.stack([each.box for each in kept])).max() < most_overlap:
            kept.append(replace(candidate, box=box))
    return kept
