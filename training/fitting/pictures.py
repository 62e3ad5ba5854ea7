"""Pictures of predictions beside the truth, for TensorBoard."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from training.fitting.validation import Predictions
from training.joint_space import JointSpace

Image = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.floating]

SIDE = 160
"""px of each tile."""
TRUE, FOUND = (80, 220, 80), (250, 90, 60)
VIEW_MM = 2200.0
"""What a side view spans."""


def draw_predictions(crops: npt.NDArray[np.floating] | None, found: Predictions, space: JointSpace) -> Image:
    """A row for each example: its crop, then the crop with joints, then the 3D pose from the side.

    The truth is green, the prediction orange.

    Args:
        crops: (N, 3, S, S) RGB in 0..1; None where only features are there, which leaves black.
        found: N predictions.
        space: the joints.

    Returns:
        (N * side, 3 * side, 3) RGB.
    """
    rows = []
    for number in range(len(found)):
        plain = np.zeros((SIDE, SIDE, 3), np.uint8)
        scale = 1.0
        if crops is not None:
            crop = np.round(crops[number].transpose(1, 2, 0) * 255).astype(np.uint8)
            plain, scale = np.asarray(cv2.resize(crop, (SIDE, SIDE)), np.uint8), SIDE / crop.shape[0]
        else:
            # The optical axis of a crop is in its middle.
            scale = SIDE / (2 * float(found.intrinsics[number, 0, 2]) + 1)
        over = plain.copy()
        _bones(over, found.true_px[number] * scale, space, TRUE)
        _bones(over, _seen(found, number) * scale, space, FOUND)
        rows.append(np.concatenate([plain, over, _from_the_side(found, number, space)], axis=1))
    return np.concatenate(rows)


def _seen(found: Predictions, number: int) -> Floats:
    """(J, 2) px: what the head says of the image, or where the absolute pose projects to."""
    if np.isfinite(found.joints2d[number]).all():
        return found.joints2d[number]
    ahead = found.absolute[number] @ found.intrinsics[number].T
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(ahead[:, 2:] > 0, ahead[:, :2] / ahead[:, 2:], np.nan)


def _from_the_side(found: Predictions, number: int, space: JointSpace) -> Image:
    """Depth to the right, height upwards; the means of the known joints lie in the middle."""
    view = np.full((SIDE, SIDE, 3), 25, np.uint8)
    truth, pose = found.true_mm[number], found.relative[number]
    known = np.isfinite(truth).all(axis=-1)
    counted = known if known.any() else np.ones(len(pose), bool)
    for joints, colour in ((truth, TRUE), (np.where(counted[:, None], pose, np.nan), FOUND)):
        flat = (joints - joints[counted].mean(axis=0))[:, [2, 1]] * (SIDE / VIEW_MM) + SIDE / 2
        _bones(view, flat, space, colour)
    return view


def _bones(image: Image, points: Floats, space: JointSpace, colour: tuple[int, int, int]) -> None:
    """Draws the bones whose ends (J, 2) px are known, in place."""
    for parent, child in space.edges:
        ends = points[[parent, child]]
        if np.isfinite(ends).all() and np.abs(ends).max() < 10 * SIDE:
            first, last = ([round(float(value) * 16) for value in end] for end in ends)
            cv2.line(image, first, last, colour, 1, cv2.LINE_AA, 4)
