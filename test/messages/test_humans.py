from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from metric_pose_ros.messages import humans
from metric_pose_ros.messages.images import to_bgr
from metric_pose_ros.messages.types import MessageTypes
from metric_pose_ros.skeleton import COCO_17, H36M_17
from test.standing import standing

WIDTH, HEIGHT = 640, 480
PICTURE = np.random.default_rng(3).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)


def test_who_is_there_is_listed(more_types: MessageTypes, header: Any) -> None:
    message = humans.ids(more_types, header, ["p3", "p12"])
    assert list(message.ids) == ["p3", "p12"]
    assert message.header.stamp.sec == 12
    assert list(humans.ids(more_types, header, []).ids) == []


def test_the_region_holds_the_joints_with_a_margin(more_types: MessageTypes, header: Any) -> None:
    person = standing()
    box = humans.bounds(person, WIDTH, HEIGHT)
    assert box is not None
    low, high = person.joints2d.min(axis=0), person.joints2d.max(axis=0)
    margin = 0.08 * (high[1] - low[1])
    np.testing.assert_allclose(box, [*(low - margin), *(high + margin)], atol=1)
    region = humans.region(more_types, header, box, 0.8, WIDTH, HEIGHT)
    np.testing.assert_allclose(
        [region.xmin, region.ymin, region.xmax, region.ymax], box / [640, 480, 640, 480], rtol=1e-6
    )
    assert region.c == pytest.approx(0.8)


def test_the_crop_is_that_part_of_the_image(more_types: MessageTypes, header: Any) -> None:
    box = np.array([10, 20, 110, 220])
    crop = to_bgr(humans.cropped(more_types, header, box, PICTURE))
    np.testing.assert_array_equal(crop, PICTURE[20:220, 10:110])


def test_the_region_ends_at_the_image(more_types: MessageTypes) -> None:
    person = standing("p1", (-1.5, 0.0, 3.0))
    box = humans.bounds(person, WIDTH, HEIGHT)
    assert box is not None
    assert box[0] == 0
    assert humans.bounds(standing("p1", (-9.0, 0.0, 3.0)), WIDTH, HEIGHT) is None


def test_the_skeleton_has_eighteen_points_in_ros4hris_order(more_types: MessageTypes, header: Any) -> None:
    person = standing()
    message = humans.skeleton2d(more_types, header, person, WIDTH, HEIGHT)
    assert len(message.skeleton) == 18
    for number, joint in ((0, "nose"), (1, "neck"), (4, "right_wrist"), (11, "left_hip"), (15, "right_eye")):
        x, y = person.joints2d[person.skeleton.indices((joint,))[0]]
        point = message.skeleton[number]
        assert (point.x, point.y) == pytest.approx(((x + 0.5) / 640, (y + 0.5) / 480))
        assert point.c == pytest.approx(0.9)


def test_points_outside_the_image_have_no_confidence(more_types: MessageTypes, header: Any) -> None:
    message = humans.skeleton2d(more_types, header, standing("p1", (-1.9, 0.0, 3.0)), WIDTH, HEIGHT)
    # Who faces the camera has the right hand at its left, which is outside here.
    assert (message.skeleton[4].x, message.skeleton[4].y, message.skeleton[4].c) == (0, 0, 0)
    assert message.skeleton[7].c == pytest.approx(0.9)


def test_a_skeleton_without_a_neck_has_it_between_the_shoulders(more_types: MessageTypes, header: Any) -> None:
    whole = standing()
    picked = whole.skeleton.indices(COCO_17.names)
    coco = replace(whole, joints2d=whole.joints2d[picked], confidence=whole.confidence[picked], skeleton=COCO_17)
    neck = humans.skeleton2d(more_types, header, coco, WIDTH, HEIGHT).skeleton[1]
    shoulders = whole.joints2d[whole.skeleton.indices(("left_shoulder", "right_shoulder"))].mean(axis=0)
    assert (neck.x, neck.y) == pytest.approx(((shoulders[0] + 0.5) / 640, (shoulders[1] + 0.5) / 480))


def test_joints_that_a_skeleton_lacks_have_no_confidence(more_types: MessageTypes, header: Any) -> None:
    whole = standing()
    picked = whole.skeleton.indices(H36M_17.names)
    person = replace(whole, joints2d=whole.joints2d[picked], confidence=whole.confidence[picked], skeleton=H36M_17)
    points = humans.skeleton2d(more_types, header, person, WIDTH, HEIGHT).skeleton
    assert [point.c for point in points[14:]] == [0, 0, 0, 0]
    assert points[0].c == pytest.approx(0.9)


def test_joint_states_carry_the_angles_under_the_urdfs_names(more_types: MessageTypes, header: Any) -> None:
    message = humans.joint_states(more_types, header, standing("p3"), "p3")
    angles = dict(zip(message.name, message.position, strict=True))
    assert len(angles) == 20
    assert set(angles) >= {"waist_p3", "p_head_p3", "l_y_shoulder_p3", "r_elbow_p3", "l_r_hip_p3", "r_knee_p3"}
    # Upper arms 31 degrees below the horizontal, forearms bent upwards, legs straight; who is standing is symmetric.
    assert angles["l_p_shoulder_p3"] == pytest.approx(np.radians(59), abs=0.05)
    assert angles["r_p_shoulder_p3"] == pytest.approx(angles["l_p_shoulder_p3"])
    assert angles["r_elbow_p3"] == pytest.approx(angles["l_elbow_p3"])
    assert angles["l_elbow_p3"] > 1
    assert -0.2 < angles["l_knee_p3"] <= 0
    assert message.header.stamp.sec == 12


def test_who_lies_folded_up_has_no_joint_states(more_types: MessageTypes, header: Any) -> None:
    person = standing()
    person.joints3d[person.skeleton.indices(("left_hip", "right_hip"))] = [0.0, 0.02, 4.0]
    assert humans.joint_states(more_types, header, person, "p1") is None
