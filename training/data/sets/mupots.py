"""MuPoTS-3D (Mehta et al. 2018), the test set of several people: whole frames with everyone's labels.

The cameras' intrinsics do not come with the set; they follow from the 2D and 3D labels by least squares.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from training.data.example import Floats, FrameExample
from training.data.sets.data_set import DataSet, Part
from training.data.sets.files import UnreadableError, first_folder, read_matlab, read_picture
from training.data.shards import Problems
from training.data.skeletons import MUPOTS_17

SEQUENCES = tuple(f"TS{number}" for number in range(1, 21))

LAYOUT = """\
  MultiPersonTestSet/TS1/annot.mat, occlusion.mat, img_000000.jpg ... TS20, or TS1 ... TS20 right in the folder"""


@dataclass(frozen=True)
class Sequence:
    """One video, as pictures.

    Attributes:
        folder: with annot.mat, occlusion.mat and the pictures.
        name: TS1 to TS20.
    """

    folder: Path
    name: str

    def examples(self, problems: Problems) -> Iterator[FrameExample]:
        """Every frame in which somebody's labels count."""
        try:
            people = read_people(self.folder / "annot.mat", self.folder / "occlusion.mat")
            K = intrinsics(people.joints_px[people.valid], people.joints_mm[people.valid])
        except ValueError as error:
            problems.note("sequence", str(error))
            return
        for frame in np.flatnonzero(people.valid.any(axis=1)):
            try:
                image = read_picture(self.folder / f"img_{frame:06d}.jpg")
            except UnreadableError as error:
                problems.note("picture", str(error))
                continue
            yield FrameExample(
                key=f"{self.name}_{frame:06d}",
                image=image,
                intrinsics=K,
                skeleton=MUPOTS_17,
                joints_mm=people.joints_mm[frame],
                joints_px=people.joints_px[frame],
                universal_mm=people.universal_mm[frame],
                hidden=people.hidden[frame],
                valid=people.valid[frame],
                facts={"sequence": self.name, "frame": int(frame)},
            )


@dataclass(frozen=True, eq=False)
class People:
    """The labels of a sequence of F frames with P people each.

    Attributes:
        joints_px: (F, P, 17, 2).
        joints_mm: (F, P, 17, 3) in the camera's frame.
        universal_mm: (F, P, 17, 3).
        hidden: (F, P, 17).
        valid: (F, P).
    """

    joints_px: Floats
    joints_mm: Floats
    universal_mm: Floats
    hidden: npt.NDArray[np.bool_]
    valid: npt.NDArray[np.bool_]


def read_people(annotations: Path, occlusion: Path) -> People:
    """Reads annot.mat (a cell for each frame and person) and occlusion.mat.

    Raises:
        UnreadableError: if a file is missing or broken.
    """
    cells = read_matlab(annotations, "annotations")
    labels = read_matlab(occlusion, "occlusion_labels")
    try:
        cells = cells.reshape(len(cells), -1)
        hidden = np.stack([np.stack([np.asarray(one).ravel() for one in row]) for row in labels.reshape(cells.shape)])
        return People(
            joints_px=_stacked(cells, "annot2").swapaxes(2, 3),
            joints_mm=_stacked(cells, "annot3").swapaxes(2, 3),
            universal_mm=_stacked(cells, "univ_annot3").swapaxes(2, 3),
            hidden=hidden > 0,
            valid=_stacked(cells, "isValidFrame") > 0,
        )
    except (AttributeError, TypeError, ValueError) as error:
        raise UnreadableError(f"{annotations} or {occlusion} makes no sense: {error}") from error


def _stacked(cells: npt.NDArray[Any], name: str) -> Floats:
    """(F, P, ...) of a field of all cells; annot2 and annot3 have one column for each joint."""
    return np.array([[getattr(cell, name) for cell in row] for row in cells], float)


def intrinsics(joints_px: Floats, joints_mm: Floats) -> Floats:
    """(3, 3) that puts (..., 3) mm nearest to (..., 2) px: each axis of the picture is a line fitted to x/z or y/z.

    Raises:
        ValueError: if there is too little to go by.
    """
    plane = (joints_mm[..., :2] / joints_mm[..., 2:]).reshape(-1, 2)
    px = joints_px.reshape(-1, 2)
    if len(px) < 3:
        raise UnreadableError("no frame is valid, so that nothing tells the camera's intrinsics")
    (fx, cx), (fy, cy) = (np.polyfit(plane[:, axis], px[:, axis], 1) for axis in (0, 1))
    if fx <= 0 or fy <= 0:
        raise UnreadableError(f"2D and 3D labels do not fit: focal lengths of {fx:.0f} and {fy:.0f} px")
    return np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1]])


def sequences(root: Path, split: str, problems: Problems) -> list[Part]:
    """The twenty sequences of the test set."""
    folder = first_folder(root, tuple(f"{start}{name}" for start in ("MultiPersonTestSet/", "") for name in SEQUENCES))
    if folder is None:
        problems.note(f"{split} set", f"{root} has no folder TS1")
        return []
    return [Sequence(folder.parent / name, name) for name in SEQUENCES]


DATA_SET = DataSet("mupots", ("test",), LAYOUT, sequences)
