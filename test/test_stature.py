"""Standing height: as long as the stretched body, in any pose."""

import math

import numpy as np
import pytest

from metric_pose_ros.skeleton import BODY_30, COCO_17, H36M_17
from metric_pose_ros.stature import stature


def tall(metres: float) -> np.ndarray:
    """(30, 3) somebody of this height, stretched out along a line: soles, ankles, knees, hips, pelvis, spine, head."""
    share = {"ankle": 0.08 / metres, "knee": 0.28, "hip": 0.52, "pelvis": 0.56, "spine2": 0.66, "neck": 0.84}
    heights = [next((high for part, high in share.items() if name.endswith(part)), 1.0) for name in BODY_30.names]
    return np.column_stack([np.zeros(30), -np.array(heights) * metres, np.full(30, 3.0)])


@pytest.mark.parametrize("metres", [1.55, 1.80, 2.0])
def test_a_stretched_body_is_as_tall_as_it_is_long(metres: float) -> None:
    assert stature(tall(metres), BODY_30) == pytest.approx(metres, abs=1e-9)


def test_sitting_down_makes_nobody_shorter() -> None:
    joints = tall(1.8)
    knee, hip = joints[BODY_30.indices(("left_knee", "left_hip"))]
    below_hip = joints[:, 1] > hip[1] + 1e-9
    # Thighs turn forward about the hips, and the shins hang from the knees.
    thigh = knee[1] - hip[1]
    joints[below_hip, 1] -= thigh
    joints[below_hip, 2] -= thigh
    assert stature(joints, BODY_30) == pytest.approx(1.8, abs=1e-9)


def test_a_skeleton_that_ends_at_the_nose_says_nothing_of_the_height() -> None:
    assert math.isnan(stature(np.zeros((17, 3)), COCO_17))
    assert stature(BODY_30.convert(tall(1.8), H36M_17), H36M_17) == pytest.approx(1.8)
