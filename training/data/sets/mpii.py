"""MPII Human Pose (Andriluka et al. 2014): pictures of everyday life with 2D joints.

Everyone in the training pictures with at least six joints counts; the test pictures' labels are not given out. The box
is the one that the set's users agree on: 200 px times the person's scale, a little below the given centre.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from training.data.example import Example, Floats, camera_without_calibration
from training.data.sets.data_set import DataSet, Part
from training.data.sets.files import UnreadableError, first_folder, read_matlab, read_picture
from training.data.shards import Problems
from training.data.skeletons import MPII_16

FEWEST_JOINTS = 6
PICTURES_IN_PART = 250
PX_PER_SCALE = 200.0
LOWER_BY = 0.075
"""The centre is lowered by this part of the box."""
ANNOTATIONS = ("mpii_human_pose_v1_u12_1.mat", "mpii_human_pose_v1_u12_2/mpii_human_pose_v1_u12_1.mat")

LAYOUT = """\
  mpii_human_pose_v1_u12_1.mat, or mpii_human_pose_v1_u12_2/mpii_human_pose_v1_u12_1.mat
  images/000001163.jpg ..."""


@dataclass(frozen=True, eq=False)
class Labelled:
    """One person of one picture.

    Attributes:
        picture: file name.
        person: number in the picture, from 0.
        joints_px: (16, 2), NaN where unknown.
        hidden: (16,).
        box: (4,) xyxy px.
    """

    picture: str
    person: int
    joints_px: Floats
    hidden: npt.NDArray[np.bool_]
    box: Floats


@dataclass(frozen=True, eq=False)
class Pictures:
    """Some pictures.

    Attributes:
        images: their folder.
        name: of the part.
        people: in them; those of one picture one after the other.
    """

    images: Path
    name: str
    people: tuple[Labelled, ...]

    def examples(self, problems: Problems) -> Iterator[Example]:
        """Person after person."""
        opened, image = "", None
        for person in self.people:
            if person.picture != opened:
                opened, image = person.picture, None
                try:
                    image = read_picture(self.images / person.picture)
                except UnreadableError as error:
                    problems.note("picture", str(error))
            if image is None:
                continue
            yield Example(
                f"{Path(person.picture).stem}_{person.person}",
                image,
                camera_without_calibration(image),
                MPII_16,
                np.full((len(MPII_16), 3), np.nan),
                person.box,
                joints_px=person.joints_px,
                hidden=person.hidden,
                facts={"picture": person.picture, "person": person.person},
            )


def pictures(root: Path, split: str, problems: Problems) -> list[Part]:
    """All training pictures with labels, some hundred in each part."""
    path = first_folder(root, ANNOTATIONS)
    if path is None:
        raise ValueError(f"{root} has no {ANNOTATIONS[0]}; expected:\n{LAYOUT}")
    release = read_matlab(path, "RELEASE")
    by_picture = []
    for index, (annotated, training) in enumerate(
        zip(np.atleast_1d(release.annolist), np.atleast_1d(release.img_train), strict=True)
    ):
        if training:
            by_picture.append(_people(annotated, index, problems))
    by_picture = [people for people in by_picture if people]
    parts: list[Part] = []
    for start in range(0, len(by_picture), PICTURES_IN_PART):
        chunk = by_picture[start : start + PICTURES_IN_PART]
        people = tuple(person for people in chunk for person in people)
        parts.append(Pictures(root / "images", f"{split}_{start // PICTURES_IN_PART:04d}", people))
    return parts


def _people(annotated: Any, index: int, problems: Problems) -> list[Labelled]:
    """The people of one entry of ``annolist``; those without joints, scale or position do not count."""
    try:
        name = str(annotated.image.name)
        found = [
            _labelled(name, number, person)
            for number, person in enumerate(np.atleast_1d(annotated.annorect))
            if _has(person, "annopoints") and _has(person.annopoints, "point") and _has(person, "scale")
            and _has(person, "objpos")
        ]  # fmt: skip
    except (AttributeError, TypeError, ValueError, IndexError) as error:
        problems.note("annotation", f"annolist({index + 1}): {error}")
        return []
    return [person for person in found if np.isfinite(person.joints_px).all(axis=1).sum() >= FEWEST_JOINTS]


def _has(struct: Any, name: str) -> bool:
    """Whether a Matlab struct has a field that is not empty."""
    value = getattr(struct, name, None)
    return value is not None and not (isinstance(value, np.ndarray) and value.size == 0)


def _labelled(picture: str, number: int, person: Any) -> Labelled:
    joints_px = np.full((len(MPII_16), 2), np.nan)
    hidden = np.zeros(len(MPII_16), bool)
    for point in np.atleast_1d(person.annopoints.point):
        # Matlab counts pixels from 1.
        joints_px[int(point.id)] = float(point.x) - 1, float(point.y) - 1
        # The head's points have no such mark, others an empty one.
        if _has(point, "is_visible"):
            hidden[int(point.id)] = int(point.is_visible) == 0
    size = float(person.scale) * PX_PER_SCALE
    centre = np.array([float(person.objpos.x) - 1, float(person.objpos.y) - 1 + LOWER_BY * size])
    return Labelled(picture, number, joints_px, hidden, np.concatenate([centre - size / 2, centre + size / 2]))


DATA_SET = DataSet("mpii", ("train",), LAYOUT, pictures)
