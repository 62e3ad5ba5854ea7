"""Crops around bodies look at the hips, see shoulders above them, and hold everybody however they lie."""

import numpy as np
import pytest

from metric_pose_ros.geometry.body_crop import can_look_at_bodies, look_at_body, look_at_rough_body
from metric_pose_ros.geometry.camera import Camera
from metric_pose_ros.geometry.rough_body import rough_body
from metric_pose_ros.skeleton import BODY_30, COCO_17, Skeleton
from test.fake_models import STANDING_MM

SIDE, SCALE = 256, 1.4
CAMERA = Camera(
    np.array([[900.0, 0, 640], [0, 900, 360], [0, 0, 1]]), np.array([-0.2, 0.05, 0, 0, 0]), "plumb_bob", 1280, 720
)
SHOULDERS = BODY_30.indices(("left_shoulder", "right_shoulder"))


def turned(axis, degrees):
    """(3, 3)."""
    x, y, z = np.asarray(axis, float) / np.linalg.norm(axis)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    angle = np.radians(degrees)
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


def seen_by(crop, joints):
    """(J, 2) px in the crop, and (J,) depths."""
    there = joints @ crop.rotation.T
    points = there @ crop.K.T
    return points[:, :2] / points[:, 2:], there[:, 2]


@pytest.mark.parametrize("roll", [0, 35, 90, 180, -120])
@pytest.mark.parametrize("place", [(0, 0, 3), (2, 0.5, 3), (-1, -2, 1.5)])
def test_hips_are_in_the_middle_shoulders_above_and_the_farthest_joint_inside(roll, place):
    joints = STANDING_MM / 1000 @ turned([0, 0, 1], roll).T + place
    crop = look_at_body(joints, BODY_30, SIDE, SCALE)
    points, depths = seen_by(crop, joints)
    middle = (SIDE - 1) / 2
    assert points[0] == pytest.approx([middle, middle])
    shoulders = points[SHOULDERS].mean(axis=0)
    assert shoulders[0] == pytest.approx(middle)
    assert shoulders[1] < middle
    assert np.linalg.norm(points - middle, axis=1).max() == pytest.approx(SIDE / 2 / SCALE)
    assert np.linalg.det(crop.rotation) == pytest.approx(1)
    assert depths.min() > 0


def test_the_same_body_looks_the_same_from_everywhere_it_is_seen_alike():
    joints = STANDING_MM / 1000 + [0, 0, 3]
    straight = look_at_body(joints, BODY_30, SIDE, SCALE)
    for axis, degrees in (([0, 1, 0], 30), ([1, 0, 0], -25), ([0, 0, 1], 70), ([1, 2, 3], 40)):
        elsewhere = joints @ turned(axis, degrees).T
        crop = look_at_body(elsewhere, BODY_30, SIDE, SCALE)
        assert seen_by(crop, elsewhere)[0] == pytest.approx(seen_by(straight, joints)[0], abs=1e-6)
        assert elsewhere @ crop.rotation.T == pytest.approx(joints @ straight.rotation.T, abs=1e-9)


def test_any_skeleton_with_shoulders_will_do():
    joints = BODY_30.convert(STANDING_MM / 1000 + [0.5, 0, 3], COCO_17)
    crop = look_at_body(joints, COCO_17, SIDE, SCALE)
    hips = joints[COCO_17.root].mean(axis=0)
    assert np.cross(hips, crop.rotation[2]) == pytest.approx(np.zeros(3), abs=1e-9)
    assert can_look_at_bodies(COCO_17)
    assert not can_look_at_bodies(Skeleton("legs", ("left_hip", "right_hip", "left_knee"), ((0, 2),)))


@pytest.mark.parametrize(
    "wrong",
    [
        STANDING_MM / 1000 - [0, 0, 3],
        STANDING_MM / 1000,
        np.where(np.arange(90).reshape(30, 3) == 7, np.nan, STANDING_MM / 1000 + [0, 0, 3]),
        np.tile([0.0, 0.0, 3.0], (30, 1)),
        (STANDING_MM / 1000) * [5, 5, 1] + [0, 0, 0.3],
    ],
    ids=["behind", "at the lens", "not a number", "a point", "all around"],
)
def test_whom_no_camera_can_look_at_is_not_looked_at(wrong):
    assert look_at_body(wrong, BODY_30, SIDE, SCALE) is None


def keypoints_of(joints, score=0.9):
    """(17, 3) px and score, as a detector that makes no mistake says them."""
    return np.column_stack([CAMERA.project(BODY_30.convert(joints, COCO_17)), np.full(17, score)])


@pytest.mark.parametrize("roll", [0, 90, 160])
def test_keypoints_show_the_body_as_its_joints_do(roll):
    joints = STANDING_MM / 1000 @ turned([0, 0, 1], roll).T + [1.0, 0.3, 4]
    crop = look_at_rough_body(rough_body(CAMERA, keypoints_of(joints)), SIDE, SCALE)
    known = look_at_body(joints, BODY_30, SIDE, SCALE)
    points, middle = seen_by(crop, joints)[0], (SIDE - 1) / 2
    hips = points[BODY_30.indices(("left_hip", "right_hip"))].mean(axis=0)
    assert hips == pytest.approx([middle, middle], abs=2)
    assert points[SHOULDERS].mean(axis=0)[0] == pytest.approx(middle, abs=2)
    # What lies beyond wrists and ankles can only be guessed.
    assert crop.K[0, 0] == pytest.approx(known.K[0, 0], rel=0.1)


def test_keypoints_that_are_not_sure_do_not_count():
    keypoints = keypoints_of(STANDING_MM / 1000 + [0, 0, 4])
    sure = look_at_rough_body(rough_body(CAMERA, keypoints), SIDE, SCALE)
    wrist = COCO_17.names.index("left_wrist")
    keypoints[wrist, :2], keypoints[wrist, 2] = (-5000, 9000), 0.05
    without = look_at_rough_body(rough_body(CAMERA, keypoints), SIDE, SCALE)
    assert without.rotation == pytest.approx(sure.rotation)
    assert sure.K[0, 0] * 0.99 <= without.K[0, 0] < 1.3 * sure.K[0, 0]


@pytest.mark.parametrize("joint", ["left_hip", "right_hip", "left_shoulder", "right_shoulder"])
@pytest.mark.parametrize("how", ["unsure", "not a number", "anywhere"])
def test_keypoints_without_hips_or_shoulders_tell_too_little(joint, how):
    keypoints = keypoints_of(STANDING_MM / 1000 + [0, 0, 4])
    place = COCO_17.names.index(joint)
    if how == "unsure":
        keypoints[place, 2] = 0.05
    else:
        keypoints[place] = np.nan if how == "not a number" else np.inf
    assert rough_body(CAMERA, keypoints) is None
