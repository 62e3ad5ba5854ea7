"""3DPW (von Marcard et al. 2018): a moving camera outdoors; sequenceFiles/*.pkl and imageFiles.

A person's frame counts if its camera pose is valid (``campose_valid``) and its 2D pose is not all zero. Training takes
frames in which a joint moved by 100 mm, validation and test every frame that counts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from metric_pose_ros.geometry.camera import Camera
from metric_pose_ros.skeleton import SMPL_24
from training.data.example import Example, Floats, box_around
from training.data.sets.data_set import DataSet, Part
from training.data.sets.files import UnreadableError, read_picture
from training.data.sets.sampling import MovementFilter
from training.data.shards import Problems
from training.safe_pickle import load_pickle

BOX_SCALE = 1.15
"""Around the joints, which end before the body does."""
KEYS = ("sequence", "cam_intrinsics", "cam_poses", "jointPositions", "poses2d", "campose_valid")

LAYOUT = """\
  sequenceFiles/train/*.pkl, sequenceFiles/validation/*.pkl, sequenceFiles/test/*.pkl
  imageFiles/courtyard_arguing_00/image_00000.jpg ..."""


@dataclass(frozen=True)
class Sequence:
    """One sequence with everyone in it.

    Attributes:
        root: of the data set.
        split: folder of the file.
        name: of the file, without ending.
    """

    root: Path
    split: str
    name: str

    def examples(self, problems: Problems) -> Iterator[Example]:
        """Person after person in each frame that counts."""
        path = self.root / "sequenceFiles" / self.split / f"{self.name}.pkl"
        try:
            said = load_pickle(path)
            missing = [key for key in KEYS if key not in said]
            if missing:
                raise ValueError(f"it lacks {', '.join(missing)}")
            K = np.asarray(said["cam_intrinsics"], float).reshape(3, 3)
            to_camera = np.asarray(said["cam_poses"], float).reshape(-1, 4, 4)
            people = [_Person.read(said, number) for number in range(len(said["jointPositions"]))]
        except (OSError, ValueError, TypeError, IndexError) as error:
            problems.note("sequence", f"{path} cannot be read: {error}")
            return
        yield from self._examples(str(said["sequence"]), K, to_camera, people, problems)

    def _examples(
        self, sequence: str, K: Floats, to_camera: Floats, people: list[_Person], problems: Problems
    ) -> Iterator[Example]:
        new = [MovementFilter() for _ in people]
        for frame, pose in enumerate(to_camera):
            counting = [
                number
                for number, person in enumerate(people)
                if person.counts(frame) and (self.split != "train" or new[number].takes(person.world_mm[frame]))
            ]
            if not counting:
                continue
            try:
                image = read_picture(self.root / "imageFiles" / sequence / f"image_{frame:05d}.jpg")
            except UnreadableError as error:
                problems.note("picture", str(error))
                continue
            camera = Camera(K, np.zeros(0), "pinhole", image.shape[1], image.shape[0])
            for number in counting:
                joints_mm = people[number].world_mm[frame] @ pose[:3, :3].T + pose[:3, 3] * 1000
                box = box_around(camera.project(joints_mm), BOX_SCALE)
                facts = {"sequence": sequence, "frame": frame, "person": number}
                key = f"{self.name}_{frame:05d}_{number}"
                yield Example(key, image, camera, SMPL_24, joints_mm, box, facts=facts)


@dataclass(frozen=True, eq=False)
class _Person:
    """One person's N frames.

    Attributes:
        world_mm: (N, 24, 3).
        poses2d: (N, 3, 18) x, y and score of OpenPose.
        valid: (N,) whether the camera's pose fits this person's picture.
    """

    world_mm: Floats
    poses2d: Floats
    valid: Floats

    @classmethod
    def read(cls, said: dict[str, Any], number: int) -> _Person:
        """Of a sequence's file.

        Raises:
            ValueError: if the arrays have not the shapes they must have.
        """
        world_mm = np.asarray(said["jointPositions"][number], float).reshape(-1, len(SMPL_24), 3) * 1000
        poses2d = np.asarray(said["poses2d"][number], float).reshape(len(world_mm), -1)
        valid = np.asarray(said["campose_valid"][number], float).reshape(len(world_mm))
        return cls(world_mm, poses2d, valid)

    def counts(self, frame: int) -> bool:
        """Whether the labels of a frame may be used."""
        return frame < len(self.valid) and bool(self.valid[frame]) and bool(self.poses2d[frame].any())


def sequences(root: Path, split: str, problems: Problems) -> list[Part]:
    """All sequences of a split."""
    paths = sorted((root / "sequenceFiles" / split).glob("*.pkl"))
    if not paths:
        problems.note("split", f"{root / 'sequenceFiles' / split} has no *.pkl")
    return [Sequence(root, split, path.stem) for path in paths]


DATA_SET = DataSet("3dpw", ("train", "validation", "test"), LAYOUT, sequences)
