"""What is dropped: broken bones, unsure poses, poses beside their box, the same person twice."""

import numpy as np
import pytest

from metric_pose_ros.plausibility import (
    TYPICAL_BONES_M,
    bones_are_possible,
    enough_is_certain,
    enough_is_in_view,
    fills_its_box,
    is_placed,
    spans_the_body,
    without_duplicates,
)
from metric_pose_ros.skeleton import BODY_30, SKELETONS, Skeleton
from test.fake_models import STANDING_MM

STANDING = STANDING_MM.astype(float) / 1000


@pytest.mark.parametrize("height", [0.6, 1.0, 1.2])
def test_children_and_giants_have_possible_bones(height):
    assert bones_are_possible(STANDING * height, BODY_30)


def test_an_arm_of_two_metres_is_impossible():
    joints = STANDING.copy()
    joints[BODY_30.indices(("left_wrist", "left_hand"))] += [2, 0, 0]
    assert not bones_are_possible(joints, BODY_30)


def test_a_bone_is_judged_whichever_end_comes_first():
    joints = STANDING.copy()
    joints[BODY_30.indices(("left_wrist", "left_hand"))] += [2, 0, 0]
    reversed_bones = Skeleton("reversed", BODY_30.names, tuple((child, parent) for parent, child in BODY_30.edges))
    assert bones_are_possible(STANDING, reversed_bones)
    assert not bones_are_possible(joints, reversed_bones)


def test_only_skeletons_from_head_to_feet_can_fill_a_box():
    assert all(spans_the_body(skeleton) for skeleton in SKELETONS.values())
    hands = Skeleton("hands", ("left_wrist", "right_wrist"), ())
    legs = Skeleton("legs", ("left_hip", "left_ankle", "right_ankle"), ())
    assert not spans_the_body(hands)
    assert not spans_the_body(legs)


def test_a_thigh_without_length_is_impossible():
    joints = STANDING.copy()
    joints[BODY_30.indices(("left_knee",))] = joints[BODY_30.indices(("left_hip",))]
    assert not bones_are_possible(joints, BODY_30)


def test_a_foot_that_collapsed_is_no_reason_to_drop_anybody():
    joints = STANDING.copy()
    joints[BODY_30.indices(("left_foot",))] = joints[BODY_30.indices(("left_ankle",))]
    assert bones_are_possible(joints, BODY_30)


@pytest.mark.parametrize("skeleton", SKELETONS.values(), ids=SKELETONS.keys())
def test_limbs_of_every_skeleton_are_judged(skeleton):
    bones = {(skeleton.names[parent], skeleton.names[child]) for parent, child in skeleton.edges}
    limbs = {bone for bone in TYPICAL_BONES_M if any(word in bone[1] for word in ("knee", "ankle", "elbow", "wrist"))}
    assert limbs <= bones


def test_more_than_a_quarter_of_the_joints_must_be_certain():
    std = np.full((30, 3), 0.3)
    std[:7] = 0.02
    assert not enough_is_certain(std)
    std[7] = 0.02
    assert enough_is_certain(std)


@pytest.mark.parametrize("corner", [(0.0, 0.0), (639.0, 479.0)])
def test_more_than_a_sixth_of_the_joints_must_be_in_the_image(corner):
    joints = np.full((30, 2), -1.0)
    joints[10:20] = [640, 480]
    joints[:5] = corner
    assert not enough_is_in_view(joints, 640, 480)
    joints[5] = corner
    assert enough_is_in_view(joints, 640, 480)
    assert not enough_is_in_view(joints + np.array([0, 480]), 640, 480)


def test_a_distance_that_may_be_half_as_far_off_is_no_place():
    assert is_placed(4.0, 2.0)
    assert not is_placed(4.0, 2.01)


def test_a_pose_must_cover_half_its_box():
    box = np.array([100.0, 100, 200, 400])
    body = np.array([[110.0, 110], [190, 390]])
    assert fills_its_box(body, box)
    assert not fills_its_box(body + np.array([85, 0]), box)
    assert not fills_its_box(100 + (body - 100) / 3, box)


def test_a_narrow_pose_seen_from_the_side_fills_its_box():
    assert fills_its_box(np.array([[130.0, 110], [170, 390]]), np.array([100.0, 100, 200, 400]))


def seen(poses: np.ndarray, at: tuple[float, ...]) -> np.ndarray:
    """(N, J, 2) px of poses that stand at the distances `at`, through a focal length of 500 px."""
    return np.stack([pose[:, :2] / (pose[:, 2:] + z) * 500 for pose, z in zip(poses, at, strict=True)])


def test_the_better_of_two_equal_people_stays():
    poses = np.stack([STANDING, STANDING + 0.05, STANDING + np.array([0.8, 0, 0])])
    assert without_duplicates(poses, seen(poses, (4, 4, 4)), np.array([0.5, 0.9, 0.4])) == [1, 2]


def test_one_person_placed_at_two_distances_is_one_person():
    poses = np.stack([STANDING * 1.2 + np.array([0, 0, 4.8]), STANDING + np.array([0, 0, 4.0])])
    assert without_duplicates(poses, seen(poses, (0, 0)), np.array([0.5, 0.9])) == [1]


def test_people_side_by_side_or_behind_each_other_all_stay():
    poses = np.stack([STANDING, STANDING + np.array([0.4, 0, 0]), STANDING + np.array([0.2, 0, 2.0])])
    assert without_duplicates(poses, seen(poses, (4, 4, 4)), np.array([0.5, 0.9, 0.7])) == [0, 1, 2]


def test_nobody_gives_nobody():
    assert without_duplicates(np.zeros((0, 30, 3)), np.zeros((0, 30, 2)), np.zeros(0)) == []


@pytest.mark.parametrize("head", ["head_top", "head", "nose", "neck"])
@pytest.mark.parametrize("foot", ["ankle", "foot"])
def test_any_joint_of_the_head_and_of_each_foot_spans_the_body(head, foot):
    names = ("pelvis", f"left_{foot}", f"right_{foot}", head)
    assert spans_the_body(Skeleton("few", names, ((0, 1), (0, 2), (0, 3))))
    for missing in names[1:]:
        fewer = tuple(name for name in names if name != missing)
        assert not spans_the_body(Skeleton("fewer", fewer, ((0, 1), (0, 2))))


@pytest.mark.parametrize(("length", "possible"), [(0.02, False), (0.2, True), (0.9, True), (1.6, False)])
def test_a_thigh_of_any_length_but_a_human_one_is_impossible(length, possible):
    joints = STANDING.copy()
    hip, below = (
        BODY_30.indices(("left_hip", "left_knee"))[0],
        BODY_30.indices(("left_knee", "left_ankle", "left_foot")),
    )
    direction = joints[below[0]] - joints[hip]
    joints[below] += direction / np.linalg.norm(direction) * (length - np.linalg.norm(direction))
    assert bones_are_possible(joints, BODY_30) == possible


def test_a_bone_that_nobody_knows_does_not_hide_the_next_from_being_judged():
    joints = np.array([[0.0, 0, 0], [0, 0, 9], [0.1, 0, 0], [0.1, 5, 0]])
    names = ("pelvis", "tail", "left_hip", "left_knee")
    assert not bones_are_possible(joints, Skeleton("tailed", names, ((0, 1), (0, 2), (2, 3))))


@pytest.mark.parametrize("side", [0, 1])
def test_a_joint_beyond_the_last_pixel_is_not_in_view(side):
    joints = np.full((6, 2), -50.0)
    joints[:2] = [639, 479]
    assert enough_is_in_view(joints, 640, 480)
    joints[0, side] += 0.5
    assert not enough_is_in_view(joints, 640, 480)


def test_a_pose_far_from_the_origin_of_the_image_fills_its_box_no_better():
    joints = np.array([[900.0, 500.0], [940, 500], [900, 560], [940, 560]])
    assert fills_its_box(joints, np.array([895.0, 495, 945, 565]))
    assert not fills_its_box(joints, np.array([880.0, 400, 1080, 700]))
    assert not fills_its_box(joints, np.array([0.0, 0, 50, 50]))
