"""What a skeleton is: joint names, bones and mirror pairs; conversion between skeletons by name."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Skeleton:
    """A named set of joints.

    Attributes:
        name: what people call it, such as ``h36m_17``.
        names: (J,) joint names in output order; left and right joints start with ``left_`` and ``right_``
            (the person's own left and right).
        edges: bones as pairs of joint indices, parent first.
    """

    name: str
    names: tuple[str, ...]
    edges: tuple[tuple[int, int], ...]

    def __post_init__(self) -> None:
        if len(set(self.names)) != len(self.names):
            raise ValueError(f"skeleton {self.name!r} names a joint twice: {self.names}")
        for edge in self.edges:
            if not all(0 <= joint < len(self.names) for joint in edge):
                raise ValueError(f"skeleton {self.name!r} has bone {edge}, but only joints 0..{len(self.names) - 1}")

    @classmethod
    def from_bones(cls, name: str, names: tuple[str, ...], bones: tuple[tuple[str, str], ...]) -> Skeleton:
        """Builds a skeleton whose bones are given as (parent name, child name)."""
        index = {joint: number for number, joint in enumerate(names)}
        missing = sorted({joint for bone in bones for joint in bone} - set(index))
        if missing:
            raise ValueError(f"skeleton {name!r} has bones to joints it does not have: {missing}")
        return cls(name, names, tuple((index[parent], index[child]) for parent, child in bones))

    def __len__(self) -> int:
        return len(self.names)

    @cached_property
    def mirror(self) -> npt.NDArray[np.intp]:
        """(J,) index of the joint that each joint becomes when the image is flipped left to right."""

        def opposite(joint: str) -> str:
            if joint.startswith("left_"):
                return "right_" + joint[len("left_") :]
            if joint.startswith("right_"):
                return "left_" + joint[len("right_") :]
            return joint

        return self.indices(tuple(opposite(joint) for joint in self.names))

    @cached_property
    def root(self) -> npt.NDArray[np.intp]:
        """Joints whose middle is where the person is: the pelvis, or else the hips, or else all of them."""
        if "pelvis" in self.names:
            return self.indices(("pelvis",))
        if {"left_hip", "right_hip"} <= set(self.names):
            return self.indices(("left_hip", "right_hip"))
        return np.arange(len(self.names))

    def indices(self, names: tuple[str, ...]) -> npt.NDArray[np.intp]:
        """(len(names),) where each named joint stands in this skeleton.

        Raises:
            ValueError: if a joint is missing here; the message names it.
        """
        index = {joint: number for number, joint in enumerate(self.names)}
        missing = [joint for joint in names if joint not in index]
        if missing:
            raise ValueError(
                f"skeleton {self.name!r} has no joint {', '.join(missing)}; it has {', '.join(self.names)}"
            )
        return np.array([index[joint] for joint in names], dtype=np.intp)

    def convert(self, joints: npt.NDArray, target: Skeleton) -> npt.NDArray:
        """Picks the joints of `target`, by name.

        Args:
            joints: (..., J, D) values per joint of this skeleton (positions, stds, pixels).
            target: skeleton whose joints this one contains.

        Returns:
            (..., J_target, D).
        """
        return joints[..., self.indices(target.names), :]


SMPL_24 = Skeleton.from_bones(
    "smpl_24",
    (
        "pelvis", "left_hip", "right_hip", "spine1", "left_knee", "right_knee", "spine2", "left_ankle",
        "right_ankle", "spine3", "left_foot", "right_foot", "neck", "left_collar", "right_collar", "head",
        "left_shoulder", "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist",
        "left_hand", "right_hand",
    ),
    (
        ("pelvis", "left_hip"), ("pelvis", "right_hip"), ("pelvis", "spine1"), ("left_hip", "left_knee"),
        ("right_hip", "right_knee"), ("spine1", "spine2"), ("left_knee", "left_ankle"), ("right_knee", "right_ankle"),
        ("spine2", "spine3"), ("left_ankle", "left_foot"), ("right_ankle", "right_foot"), ("spine3", "neck"),
        ("spine3", "left_collar"), ("spine3", "right_collar"), ("neck", "head"), ("left_collar", "left_shoulder"),
        ("right_collar", "right_shoulder"), ("left_shoulder", "left_elbow"), ("right_shoulder", "right_elbow"),
        ("left_elbow", "left_wrist"), ("right_elbow", "right_wrist"), ("left_wrist", "left_hand"),
        ("right_wrist", "right_hand"),
    ),
)  # fmt: skip
"""The 24 joints of SMPL, in its order."""

H36M_17 = Skeleton.from_bones(
    "h36m_17",
    (
        "pelvis", "right_hip", "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle", "spine2", "neck",
        "nose", "head_top", "left_shoulder", "left_elbow", "left_wrist", "right_shoulder", "right_elbow", "right_wrist",
    ),
    (
        ("pelvis", "right_hip"), ("right_hip", "right_knee"), ("right_knee", "right_ankle"), ("pelvis", "left_hip"),
        ("left_hip", "left_knee"), ("left_knee", "left_ankle"), ("pelvis", "spine2"), ("spine2", "neck"),
        ("neck", "nose"), ("nose", "head_top"), ("neck", "left_shoulder"), ("left_shoulder", "left_elbow"),
        ("left_elbow", "left_wrist"), ("neck", "right_shoulder"), ("right_shoulder", "right_elbow"),
        ("right_elbow", "right_wrist"),
    ),
)  # fmt: skip
"""The 17 joints of the Human3.6M protocol, in its order; its "torso" joint goes by SMPL's name, spine2."""

COCO_17 = Skeleton.from_bones(
    "coco_17",
    (
        "nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder", "right_shoulder", "left_elbow",
        "right_elbow", "left_wrist", "right_wrist", "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle",
        "right_ankle",
    ),
    (
        ("nose", "left_eye"), ("nose", "right_eye"), ("left_eye", "left_ear"), ("right_eye", "right_ear"),
        ("left_ear", "left_shoulder"), ("right_ear", "right_shoulder"),
        ("left_shoulder", "right_shoulder"), ("left_shoulder", "left_elbow"), ("left_elbow", "left_wrist"),
        ("right_shoulder", "right_elbow"), ("right_elbow", "right_wrist"), ("left_shoulder", "left_hip"),
        ("right_shoulder", "right_hip"), ("left_hip", "right_hip"), ("left_hip", "left_knee"),
        ("left_knee", "left_ankle"), ("right_hip", "right_knee"), ("right_knee", "right_ankle"),
    ),
)  # fmt: skip
"""The 17 keypoints of COCO, in its order."""

BODY_30 = Skeleton.from_bones(
    "body_30",
    (*SMPL_24.names, "nose", "head_top", "left_eye", "right_eye", "left_ear", "right_ear"),
    (
        *((SMPL_24.names[parent], SMPL_24.names[child]) for parent, child in SMPL_24.edges),
        ("head", "nose"), ("head", "head_top"), ("nose", "left_eye"), ("nose", "right_eye"),
        ("left_eye", "left_ear"), ("right_eye", "right_ear"),
    ),
)  # fmt: skip
"""What our own models put out: SMPL's 24 joints and points of the head, so that the three above are subsets."""

SKELETONS = {skeleton.name: skeleton for skeleton in (SMPL_24, H36M_17, COCO_17, BODY_30)}
