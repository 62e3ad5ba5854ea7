"""Masks of people: from a green screen, and what they say about the box."""

from __future__ import annotations

import cv2
import numpy as np

from training.data.example import Floats, Image, box_around


def green_screen_mask(picture: Image, box: Floats, width: int, height: int) -> Image:
    """(height, width) 255 where the person is: of what is not green screen (red in the masks' video), the connected
    piece that fits the person's box best, as far as it is near the box."""
    foreground = (picture[..., 2] > 100).astype(np.uint8)
    if foreground.shape != (height, width):
        foreground = np.asarray(cv2.resize(foreground, (width, height), interpolation=cv2.INTER_NEAREST), np.uint8)
    _, labels, pieces, _ = cv2.connectedComponentsWithStats(foreground, connectivity=4)
    corners = np.concatenate([pieces[1:, :2], pieces[1:, :2] + pieces[1:, 2:4]], axis=1)
    mask = np.zeros(foreground.shape, np.uint8)
    if not len(corners):
        return mask
    piece = 1 + int(np.argmax([_overlap(piece.astype(float), box) for piece in corners]))
    x1, y1, x2, y2 = (max(int(value), 0) for value in box_around(box.reshape(2, 2), 1.3))
    mask[y1:y2, x1:x2] = np.where(labels[y1:y2, x1:x2] == piece, 255, 0)
    return mask


def box_with_mask(box: Floats, mask: Image | None) -> Floats:
    """The box of the joints, enlarged to hold the mask's person where the two agree by half."""
    if mask is None or not mask.any():
        return box
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    around = np.array([columns[0] - 0.5, rows[0] - 0.5, columns[-1] + 0.5, rows[-1] + 0.5])
    both = np.concatenate([np.minimum(box[:2], around[:2]), np.maximum(box[2:], around[2:])])
    return both if _overlap(both, box) > 0.5 else box


def _overlap(one: Floats, other: Floats) -> float:
    """Intersection over union of two boxes."""
    common = np.clip(np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2]), 0, None).prod()
    return float(common / ((one[2:] - one[:2]).prod() + (other[2:] - other[:2]).prod() - common))
