"""The data sets' skeletons: orders of their files, and names that match ours only where the joint does."""

from __future__ import annotations

import numpy as np
import pytest

from metric_pose_ros.skeleton import BODY_30, COCO_17, SKELETONS, Skeleton
from training.data.skeletons import DATA_SET_SKELETONS, MPI_INF_3DHP_17, MPI_INF_3DHP_28, MPII_16, MUPOTS_17
from training.joint_space import JointSpace, find_skeleton


@pytest.mark.parametrize("skeleton", DATA_SET_SKELETONS.values(), ids=DATA_SET_SKELETONS)
def test_every_joint_has_a_mirror_image_and_hangs_together_with_the_others(skeleton: Skeleton) -> None:
    np.testing.assert_array_equal(skeleton.mirror[skeleton.mirror], np.arange(len(skeleton)))
    assert len(skeleton.edges) == len(skeleton) - 1
    reached = {skeleton.names.index("pelvis")}
    for _ in skeleton.edges:
        reached |= {child for parent, child in skeleton.edges if parent in reached}
    assert len(reached) == len(skeleton)


def test_names_are_unique_among_all_skeletons() -> None:
    assert not set(SKELETONS) & set(DATA_SET_SKELETONS)
    assert all(find_skeleton(name) is skeleton for name, skeleton in DATA_SET_SKELETONS.items())


def test_the_protocols_joints_stand_where_the_protocols_say() -> None:
    for skeleton in (MPI_INF_3DHP_17, MUPOTS_17):
        assert skeleton.names.index("pelvis") == 14
        assert not {"pelvis", "spine_1", "head"} & set(skeleton.names[:14])  # PCK's fourteen
    # Of the 28 joints, the seventeen that MPI-INF-3DHP's tools call relevant, counted from 1.
    relevant = [8, 6, 15, 16, 17, 10, 11, 12, 24, 25, 26, 19, 20, 21, 5, 4, 7]
    np.testing.assert_array_equal(MPI_INF_3DHP_28.indices(MPI_INF_3DHP_17.names) + 1, relevant)


def test_limbs_match_our_joints_and_other_spines_do_not() -> None:
    limbs = {
        f"{side}_{joint}"
        for side in ("left", "right")
        for joint in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
    }
    for skeleton in (MPI_INF_3DHP_28, MPI_INF_3DHP_17, MPII_16, COCO_17):
        theirs, ours = JointSpace((BODY_30,)).places(skeleton)
        matched = {skeleton.names[joint] for joint in theirs}
        assert limbs <= matched
        assert [skeleton.names[joint] for joint in theirs] == [BODY_30.names[joint] for joint in ours]
        assert not matched & {"spine1", "spine2", "spine3"}
