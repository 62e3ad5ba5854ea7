"""Our WebDataset shards: crops of people with their joints in millimetres.

A sample is three files with one key: ``KEY.jpg`` (the square RGB crop), ``KEY.npz`` (``joints_mm`` (J, 3) in the crop
camera, ``joints_px`` (J, 2), ``intrinsics`` (3, 3), ``visibility`` (J,): 0 outside the crop, 1 hidden, 2 seen) and
``KEY.json`` (facts: pose kind, distance, whether truncated, ...). The centre of the first pixel is (0, 0).
"""

from __future__ import annotations

import io
import json
import logging
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import webdataset

logger = logging.getLogger(__name__)

NAMED_PROBLEMS = 10
"""How many problems are logged one by one; all of them are counted."""


@dataclass(frozen=True, eq=False)
class Sample:
    """One person in one crop.

    Attributes:
        key: unique in its shard.
        image: (S, S, 3) uint8 RGB.
        joints_mm: (J, 3) in the crop camera.
        joints_px: (J, 2) in the crop.
        intrinsics: (3, 3) of the crop camera.
        visibility: (J,) 0 outside the crop, 1 hidden, 2 seen.
        facts: what else is known, such as ``pose_kind`` and ``distance_m``.
    """

    key: str
    image: npt.NDArray[np.uint8]
    joints_mm: npt.NDArray[np.float32]
    joints_px: npt.NDArray[np.float32]
    intrinsics: npt.NDArray[np.float32]
    visibility: npt.NDArray[np.uint8]
    facts: dict[str, Any]


@dataclass
class Problems:
    """What could not be read: counted by kind, the first few named in the log."""

    counts: Counter[str] = field(default_factory=Counter)

    def note(self, kind: str, what: str) -> None:
        """Counts one problem and, unless there were many, says what it was."""
        self.counts[kind] += 1
        if self.counts.total() <= NAMED_PROBLEMS:
            logger.warning("skipped: %s: %s", kind, what)

    def __str__(self) -> str:
        if not self.counts:
            return "nothing skipped"
        return "skipped " + ", ".join(f"{count} x {kind}" for kind, count in self.counts.items())


def shard_paths(folder: Path, split: str) -> list[Path]:
    """The shards of a split, ``SPLIT-*.tar``, in order.

    Raises:
        FileNotFoundError: if there are none.
    """
    paths = sorted(folder.glob(f"{split}-*.tar"))
    if not paths:
        raise FileNotFoundError(
            f"{folder} has no {split}-*.tar: make some with `python -m training synthesize --out {folder}`"
        )
    return paths


def read_samples(paths: list[Path], joints: int, problems: Problems, side: int = 256) -> Iterator[Sample]:
    """Reads every sample of the shards, in order; what is missing or broken is noted in `problems` and skipped.

    Args:
        paths: tar files.
        joints: J, how many joints a sample must have.
        problems: collects what was skipped.
        side: px that a crop must have.
    """

    def skip_and_note(error: Exception) -> bool:
        problems.note("broken shard", f"{type(error).__name__}: {error}")
        return True

    readable = []
    for path in paths:
        if path.is_file():
            readable.append(str(path))
        else:
            problems.note("missing shard", str(path))
    if not readable:
        return
    for files in webdataset.WebDataset(readable, shardshuffle=False, handler=skip_and_note, empty_check=False):
        where = f"{files.get('__key__')} in {files.get('__url__')}"
        try:
            yield decode(files, joints, side)
        except KeyError as error:
            problems.note("incomplete sample", f"{where} lacks {error}")
        # Whatever a corrupt file makes the decoders raise costs one sample, never the run.
        except Exception as error:
            problems.note("broken sample", f"{where}: {error}")


def decode(files: dict[str, Any], joints: int, side: int) -> Sample:
    """Makes a sample of the raw files of one key.

    Raises:
        KeyError: if a file or an array is missing.
        ValueError: if something has not the shape or the values it must have.
    """
    image = cv2.imdecode(np.frombuffer(files["jpg"], np.uint8), cv2.IMREAD_COLOR)
    if image is None or image.shape != (side, side, 3):
        raise ValueError(f"the picture is {'unreadable' if image is None else image.shape}, expected {(side, side, 3)}")
    with np.load(io.BytesIO(files["npz"]), allow_pickle=False) as stored:
        arrays = {name: stored[name] for name in ("joints_mm", "joints_px", "intrinsics", "visibility")}
    shapes = {"joints_mm": (joints, 3), "joints_px": (joints, 2), "intrinsics": (3, 3), "visibility": (joints,)}
    for name, shape in shapes.items():
        if arrays[name].shape != shape:
            raise ValueError(f"{name} has the shape {arrays[name].shape}, expected {shape}")
        if not np.isfinite(arrays[name]).all():
            raise ValueError(f"{name} is not finite")
    return Sample(
        key=files["__key__"],
        image=np.ascontiguousarray(image[..., ::-1]),
        joints_mm=arrays["joints_mm"].astype(np.float32),
        joints_px=arrays["joints_px"].astype(np.float32),
        intrinsics=arrays["intrinsics"].astype(np.float32),
        visibility=arrays["visibility"].astype(np.uint8),
        facts=json.loads(files["json"]),
    )
