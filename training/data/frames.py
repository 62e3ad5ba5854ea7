"""Frame shards: whole pictures of several people, for protocols that count who was found (MuPoTS-3D).

A sample is ``KEY.jpg`` (the picture, without distortion), ``KEY.npz`` (``intrinsics`` (3, 3); of P people
``joints_mm`` (P, J, 3) in the camera's frame, ``universal_mm`` (P, J, 3), ``joints_px`` (P, J, 2), ``visibility``
(P, J): 0 outside, 1 hidden, 2 seen, and ``valid`` (P,): whose labels count) and ``KEY.json`` (facts, among them
``skeleton``).
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from metric_pose_ros import picture_files, plain_json
from metric_pose_ros.skeleton import Skeleton
from training.data.shards import Problems
from training.joint_space import find_skeleton

Floats = npt.NDArray[np.floating]


@dataclass(frozen=True, eq=False)
class Frame:
    """One picture and the P people in it, each with the J joints of the skeleton.

    Attributes:
        key: unique in its data set.
        image: (H, W, 3) uint8 RGB.
        intrinsics: (3, 3) px.
        joints_mm: (P, J, 3) in the camera's frame.
        universal_mm: (P, J, 3) as people of standard size would stand there.
        joints_px: (P, J, 2).
        visibility: (P, J) 0 outside the picture or unknown, 1 hidden, 2 seen.
        valid: (P,) whose labels count.
        skeleton: of the joints.
        facts: among them ``sequence`` and ``frame``.
    """

    key: str
    image: npt.NDArray[np.uint8]
    intrinsics: Floats
    joints_mm: Floats
    universal_mm: Floats
    joints_px: Floats
    visibility: npt.NDArray[np.uint8]
    valid: npt.NDArray[np.bool_]
    skeleton: Skeleton
    facts: dict[str, Any]


def read_frames(paths: list[Path], problems: Problems) -> Iterator[Frame]:
    """Reads every frame of the shards, in order; what is missing or broken is noted in `problems` and skipped."""

    # Imported here, because it imports torch, which takes seconds that writers of shards need not wait.
    import webdataset

    def skip_and_note(error: Exception) -> bool:
        problems.note("broken shard", f"{type(error).__name__}: {error}")
        return True

    readable = [str(path) for path in paths if path.is_file()]
    for path in paths:
        if not path.is_file():
            problems.note("missing shard", str(path))
    if not readable:
        return
    for files in webdataset.WebDataset(readable, shardshuffle=False, handler=skip_and_note, empty_check=False):
        where = f"{files.get('__key__')} in {files.get('__url__')}"
        try:
            yield decode(files)
        except KeyError as error:
            problems.note("incomplete frame", f"{where} lacks {error}")
        # Whatever a corrupt file makes the decoders raise costs one frame, never the run.
        except Exception as error:
            problems.note("broken frame", f"{where}: {error}")


def decode(files: dict[str, Any]) -> Frame:
    """Makes a frame of the raw files of one key: ``jpg``, ``npz``, ``json``; and ``__key__``.

    Raises:
        KeyError: if a file or an array is missing.
        ValueError: if something has not the shape it must have.
    """
    image = picture_files.decode(files["jpg"], cv2.IMREAD_COLOR)
    facts = plain_json.loads(files["json"])
    skeleton = find_skeleton(facts["skeleton"])
    with np.load(io.BytesIO(files["npz"]), allow_pickle=False) as stored:
        people, joints = len(stored["valid"]), len(skeleton)
        shapes = {
            "intrinsics": (3, 3),
            "joints_mm": (people, joints, 3),
            "universal_mm": (people, joints, 3),
            "joints_px": (people, joints, 2),
            "visibility": (people, joints),
            "valid": (people,),
        }
        arrays = {name: stored[name] for name in shapes}
    for name, shape in shapes.items():
        if arrays[name].shape != shape:
            raise ValueError(f"{name} has the shape {arrays[name].shape}, expected {shape}")
    picture = np.ascontiguousarray(image[..., ::-1]).astype(np.uint8)
    return Frame(files["__key__"], picture, skeleton=skeleton, facts=facts, **arrays)
