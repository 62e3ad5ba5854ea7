import numpy as np
import pytest

from metric_pose_ros.skeleton import BODY_30, COCO_17, H36M_17, SKELETONS, SMPL_24, Skeleton


@pytest.mark.parametrize("skeleton", SKELETONS.values(), ids=SKELETONS)
def test_a_skeleton_has_as_many_joints_as_its_name_says_and_hangs_together(skeleton):
    assert len(skeleton) == int(skeleton.name.rsplit("_", 1)[1])
    reached = {0}
    for _ in skeleton.edges:
        reached |= {joint for edge in skeleton.edges if reached & set(edge) for joint in edge}
    assert reached == set(range(len(skeleton)))


@pytest.mark.parametrize("skeleton", SKELETONS.values(), ids=SKELETONS)
def test_mirroring_swaps_left_and_right_and_twice_is_nothing(skeleton):
    mirrored = [skeleton.names[joint] for joint in skeleton.mirror]
    swapped = [
        name.replace("left_", "#").replace("right_", "left_").replace("#", "right_") if "_" in name else name
        for name in skeleton.names
    ]
    assert mirrored == swapped
    assert skeleton.mirror[skeleton.mirror].tolist() == list(range(len(skeleton)))


@pytest.mark.parametrize("target", [SMPL_24, H36M_17, COCO_17], ids=lambda target: target.name)
def test_our_models_contain_every_standard_skeleton(target):
    joints = np.arange(2 * len(BODY_30) * 3, dtype=float).reshape(2, len(BODY_30), 3)
    converted = BODY_30.convert(joints, target)
    assert converted.shape == (2, len(target), 3)
    for position, name in enumerate(target.names):
        assert np.array_equal(converted[:, position], joints[:, BODY_30.names.index(name)])


def test_the_root_is_the_pelvis_or_else_the_hips_or_else_the_middle():
    assert SMPL_24.root.tolist() == [0]
    assert COCO_17.root.tolist() == [11, 12]
    assert Skeleton("hands", ("left_hand", "right_hand"), ()).root.tolist() == [0, 1]


def test_a_joint_that_is_not_there_is_named():
    with pytest.raises(ValueError, match="'smpl_24' has no joint nose; it has pelvis"):
        SMPL_24.indices(("pelvis", "nose"))


def test_a_skeleton_that_cannot_be_is_refused():
    with pytest.raises(ValueError, match="names a joint twice"):
        Skeleton("odd", ("a", "a"), ())
    with pytest.raises(ValueError, match=r"bone \(0, 2\)"):
        Skeleton("odd", ("a", "b"), ((0, 2),))
    with pytest.raises(ValueError, match=r"joints it does not have: \['c'\]"):
        Skeleton.from_bones("odd", ("a", "b"), (("a", "c"),))
