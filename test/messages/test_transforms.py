from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from metric_pose_ros.messages.transforms import body_frame, from_people, is_body, known
from metric_pose_ros.messages.types import MessageTypes
from metric_pose_ros.people import Person
from metric_pose_ros.skeleton import COCO_17, Skeleton
from test.standing import standing


def by_child(message: Any) -> dict[str, Any]:
    return {transform.child_frame_id: transform for transform in message.transforms}


def matrix(transform: Any) -> np.ndarray:
    """(4, 4), by scipy."""
    turn, move = transform.transform.rotation, transform.transform.translation
    result = np.eye(4)
    result[:3, :3] = Rotation.from_quat([turn.x, turn.y, turn.z, turn.w]).as_matrix()
    result[:3, 3] = [move.x, move.y, move.z]
    return result


def turned(person: Person, rotation: Rotation) -> Person:
    centre = person.position
    return replace(person, joints3d=rotation.apply(person.joints3d - centre) + centre)


def test_every_joint_is_a_child_of_the_body_and_ends_up_where_it_was(types: MessageTypes, header: Any) -> None:
    person = turned(standing("p4", (0.5, 0.2, 5.0)), Rotation.from_euler("yxz", [70, 20, -10], degrees=True))
    frames = by_child(from_people(types, header, [person], 0.3))
    body = frames.pop("body_p4")
    assert body.header.frame_id == "camera"
    assert set(frames) == {f"{name}_p4" for name in person.skeleton.names}
    for name, position in zip(person.skeleton.names, person.joints3d, strict=True):
        child = frames[f"{name}_p4"]
        assert child.header.frame_id == "body_p4"
        assert child.header.stamp.sec == 12
        np.testing.assert_allclose((matrix(body) @ matrix(child))[:3, 3], position, atol=1e-9)


def test_the_body_stands_between_the_hips_looks_ahead_and_points_up_as_rep_155_says(
    types: MessageTypes, header: Any
) -> None:
    person = standing("p1", (0.0, 0.0, 4.0))
    body = matrix(by_child(from_people(types, header, [person], 0.3))["body_p1"])
    hips = person.joints3d[person.skeleton.indices(("left_hip", "right_hip"))]
    np.testing.assert_allclose(body[:3, 3], hips.mean(axis=0), atol=1e-9)
    # Who faces the camera looks along -z of the camera, has the left hand at its +x, and the head at its -y.
    assert body[:3, 0] @ [0, 0, -1] > 0.99
    assert body[:3, 1] @ [1, 0, 0] > 0.99
    assert body[:3, 2] @ [0, -1, 0] > 0.99
    np.testing.assert_allclose(np.linalg.det(body[:3, :3]), 1.0)


def test_frames_of_limbs_lie_along_the_bones_and_those_of_the_trunk_as_the_body(
    types: MessageTypes, header: Any
) -> None:
    person = turned(standing("p1"), Rotation.from_euler("yxz", [70, 20, -10], degrees=True))
    frames = by_child(from_people(types, header, [person], 0.3))
    body = matrix(frames["body_p1"])
    for start, end in (("left_shoulder", "left_elbow"), ("right_elbow", "right_wrist"), ("left_knee", "left_ankle")):
        first, second = person.joints3d[person.skeleton.indices((start, end))]
        along = (body @ matrix(frames[f"{start}_p1"]))[:3, :3] @ [0, 0, -1]
        np.testing.assert_allclose(along, (second - first) / np.linalg.norm(second - first), atol=1e-9)
    np.testing.assert_allclose(matrix(frames["spine1_p1"])[:3, :3], np.eye(3))
    # The face looks where the body looks, a little up or down.
    assert matrix(frames["head_p1"])[0, 0] > 0.95


def test_the_body_turns_with_the_person() -> None:
    first = body_frame(standing())
    turn = Rotation.from_euler("y", 90, degrees=True)
    second = body_frame(turned(standing(), turn))
    assert first is not None
    assert second is not None
    np.testing.assert_allclose(second[1], turn.as_matrix() @ first[1], atol=1e-9)


def test_unsure_joints_have_no_frame(types: MessageTypes, header: Any) -> None:
    person = standing()
    person.confidence[person.skeleton.indices(("left_hand", "nose"))] = 0.1
    frames = by_child(from_people(types, header, [person], 0.3))
    assert "left_hand_p1" not in frames
    assert "nose_p1" not in frames
    assert len(frames) == 29


def test_somebody_whose_hips_are_not_finite_is_left_out(types: MessageTypes, header: Any) -> None:
    broken = standing("p1")
    broken.joints3d[broken.skeleton.indices(("left_hip",))] = np.nan
    frames = by_child(from_people(types, header, [broken, standing("p2")], 0.3))
    assert "body_p1" not in frames
    assert "body_p2" in frames


def test_hips_that_coincide_do_not_turn_the_body_at_random() -> None:
    person = standing()
    person.joints3d[person.skeleton.indices(("left_hip", "right_hip"))] = [0.0, 0.02, 4.0]
    assert body_frame(person) is None


def test_people_without_a_tracker_are_called_by_their_place(types: MessageTypes, header: Any) -> None:
    frames = by_child(from_people(types, header, [standing(""), standing("", (1.0, 0, 3.0))], 0.3))
    assert {"body_p1", "body_p2"} <= set(frames)


def test_people_are_left_out_of_what_is_known_and_a_robots_own_body_is_not(types: MessageTypes, header: Any) -> None:
    message = from_people(types, header, [standing("p12")], 0.3)
    assert known(message, False) == []
    message.transforms[0].header.frame_id, message.transforms[0].child_frame_id = "body_link", "body_camera"
    del message.transforms[1:]
    assert [(each.parent, each.child) for each in known(message, False)] == [("body_link", "body_camera")]


@pytest.mark.parametrize("frame", ["body_link", "body_camera_optical_frame", "body_p", "body_p1_link", "body_abcde"])
def test_frames_that_only_begin_as_a_persons_are_of_somebody_else(frame: str) -> None:
    assert not is_body(frame)
    assert is_body("/body_p1")


def test_a_skeleton_without_a_neck_takes_the_middle_of_the_shoulders() -> None:
    whole = standing()
    picked = whole.skeleton.indices(COCO_17.names)
    coco = replace(whole, joints3d=whole.joints3d[picked], skeleton=COCO_17)
    frame = body_frame(coco)
    assert frame is not None
    assert frame[1][:, 2] @ [0, -1, 0] > 0.99


@pytest.mark.parametrize("names", [("left_wrist", "right_wrist"), ("left_hip", "right_hip", "left_shoulder")])
def test_a_skeleton_without_hips_or_top_has_no_body_frame(types: MessageTypes, header: Any, names: tuple) -> None:
    whole = standing("p1")
    kept = whole.skeleton.indices(names)
    part = replace(
        whole,
        joints3d=whole.joints3d[kept],
        joints2d=whole.joints2d[kept],
        std=whole.std[kept],
        confidence=whole.confidence[kept],
        skeleton=Skeleton("part", names, ()),
    )
    assert body_frame(part) is None
    assert from_people(types, header, [part], 0.0).transforms == []
