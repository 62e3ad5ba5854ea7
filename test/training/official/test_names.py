"""The authors' joint names in our words."""

from __future__ import annotations

import pytest

from metric_pose_ros.skeleton import BODY_30, H36M_17
from training.data.skeletons import MPI_INF_3DHP_17, MPI_INF_3DHP_28
from training.networks.official_names import our_names, our_skeleton

H36M = "pelv,rhip,rkne,rank,lhip,lkne,lank,spin,neck,head,htop,lsho,lelb,lwri,rsho,relb,rwri"
MPI_17 = "htop,neck,rsho,relb,rwri,lsho,lelb,lwri,rhip,rkne,rank,lhip,lkne,lank,pelv,spin,head"
MPI_28 = (
    "thor,spi4,spi2,spin,pelv,neck,head,htop,lcla,lsho,lelb,lwri,lhan,rcla,rsho,relb,rwri,rhan,lhip,lkne,lank,lfoo,ltoe,"
    "rhip,rkne,rank,rfoo,rtoe"
)
FACE = ("htop_mpi_inf_3dhp", "lear_coco", "leye_coco", "nose_coco", "rear_coco", "reye_coco")
SMPL = (
    "pelv,lhip,rhip,bell,lkne,rkne,spin,lank,rank,thor,ltoe,rtoe,neck,lcla,rcla,head,lsho,rsho,lelb,relb,lwri,rwri,"
    "lhan,rhan"
)


@pytest.mark.parametrize(
    ("name", "theirs", "ours"),
    [
        ("h36m_17", H36M, H36M_17),
        ("mpi_inf_3dhp_17", MPI_17, MPI_INF_3DHP_17),
        ("mpi_inf_3dhp_28", MPI_28, MPI_INF_3DHP_28),
    ],
)
def test_skeletons_that_we_know_are_ours(name: str, theirs: str, ours: object) -> None:
    assert our_skeleton(name, theirs.split(","), []) is ours


def test_a_known_name_with_other_joints_is_not_taken_for_ours() -> None:
    skeleton = our_skeleton("h36m_17", H36M.split(",")[::-1], [(0, 1)])
    assert skeleton.names[0] == "right_wrist"
    assert skeleton.edges == ((0, 1),)


def test_smpl_with_a_face_has_the_joints_of_our_own_models() -> None:
    skeleton = our_skeleton("smpl+head_30", [f"{joint}_smpl" for joint in SMPL.split(",")] + list(FACE), [])
    assert set(skeleton.names) == set(BODY_30.names)
    assert skeleton.names[skeleton.mirror[skeleton.names.index("left_ear")]] == "right_ear"


def test_the_same_letters_mean_different_points_in_different_data_sets() -> None:
    assert our_names(["head_h36m", "head_smpl", "spin_h36m", "spin_smpl", "spin_3dhp", "spin_gpa"]) == (
        "nose_h36m", "head_smpl", "spine2_h36m", "spine2_smpl", "spine_1_3dhp", "spine_gpa",
    )  # fmt: skip


def test_the_data_set_is_left_out_only_where_names_stay_unique() -> None:
    assert our_names(["lhip_coco", "rhip_coco", "neck_h36m"]) == ("left_hip", "right_hip", "neck")
    assert our_names(["neck", "neck_h36m"]) == ("neck", "neck_h36m")


def test_sides_are_told_by_pairs() -> None:
    assert our_names(["lto2", "rto2", "lower", "rindex1", "lindex1"]) == (
        "left_to2", "right_to2", "lower", "right_index1", "left_index1",
    )  # fmt: skip


def test_names_that_would_be_one_in_our_words_stay_theirs() -> None:
    assert our_names(["bell", "spi1"], "smpl") == ("bell", "spi1")
