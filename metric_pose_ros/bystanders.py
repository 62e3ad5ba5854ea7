"""Whom a crop is about: whoever else is in it is painted over, so that the network does not follow the wrong person.

Where people stand close, a box holds several, and a network that looks at one person takes the one it sees best. Over
frames it is known where everybody was a moment ago, so the others become grey shapes, as things that stand in front.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from metric_pose_ros.geometry.crop import Crop
from metric_pose_ros.skeleton import Skeleton

Floats = npt.NDArray[np.floating]
Mask = npt.NDArray[np.bool_]

_OTHERS_M = 0.11
"""Half the thickness of what is painted along others' bones: limbs in clothes, and some for how they have moved."""
_OWN_M = 0.05
"""Half the thickness of what is kept along one's own: a thin limb, so that those behind are covered up to it."""
_CELLS = 64
"""A mask's side."""
_GREY = np.float32(0.45)
_NEAREST_M = 0.1
_TRUNK = ("left_shoulder", "right_shoulder", "right_hip", "left_hip")


def others(crop: Crop, whose: int, expected: Sequence[Floats | None], skeleton: Skeleton) -> Mask | None:
    """What to paint over in a person's crop.

    Args:
        crop: that looks at the person.
        whose: number of the person among those expected.
        expected: for everybody in the image, (J, 3) m where the joints are expected in the camera's frame, or None.
            Somebody of whom nothing is expected is painted over nowhere, and nobody in that crop: it may be one of
            the others.
        skeleton: of the joints.

    Returns:
        (64, 64), true where somebody else is and the person is not; None where that is nowhere.
    """
    own = expected[whose]
    if own is None:
        return None
    canvas = np.zeros((_CELLS, _CELLS), np.uint8)
    for index, joints in enumerate(expected):
        if index != whose and joints is not None:
            _draw(canvas, crop, joints, skeleton, _OTHERS_M, 1)
    if not canvas.any():
        return None
    _draw(canvas, crop, own, skeleton, _OWN_M, 0)
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


def _draw(canvas: npt.NDArray[np.uint8], crop: Crop, joints: Floats, skeleton: Skeleton, radius: float, value: int):
    """Draws a body of bones with some flesh about them."""
    seen = joints @ crop.rotation.T
    if not np.isfinite(seen).all() or seen[:, 2].min() < _NEAREST_M:
        return
    scale = _CELLS / crop.side
    points = seen @ crop.K.T
    cells = (points[:, :2] / points[:, 2:] + 0.5) * scale - 0.5
    # Far outside nothing is seen of anybody, and OpenCV's integers end.
    cells = np.clip(np.rint(cells), -_CELLS * 16, _CELLS * 16).astype(np.int32)
    thickness = max(1, round(2 * radius * float(crop.K[0, 0]) / float(np.median(seen[:, 2])) * scale))
    thickness = min(thickness, _CELLS * 2)
    for start, end in skeleton.edges:
        cv2.line(canvas, cells[start].tolist(), cells[end].tolist(), value, thickness)
    if set(_TRUNK) <= set(skeleton.names):
        cv2.fillConvexPoly(canvas, cv2.convexHull(cells[skeleton.indices(_TRUNK)]), value)
