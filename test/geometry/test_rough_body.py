"""Rough bodies stand where keypoints point, about as far away as they are, and need hips and shoulders."""

import numpy as np
import pytest

from metric_pose_ros.geometry.camera import Camera
from metric_pose_ros.geometry.rough_body import rough_body
from metric_pose_ros.skeleton import BODY_30, COCO_17
from test.fake_models import STANDING_MM

K = np.array([[900.0, 0, 640], [0, 900, 360], [0, 0, 1]])
PINHOLE = Camera(K, np.zeros(0), "pinhole", 1280, 720)
LENS = Camera(K, np.array([-0.2, 0.05, 0, 0, 0]), "plumb_bob", 1280, 720)
FISHEYE = Camera(K * [[0.5], [0.5], [1]], np.array([0.01, 0, 0, 0]), "equidistant", 1280, 720)


def keypoints_of(joints, camera):
    return np.column_stack([camera.project(joints), np.full(17, 0.9)])


def standing(place):
    return BODY_30.convert(STANDING_MM / 1000 + place, COCO_17).astype(float)


@pytest.mark.parametrize("camera", [PINHOLE, LENS, FISHEYE], ids=["pinhole", "distorted", "fisheye"])
@pytest.mark.parametrize("place", [(0, 0, 4), (1.5, 0.3, 5), (-1, 0, 2.5)])
def test_joints_lie_on_the_rays_of_their_keypoints_at_about_the_distance(camera, place):
    truth = standing(place)
    rough = rough_body(camera, keypoints_of(truth, camera))
    assert rough / np.linalg.norm(rough, axis=1)[:, None] == pytest.approx(
        truth / np.linalg.norm(truth, axis=1)[:, None], abs=1e-4
    )
    assert np.linalg.norm(rough, axis=1) == pytest.approx(np.linalg.norm(truth, axis=1), rel=0.2)


def test_a_body_beside_a_fisheye_is_seen_too():
    truth = standing((6.0, 0, 1.0))
    rough = rough_body(FISHEYE, keypoints_of(truth, FISHEYE))
    assert np.linalg.norm(rough - truth, axis=1).max() < 0.3 * np.linalg.norm(truth.mean(axis=0))


def test_joints_that_were_not_seen_are_not_known():
    keypoints = keypoints_of(standing((0, 0, 4)), PINHOLE)
    keypoints[3, 2] = 0.02
    keypoints[10] = np.nan
    assert np.flatnonzero(np.isnan(rough_body(PINHOLE, keypoints)).any(axis=1)).tolist() == [3, 10]


@pytest.mark.parametrize("wrong", ["one place", "too far away", "unsure shoulder", "hip nowhere"])
def test_keypoints_of_nobody_give_none(wrong):
    keypoints = keypoints_of(standing((0, 0, 4)), PINHOLE)
    if wrong == "one place":
        keypoints[:, :2] = 300
    elif wrong == "too far away":
        keypoints[:, :2] = 640 + (keypoints[:, :2] - 640) / 50
    elif wrong == "unsure shoulder":
        keypoints[COCO_17.names.index("left_shoulder"), 2] = 0.05
    else:
        keypoints[COCO_17.names.index("left_hip"), 0] = np.inf
    assert rough_body(PINHOLE, keypoints) is None
