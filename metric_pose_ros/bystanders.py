"""Whom a crop is about: whoever else is in it is painted over, so that the network does not follow the wrong person.

Where people stand close, a box holds several, and a network that looks at one person takes the one it sees best. Over
frames it is known where everybody was a moment ago, and detectors may say where they see people's joints, so the others
become grey shapes, as things that stand in front.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from metric_pose_ros.geometry.crop import Crop
from metric_pose_ros.geometry.rough_body import TORSO
from metric_pose_ros.known_body import KnownBody

Mask = npt.NDArray[np.bool_]

_OTHERS_M = 0.11
"""Half the thickness of what is painted along others' bones: limbs in clothes, and some for how they have moved."""
_OWN_M = 0.05
"""Half the thickness of what is kept along one's own: a thin limb, so that those behind are covered up to it."""
_CELLS = 64
"""A mask's side."""
_GREY = np.float32(0.45)
_NEAREST_M = 0.1


def others(crop: Crop, whose: int, known: Sequence[KnownBody | None]) -> Mask | None:
    """What to paint over in a person's crop.

    Args:
        crop: that looks at the person.
        whose: number of the person among those known.
        known: everybody in the image. Somebody of whom nothing is known is painted over nowhere, and nobody in that
            crop: it may be one of the others.

    Returns:
        (64, 64), true where somebody else is and the person is not; None where that is nowhere.
    """
    own = known[whose]
    if own is None:
        return None
    canvas = np.zeros((_CELLS, _CELLS), np.uint8)
    for index, body in enumerate(known):
        if index != whose and body is not None and body.may_hide(own):
            _draw(canvas, crop, body, _OTHERS_M, 1)
    if not canvas.any():
        return None
    _draw(canvas, crop, own, _OWN_M, 0)
    return canvas > 0 if canvas.any() else None


def paint_over(pixels: npt.NDArray[np.float32], mask: Mask) -> None:
    """Makes a crop grey where a mask says so, in place.

    Args:
        pixels: (3, S, S) in 0..1.
        mask: (M, M).
    """
    side = pixels.shape[-1]
    large = cv2.resize(mask.astype(np.uint8), (side, side), interpolation=cv2.INTER_NEAREST)
    pixels[:, large > 0] = _GREY


def _draw(canvas: npt.NDArray[np.uint8], crop: Crop, body: KnownBody, radius: float, value: int) -> None:
    """Draws a body of bones with some flesh about them."""
    seen = body.joints3d @ crop.rotation.T
    there = np.isfinite(seen).all(axis=1)
    if not there.any() or seen[there, 2].min() < _NEAREST_M:
        return
    scale = _CELLS / crop.side
    points = seen[there] @ crop.K.T
    # Far outside nothing is seen of anybody, and OpenCV's integers end.
    cells = np.zeros((len(seen), 2), np.int32)
    cells[there] = np.rint(np.clip((points[:, :2] / points[:, 2:] + 0.5) * scale - 0.5, -_CELLS * 16, _CELLS * 16))
    thickness = max(1, round(2 * radius * float(crop.K[0, 0]) / float(np.median(seen[there, 2])) * scale))
    thickness = min(thickness, _CELLS * 2)
    for start, end in body.skeleton.edges:
        if there[start] and there[end]:
            cv2.line(canvas, cells[start].tolist(), cells[end].tolist(), value, thickness)
    if set(TORSO) <= set(body.skeleton.names):
        trunk = body.skeleton.indices(TORSO)
        if there[trunk].all():
            cv2.fillConvexPoly(canvas, cv2.convexHull(cells[trunk]), value)
