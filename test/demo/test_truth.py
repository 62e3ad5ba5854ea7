from __future__ import annotations

import numpy as np
import pytest

from metric_pose_ros.demo import truth
from metric_pose_ros.skeleton import COCO_17

VIEWS = ("cam01", "cam02", "cam03", "cam04")


def test_values_between_frames_are_on_the_line_and_the_ends_hold() -> None:
    values = np.array([[0.0, 10.0], [1.0, 20.0], [4.0, 40.0]])
    found = truth.at_frames(values, np.array([0.5, 1.25, 2.0, -3.0, 9.0]))
    np.testing.assert_allclose(found, [[0.5, 15], [1.75, 25], [4, 40], [0, 10], [4, 40]])


def test_all_views_see_the_same_body() -> None:
    bones = np.array(COCO_17.edges)
    lengths = []
    for view in VIEWS:
        joints = truth.for_view(view).joints3d
        assert joints.shape == (100, 17, 3)
        assert joints[..., 2].min() > 1.5
        lengths.append(np.median(np.linalg.norm(joints[:, bones[:, 0]] - joints[:, bones[:, 1]], axis=-1), axis=0))
    np.testing.assert_allclose(lengths, np.tile(lengths[0], (4, 1)), atol=0.005)


@pytest.mark.parametrize(
    ("bone", "shortest", "longest"),
    [
        (("left_hip", "left_knee"), 0.36, 0.50),
        (("right_hip", "right_knee"), 0.36, 0.50),
        (("left_knee", "left_ankle"), 0.34, 0.48),
        (("right_knee", "right_ankle"), 0.34, 0.48),
        (("left_shoulder", "right_shoulder"), 0.30, 0.45),
    ],
)
def test_the_body_has_a_mans_size(bone: tuple[str, str], shortest: float, longest: float) -> None:
    ends = truth.for_view("cam02").joints3d[:, COCO_17.indices(bone)]
    assert shortest < np.median(np.linalg.norm(ends[:, 0] - ends[:, 1], axis=-1)) < longest


def test_the_man_comes_nearer_to_the_camera_in_front_of_him() -> None:
    distance = truth.for_view("cam02").distance
    assert 4.0 < distance[0] < 4.5
    assert 3.4 < distance[-1] < 3.9
    np.testing.assert_array_less(np.abs(np.diff(distance)), 0.05)
