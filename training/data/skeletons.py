"""Skeletons that only data sets have, in the order of their files.

A joint has one of our own names (`metric_pose_ros.skeleton`) where it is the same point of the body to a few
centimetres, because joints of different skeletons are matched by name. Where a data set means something else it has a
name of its own: MPI-INF-3DHP's spine is divided otherwise than SMPL's, MPII's thorax and upper neck are marked on the
skin. Human3.6M, COCO and 3DPW speak ``h36m_17``, ``coco_17`` and ``smpl_24``; MuCo-3DHP speaks ``mpi_inf_3dhp_28``.
"""

from __future__ import annotations

from metric_pose_ros.skeleton import Skeleton

MPI_INF_3DHP_28 = Skeleton.from_bones(
    "mpi_inf_3dhp_28",
    (
        "spine_3", "spine_4", "spine_2", "spine_1", "pelvis", "neck", "head", "head_top", "left_collar",
        "left_shoulder", "left_elbow", "left_wrist", "left_hand", "right_collar", "right_shoulder", "right_elbow",
        "right_wrist", "right_hand", "left_hip", "left_knee", "left_ankle", "left_foot", "left_toe", "right_hip",
        "right_knee", "right_ankle", "right_foot", "right_toe",
    ),
    (
        ("pelvis", "spine_1"), ("spine_1", "spine_2"), ("spine_2", "spine_3"), ("spine_3", "spine_4"),
        ("spine_4", "neck"), ("neck", "head"), ("head", "head_top"), ("spine_4", "left_collar"),
        ("left_collar", "left_shoulder"), ("left_shoulder", "left_elbow"), ("left_elbow", "left_wrist"),
        ("left_wrist", "left_hand"), ("spine_4", "right_collar"), ("right_collar", "right_shoulder"),
        ("right_shoulder", "right_elbow"), ("right_elbow", "right_wrist"), ("right_wrist", "right_hand"),
        ("pelvis", "left_hip"), ("left_hip", "left_knee"), ("left_knee", "left_ankle"), ("left_ankle", "left_foot"),
        ("left_foot", "left_toe"), ("pelvis", "right_hip"), ("right_hip", "right_knee"),
        ("right_knee", "right_ankle"), ("right_ankle", "right_foot"), ("right_foot", "right_toe"),
    ),
)  # fmt: skip
"""The 28 joints of MPI-INF-3DHP's training set and of MuCo-3DHP, which is made of it. ``spine_1`` is the lowest."""

_TEST_NAMES = (
    "head_top", "neck", "right_shoulder", "right_elbow", "right_wrist", "left_shoulder", "left_elbow", "left_wrist",
    "right_hip", "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle", "pelvis", "spine_1", "head",
)  # fmt: skip
_TEST_BONES = (
    ("pelvis", "spine_1"), ("spine_1", "neck"), ("neck", "head"), ("head", "head_top"), ("neck", "right_shoulder"),
    ("right_shoulder", "right_elbow"), ("right_elbow", "right_wrist"), ("neck", "left_shoulder"),
    ("left_shoulder", "left_elbow"), ("left_elbow", "left_wrist"), ("pelvis", "right_hip"),
    ("right_hip", "right_knee"), ("right_knee", "right_ankle"), ("pelvis", "left_hip"), ("left_hip", "left_knee"),
    ("left_knee", "left_ankle"),
)  # fmt: skip

MPI_INF_3DHP_17 = Skeleton.from_bones("mpi_inf_3dhp_17", _TEST_NAMES, _TEST_BONES)
"""The 17 joints of MPI-INF-3DHP's test set, in its order: the root is joint 14, and PCK takes the first 14."""

MUPOTS_17 = Skeleton.from_bones("mupots_17", _TEST_NAMES, _TEST_BONES)
"""The same joints, in the same order, as MuPoTS-3D has them."""

MPII_16 = Skeleton.from_bones(
    "mpii_16",
    (
        "right_ankle", "right_knee", "right_hip", "left_hip", "left_knee", "left_ankle", "pelvis", "thorax",
        "upper_neck", "head_top", "right_wrist", "right_elbow", "right_shoulder", "left_shoulder", "left_elbow",
        "left_wrist",
    ),
    (
        ("pelvis", "right_hip"), ("right_hip", "right_knee"), ("right_knee", "right_ankle"), ("pelvis", "left_hip"),
        ("left_hip", "left_knee"), ("left_knee", "left_ankle"), ("pelvis", "thorax"), ("thorax", "upper_neck"),
        ("upper_neck", "head_top"), ("thorax", "right_shoulder"), ("right_shoulder", "right_elbow"),
        ("right_elbow", "right_wrist"), ("thorax", "left_shoulder"), ("left_shoulder", "left_elbow"),
        ("left_elbow", "left_wrist"),
    ),
)  # fmt: skip
"""The 16 joints of MPII Human Pose, in the order of their ids."""

DATA_SET_SKELETONS: dict[str, Skeleton] = {
    skeleton.name: skeleton for skeleton in (MPI_INF_3DHP_28, MPI_INF_3DHP_17, MUPOTS_17, MPII_16)
}
"""By name; beside those of `metric_pose_ros.skeleton`."""
