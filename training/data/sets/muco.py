"""MuCo-3DHP (Mehta et al. 2018): pictures of four people each, pasted together from MPI-INF-3DHP.

The set is distributed as Matlab scripts that make it of MPI-INF-3DHP. They leave the pictures in the folder
``unaugmented_set_001`` and, in ``sampled_dataset_info.mat``, which frame (subject, sequence, camera, frame) each
person is from. The labels are those of MPI-INF-3DHP. Who stands nearer hides who stands behind, and somebody mostly
hidden does not count. People belong to the split of their subject in MPI-INF-3DHP, so that nobody is trained on there
and validated with here; beside them, pictures show people of the other split as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import h5py
import numpy as np
import numpy.typing as npt

from metric_pose_ros.geometry.camera import Camera
from training.data.example import Example, Floats, box_around, inside
from training.data.sets.data_set import DataSet, Part
from training.data.sets.files import UnreadableError, first_folder, read_picture
from training.data.sets.mpi_inf_3dhp import BOX_SCALE, SUBJECTS, TEST_JOINTS, read_cameras, read_poses
from training.data.shards import Problems
from training.data.skeletons import MPI_INF_3DHP_28

PICTURES_IN_PART = 250
MOST_HIDDEN = 0.5
"""Somebody of whose joints more than this part is hidden does not count."""
PELVIS = MPI_INF_3DHP_28.names.index("pelvis")

LAYOUT = """\
  muco/sampled_dataset_info.mat
  muco/unaugmented_set_001/000001.jpg ...      (both made by the Matlab scripts of muco-3dhp.zip)
  mpi_inf_3dhp/S1/Seq1/annot.mat, camera.calibration ... S8/Seq2
  or the contents of muco and mpi_inf_3dhp together in one folder"""


@dataclass(frozen=True, eq=False)
class Person:
    """One person of one picture.

    Attributes:
        origin: (4,) subject, sequence, camera and frame of MPI-INF-3DHP.
        camera: that the person was seen by; those of one picture differ a little.
        joints_mm: (28, 3) in its frame.
        universal_mm: (28, 3) likewise.
    """

    origin: npt.NDArray[np.int64]
    camera: Camera
    joints_mm: Floats
    universal_mm: Floats


@dataclass(frozen=True, eq=False)
class Pictures:
    """Some pictures.

    Attributes:
        images: their folder.
        name: of the part.
        entries: pairs of a picture's number, from 1, and its people.
        subjects: who of them is wanted.
    """

    images: Path
    name: str
    entries: tuple[tuple[int, tuple[Person, ...]], ...]
    subjects: tuple[int, ...]

    def examples(self, problems: Problems) -> Iterator[Example]:
        """Person after person of each picture who is wanted, without those who are mostly hidden."""
        for number, people in self.entries:
            try:
                image = read_picture(self.images / f"{number:06d}.jpg")
            except UnreadableError as error:
                problems.note("picture", str(error))
                continue
            for index, hidden in enumerate(hidden_joints(people)):
                person = people[index]
                if person.origin[0] not in self.subjects:
                    continue
                joints_px = person.camera.project(person.joints_mm)
                seen = inside(joints_px, person.camera.width, person.camera.height) & ~hidden
                if seen.mean() < 1 - MOST_HIDDEN:
                    continue
                subject, sequence, camera, frame = (int(value) for value in person.origin)
                facts = {
                    "picture": number,
                    "person": index,
                    "subject": f"S{subject}",
                    "sequence": f"Seq{sequence}",
                    "camera": str(camera),
                    "frame": frame,
                }
                yield Example(
                    f"{number:06d}_{index}",
                    image,
                    person.camera,
                    MPI_INF_3DHP_28,
                    person.joints_mm,
                    box_around(joints_px[TEST_JOINTS], BOX_SCALE),
                    hidden=hidden,
                    universal_mm=person.universal_mm,
                    facts=facts,
                )


def hidden_joints(people: tuple[Person, ...]) -> list[npt.NDArray[np.bool_]]:
    """(28,) for each person: joints that lie within the outline of the joints of somebody nearer.

    Who is nearer is told by the universal poses, by which the scripts paste people over each other.
    """
    pixels = [person.camera.project(person.joints_mm) for person in people]
    depths = [person.universal_mm[PELVIS, 2] for person in people]
    hidden = []
    for points, depth in zip(pixels, depths, strict=True):
        covered = np.zeros(len(points), bool)
        for others, other_depth in zip(pixels, depths, strict=True):
            if other_depth < depth:
                outline = cv2.convexHull(others.astype(np.float32))
                covered |= [cv2.pointPolygonTest(outline, (float(x), float(y)), False) > 0 for x, y in points]
        hidden.append(covered)
    return hidden


def pictures(root: Path, split: str, problems: Problems) -> list[Part]:
    """All pictures that the scripts have made, some hundred in each part."""
    info = first_folder(root, ("muco/sampled_dataset_info.mat", "sampled_dataset_info.mat"))
    if info is None:
        raise ValueError(f"{root} has no sampled_dataset_info.mat; expected:\n{LAYOUT}")
    images = info.parent / "unaugmented_set_001"
    studio = next((root / name for name in ("mpi_inf_3dhp", ".") if (root / name / "S1").is_dir()), root)
    origins = read_origins(info)
    made = [number for number in range(1, len(origins) + 1) if (images / f"{number:06d}.jpg").is_file()]
    if len(made) < len(origins):
        problems.note("pictures", f"{images} has {len(made)} of the {len(origins)} that {info.name} tells of")
    people = _people(origins, made, studio, problems)
    subjects = SUBJECTS[split]
    entries = [
        (number, people[number])
        for number in made
        if number in people and any(person.origin[0] in subjects for person in people[number])
    ]
    parts = [entries[start : start + PICTURES_IN_PART] for start in range(0, len(entries), PICTURES_IN_PART)]
    return [Pictures(images, f"{split}_{number:04d}", tuple(part), subjects) for number, part in enumerate(parts)]


def read_origins(info: Path) -> npt.NDArray[np.int64]:
    """(N, people, 4) subject, sequence, camera and frame, of the cell array ``composite_info``.

    Raises:
        UnreadableError: if the file is broken.
    """
    try:
        with h5py.File(info) as file:
            cells = file["composite_info"]
            return np.array(
                [
                    [_numbers(file, cells[person, sample]) for person in range(len(cells))]
                    for sample in range(cells.shape[1])
                ]
            )
    except (OSError, KeyError, ValueError, TypeError, IndexError) as error:
        raise UnreadableError(f"{info} cannot be read: {error}") from error


def _numbers(file: h5py.File, reference: Any) -> npt.NDArray[np.int64]:
    """The four numbers of somebody's origin, the first of the cells within a cell; zeros if it is empty."""
    cell = file[reference]
    while cell.dtype == h5py.ref_dtype:
        cell = file[cell[()].ravel()[0]]
    numbers = np.asarray(cell[()], np.int64).ravel()
    return numbers if len(numbers) == 4 else np.zeros(4, np.int64)


def _people(
    origins: npt.NDArray[np.int64], numbers: list[int], studio: Path, problems: Problems
) -> dict[int, tuple[Person, ...]]:
    """The people of each picture; each recording is read once, for all pictures that it is in."""
    found: dict[tuple[int, int], Person] = {}
    wanted = [(number, person) for number in numbers for person in range(origins.shape[1])]
    wanted.sort(key=lambda place: tuple(origins[place[0] - 1, place[1]]))
    opened, poses, universal, camera = None, None, None, None
    for number, person in wanted:
        subject, sequence, camera_number, frame = origins[number - 1, person]
        if not subject:
            problems.note("origin", f"picture {number} does not say where person {person} is from")
            continue
        if (subject, sequence, camera_number) != opened:
            opened, poses = (subject, sequence, camera_number), None
            folder = studio / f"S{subject}" / f"Seq{sequence}"
            try:
                camera = read_cameras(folder / "camera.calibration")[camera_number]
                universal = read_poses(folder / "annot.mat", "univ_annot3", camera_number)
                poses = read_poses(folder / "annot.mat", "annot3", camera_number)
            except (UnreadableError, KeyError) as error:
                problems.note("recording", f"{folder}, camera {camera_number}: {error}")
        if poses is None or universal is None or camera is None:
            continue
        if not frame < min(len(poses), len(universal)):
            problems.note("frame", f"{folder} has no labels of frame {frame}, which picture {number} is made of")
            continue
        # Copies, so that the recordings themselves need not stay in memory.
        joints = [np.array(of[frame], np.float32) for of in (poses, universal)]
        found[number, person] = Person(origins[number - 1, person], camera, *joints)
    everyone = range(origins.shape[1])
    return {
        number: tuple(found[number, person] for person in everyone)
        for number in numbers
        if all((number, person) in found for person in everyone)
    }


DATA_SET = DataSet("muco", ("train", "validation"), LAYOUT, pictures)
