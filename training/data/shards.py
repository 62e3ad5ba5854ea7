"""Shards of people for training and evaluation: WebDataset tar files, one key per person.

A sample is some files with one key: ``KEY.jpg`` (an RGB picture around one person, seen by a pinhole camera that looks
at the person); ``KEY.npz`` (``joints_mm`` (J, 3) in that camera, ``joints_px`` (J, 2), both NaN where unknown,
``intrinsics`` (3, 3), ``visibility`` (J,): 0 outside the picture or unknown, 1 hidden, 2 seen, and ``box`` (4,) xyxy
px around the person); ``KEY.json`` (facts, among them ``skeleton``, the joints' names: see `find_skeleton`); perhaps
``KEY.mask.png`` (255 where the person is, else 0). The centre of the first pixel is (0, 0).

The synthetic people's shards lack box and skeleton: theirs is body_30, and the crop around their box is the picture.
"""

from __future__ import annotations

import io
import logging
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from metric_pose_ros import picture_files, plain_json
from metric_pose_ros.skeleton import BODY_30, Skeleton
from training.joint_space import find_skeleton

logger = logging.getLogger(__name__)

CROP_SCALE = 1.25
"""Side of a crop over the longer side of the person's box."""
NAMED_PROBLEMS = 10
"""How many problems are logged one by one; all of them are counted."""
SMALLEST_SIDE = 16
"""px; a smaller picture shows nobody."""

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Sample:
    """One person in one picture. J counts the joints of its skeleton.

    Attributes:
        key: unique in its shard.
        image: (H, W, 3) uint8 RGB.
        joints_mm: (J, 3) in the picture's camera; NaN where unknown, everywhere for a set with 2D labels only.
        joints_px: (J, 2) in the picture; NaN where unknown.
        intrinsics: (3, 3) of the picture's camera.
        visibility: (J,) 0 outside the picture or unknown, 1 hidden, 2 seen.
        facts: what else is known, such as ``data_set``, ``pose_kind`` and ``distance_m``.
        skeleton: of the joints.
        box: (4,) xyxy px around the person.
        mask: (H, W) uint8, 255 where the person is and 0 elsewhere; None where nobody drew one.
    """

    key: str
    image: npt.NDArray[np.uint8]
    joints_mm: Floats
    joints_px: Floats
    intrinsics: Floats
    visibility: npt.NDArray[np.uint8]
    facts: dict[str, Any]
    skeleton: Skeleton
    box: Floats
    mask: npt.NDArray[np.uint8] | None = None


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
            f"{folder} has no {split}-*.tar: make some with `python -m training synthesize --out {folder}`, or with "
            f"`python -m training convert` of a data set"
        )
    return paths


def read_samples(paths: list[Path], problems: Problems) -> Iterator[Sample]:
    """Reads every sample of the shards, in order; what is missing or broken is noted in `problems` and skipped.

    Args:
        paths: tar files.
        problems: collects what was skipped.
    """

    # Imported here, because it imports torch, which takes seconds that writers of shards need not wait.
    import webdataset

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
        sample = decode_or_note(files, f"{files.get('__key__')} in {files.get('__url__')}", problems)
        if sample is not None:
            yield sample


def decode_or_note(files: dict[str, Any], where: str, problems: Problems) -> Sample | None:
    """`decode`, but a sample that cannot be read is noted in `problems` as being at `where`, and None comes back."""
    try:
        return decode(files)
    except KeyError as error:
        problems.note("incomplete sample", f"{where} lacks {error}")
    # Whatever a corrupt file makes the decoders raise costs one sample, never the run.
    except Exception as error:
        problems.note("broken sample", f"{where}: {error}")
    return None


def decode(files: dict[str, Any]) -> Sample:
    """Makes a sample of the raw files of one key: ``jpg``, ``npz``, ``json``, perhaps ``mask.png``; and ``__key__``.

    Raises:
        KeyError: if a file or an array is missing.
        ValueError: if something has not the shape or the values it must have.
    """
    image = _picture(files["jpg"], cv2.IMREAD_COLOR)
    facts = plain_json.loads(files["json"])
    skeleton = _skeleton(facts.get("skeleton", BODY_30.name))
    arrays = _labels(files["npz"], len(skeleton))
    mask = None
    if "mask.png" in files:
        mask = _picture(files["mask.png"], cv2.IMREAD_GRAYSCALE)
        if mask.shape != image.shape[:2]:
            raise ValueError(f"the mask is {mask.shape}, but the picture is {image.shape[:2]}")
    return Sample(
        key=files["__key__"],
        image=np.ascontiguousarray(image[..., ::-1]),
        joints_mm=arrays["joints_mm"].astype(np.float32),
        joints_px=arrays["joints_px"].astype(np.float32),
        intrinsics=arrays["intrinsics"].astype(np.float32),
        visibility=arrays["visibility"].astype(np.uint8),
        facts=facts,
        skeleton=skeleton,
        box=arrays["box"].astype(np.float32) if "box" in arrays else whole_picture(image.shape[1], image.shape[0]),
        mask=mask,
    )


def whole_picture(width: int, height: int) -> Floats:
    """(4,) the square box around which the crop is the whole picture."""
    half = max(width, height) / CROP_SCALE / 2
    x, y = (width - 1) / 2, (height - 1) / 2
    return np.array([x - half, y - half, x + half, y + half], np.float32)


def _picture(content: bytes, flags: int) -> npt.NDArray[np.uint8]:
    image = picture_files.decode(content, flags)
    if min(image.shape[:2]) < SMALLEST_SIDE:
        raise ValueError(f"the picture is {image.shape[:2]} px, expected at least {SMALLEST_SIDE} each way")
    return np.asarray(image, np.uint8)


def _labels(content: bytes, joints: int) -> dict[str, npt.NDArray[Any]]:
    """The arrays of an npz file, checked."""
    shapes = {"joints_mm": (joints, 3), "joints_px": (joints, 2), "intrinsics": (3, 3), "visibility": (joints,)}
    with np.load(io.BytesIO(content), allow_pickle=False) as stored:
        if "box" in stored:
            shapes["box"] = (4,)
        arrays = {name: stored[name] for name in shapes}
    for name, shape in shapes.items():
        if arrays[name].shape != shape:
            raise ValueError(f"{name} has the shape {arrays[name].shape}, expected {shape}")
    for name in ("intrinsics", "box"):
        if name in arrays and not np.isfinite(arrays[name]).all():
            raise ValueError(f"{name} is not finite")
    for name in ("joints_mm", "joints_px"):
        if np.isinf(arrays[name]).any():
            raise ValueError(f"{name} is infinite; what is unknown must be NaN")
    if np.isnan(arrays["joints_px"][arrays["visibility"] > 0]).any():
        raise ValueError("joints_px is NaN where visibility says that the joint is in the picture")
    if np.isnan(arrays["joints_px"]).all() and np.isnan(arrays["joints_mm"]).all():
        raise ValueError("no joint has a label")
    if "box" in arrays and not (arrays["box"][2:] > arrays["box"][:2]).all():
        raise ValueError(f"the box {arrays['box'].tolist()} is empty, expected x1 < x2 and y1 < y2")
    return arrays


@lru_cache(maxsize=64)
def _skeleton(name: str) -> Skeleton:
    return find_skeleton(name)
