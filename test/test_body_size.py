"""Body size: the same in every frame, and nobody moves in the image."""

from dataclasses import replace

import numpy as np

from metric_pose_ros import Camera
from metric_pose_ros.body_size import BodySize
from test.standing import standing

CAMERA = Camera(np.array([[500.0, 0, 320], [0, 500, 240], [0, 0, 1]]), np.zeros(0), "pinhole", 640, 480)
PERSON = replace(standing("", (0.3, 0.0, 4.0)), distance_std=0.3)


def seen_as(scale):
    """What an image says of PERSON that takes the body for larger or smaller."""
    return replace(PERSON, joints3d=PERSON.joints3d * scale)


def test_the_first_frame_is_taken_as_it_is():
    np.testing.assert_array_equal(BodySize()(PERSON).joints3d, PERSON.joints3d)


def test_frames_that_take_somebody_for_smaller_and_nearer_are_put_right():
    size = BodySize()
    for frame in range(30):
        size(seen_as(1 + 0.02 * (frame % 3 - 1)))
    for _ in range(14):
        put_right = size(seen_as(0.85))
    np.testing.assert_allclose(put_right.joints3d, PERSON.joints3d, rtol=0.021)


def test_one_frame_that_differs_moves_nobody_far():
    size = BodySize()
    for _ in range(30):
        size(PERSON)
    size(seen_as(0.85))
    np.testing.assert_allclose(size(PERSON).joints3d, PERSON.joints3d, rtol=0.025)


def test_what_the_camera_sees_stays():
    size = BodySize()
    for scale in (1.0, 1.0, 1.2):
        person = size(seen_as(scale))
    np.testing.assert_allclose(CAMERA.project(person.joints3d), CAMERA.project(PERSON.joints3d), atol=1e-9)


def test_one_stretched_arm_hardly_changes_the_rest():
    size = BodySize()
    for _ in range(5):
        size(PERSON)
    joints = PERSON.joints3d.copy()
    wrist, elbow = PERSON.skeleton.indices(("left_wrist", "left_elbow"))
    joints[wrist] += 0.5 * (joints[wrist] - joints[elbow])
    changed = size(replace(PERSON, joints3d=joints))
    assert abs(np.linalg.norm(changed.position) / np.linalg.norm(PERSON.position) - 1) < 0.04


def test_nothing_is_stretched_without_end():
    size = BodySize()
    for _ in range(30):
        size(PERSON)
    for _ in range(14):
        person = size(seen_as(0.1))
    np.testing.assert_allclose(person.joints3d, PERSON.joints3d * 0.1 * 1.33)


def test_the_uncertainty_grows_with_the_body():
    size = BodySize()
    for _ in range(30):
        size(PERSON)
    for _ in range(14):
        person = size(seen_as(0.8))
    np.testing.assert_allclose(person.std, PERSON.std / 0.8)
    assert abs(person.distance_std - PERSON.distance_std / 0.8) < 1e-9
