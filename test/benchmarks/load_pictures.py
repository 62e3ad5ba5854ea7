"""Pictures of many people at once: the man of the demo's clip, pasted in rows."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]
Image = npt.NDArray[np.uint8]

_MOST_IN_A_ROW = 10
_ASPECT = 0.45
"""Width over height of a box around somebody upright."""
_FILLED = 0.8
"""Share of their cell that people fill."""


def places(people: int, width: int, height: int) -> Floats:
    """(N, 4) xyxy px: boxes of people side by side, those of ten or more in two rows."""
    rows = 1 if people < _MOST_IN_A_ROW else 2
    columns = -(-people // rows)
    tall = _FILLED * min(height / rows, width / columns / _ASPECT)
    numbers = np.arange(people)
    x = (numbers % columns + 0.5) * width / columns
    y = (numbers // columns + 0.5) * height / rows
    half = np.array([_ASPECT * tall / 2, tall / 2])
    return np.concatenate([np.stack([x, y], axis=1) - half, np.stack([x, y], axis=1) + half], axis=1)


def crowd(man: Image, people: int, width: int, height: int) -> Image:
    """(height, width, 3): a man, as `cut_out` gives him, at each of the `places`; the first pixel holds how many."""
    image = np.full((height, width, 3), man[0].mean(axis=0), np.uint8)
    for x1, y1, x2, y2 in np.round(places(people, width, height)).astype(int):
        image[y1:y2, x1:x2] = cv2.resize(man, (x2 - x1, y2 - y1), interpolation=cv2.INTER_AREA)
    image[0, 0] = people
    return image


def cut_out() -> Image:
    """The man of the clip alone, of `places`' proportions."""
    from test.benchmarks.footage import alone, footage

    image, box = alone(footage("cam02"), 0, 3.0)
    middle, tall = (box[:2] + box[2:]) / 2, box[3] - box[1]
    half = np.array([_ASPECT * tall / 2, tall / 2])
    (x1, y1), (x2, y2) = np.round(middle - half).astype(int), np.round(middle + half).astype(int)
    return np.ascontiguousarray(image[max(y1, 0) : y2, max(x1, 0) : x2])
