"""What the node answered, frame by frame, in a file that grows: `camera.py` writes it, the verdicts read it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

ANSWER = np.dtype([("latency_ms", "<f4"), ("there", "<u2"), ("reported", "<u2"), ("newest_id", "<u4")])
"""Of a frame: time until the keypoints came (NaN: none came), people in the picture and reported, the highest id."""


def read(file: Path, start: int = 0) -> npt.NDArray:
    """(N,) of `ANSWER` from a frame on; a record that is only half written yet is left out."""
    if not file.is_file():
        return np.zeros(0, ANSWER)
    with file.open("rb") as opened:
        opened.seek(start * ANSWER.itemsize)
        content = opened.read()
    return np.frombuffer(content[: len(content) // ANSWER.itemsize * ANSWER.itemsize], ANSWER)
