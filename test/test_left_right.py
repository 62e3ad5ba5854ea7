"""Left and right do not change places between two frames, unless the network insists."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from metric_pose_ros import Person
from metric_pose_ros.left_right import LeftRight, as_keypoints_say
from metric_pose_ros.skeleton import BODY_30, COCO_17, H36M_17
from metric_pose_ros.tracking import Tracker
from test.standing import standing

FRAME_S = 1 / 30
HAND = BODY_30.names.index("left_hand")


def turned(degrees: float) -> Person:
    """Somebody who holds the left arm a little forwards, turned about the vertical axis."""
    person = standing("", (0.0, 0.0, 4.0))
    joints = person.joints3d.copy()
    joints[HAND] += [0.0, 0.0, -0.2]
    about = (joints - person.position) @ Rotation.from_euler("y", degrees, degrees=True).as_matrix().T
    joints = about + person.position
    std = person.std * np.arange(1, 31)[:, None]
    return replace(person, joints3d=joints, joints2d=joints[:, :2] / joints[:, 2:] * 500 + (320, 240), std=std)


def swapped(person: Person) -> Person:
    mirror = BODY_30.mirror
    return replace(
        person,
        joints3d=person.joints3d[mirror],
        joints2d=person.joints2d[mirror],
        std=person.std[mirror],
        confidence=person.confidence[mirror],
    )


def follow(people: list[Person], frame_s: float = FRAME_S) -> list[Person]:
    tracker = Tracker()
    return [tracker.update([person], frame * frame_s)[0] for frame, person in enumerate(people)]


def test_somebody_seen_the_wrong_way_round_for_a_while_is_not_turned() -> None:
    person = turned(0)
    reported = follow([person] * 5 + [swapped(person)] * 20 + [person] * 5)
    for each in reported:
        assert each.joints3d == pytest.approx(person.joints3d, abs=0.01)
        assert each.joints2d == pytest.approx(person.joints2d)
        assert each.std == pytest.approx(person.std, rel=0.05)


def test_the_network_is_believed_when_it_insists_and_the_person_turns_at_once() -> None:
    person = turned(0)
    reported = follow([swapped(person)] * 3 + [person] * 60)
    sides = [np.sign(each.joints3d[HAND, 0]) == np.sign(person.joints3d[HAND, 0]) for each in reported]
    assert sides.index(True) == pytest.approx(3 + 1.5 / FRAME_S, abs=2)
    assert all(sides[sides.index(True) :])
    first = reported[sides.index(True)]
    assert first.joints3d == pytest.approx(person.joints3d, abs=0.01)


def test_a_network_that_cannot_decide_convinces_nobody() -> None:
    person = turned(0)
    for each in follow([person] * 3 + [swapped(person), person] * 100):
        assert each.joints3d == pytest.approx(person.joints3d, abs=0.01)


@pytest.mark.parametrize("seconds", [0.4, 1.0])
def test_people_who_turn_are_turned(seconds: float) -> None:
    frames = round(seconds / FRAME_S)
    course = [turned(180 * frame / frames) for frame in range(frames + 1)]
    sides = LeftRight()
    before = None
    for person in course:
        about = person.joints3d - person.position
        kept, was_swapped = sides(person, about, before, FRAME_S)
        assert kept is person
        assert not was_swapped
        before = about


def test_after_a_pause_nothing_is_known_of_who_faces_where() -> None:
    person = turned(0)
    last = follow([person, swapped(person)], frame_s=0.3)[-1]
    assert np.sign(last.joints2d[HAND, 0] - 320) == np.sign(swapped(person).joints2d[HAND, 0] - 320)


def test_who_trembles_is_left_alone() -> None:
    person = turned(90)
    rng = np.random.default_rng(0)
    sides = LeftRight()
    about = person.joints3d - person.position
    for _ in range(100):
        assert sides(person, about + rng.normal(0, 0.03, about.shape), about, FRAME_S) == (person, False)


def keypoints_of(person: Person) -> np.ndarray:
    return np.column_stack([person.skeleton.convert(person.joints2d, COCO_17), np.full(17, 0.9)])


@pytest.mark.parametrize("skeleton", [BODY_30, H36M_17], ids=["body_30", "h36m_17"])
def test_a_detector_that_sees_the_back_is_believed(skeleton) -> None:
    whole = turned(160)
    true = replace(
        whole,
        skeleton=skeleton,
        **{name: BODY_30.convert(getattr(whole, name), skeleton) for name in ("joints3d", "joints2d", "std")},
        confidence=BODY_30.convert(whole.confidence[:, None], skeleton)[:, 0],
    )
    mirror = skeleton.mirror
    wrong = replace(true, joints3d=true.joints3d[mirror], joints2d=true.joints2d[mirror], std=true.std[mirror])
    keypoints = keypoints_of(whole)
    keypoints[:, :2] += np.random.default_rng(0).normal(0, 5, (17, 2))
    found = as_keypoints_say(wrong, keypoints)
    assert found.joints3d == pytest.approx(true.joints3d)
    assert found.joints2d == pytest.approx(true.joints2d)
    assert found.std == pytest.approx(true.std)
    assert as_keypoints_say(true, keypoints) is true


@pytest.mark.parametrize("how", ["unsure", "not a number", "elsewhere", "from the side"])
def test_keypoints_that_do_not_say_plainly_change_nothing(how: str) -> None:
    person = swapped(turned(90 if how == "from the side" else 0))
    keypoints = keypoints_of(swapped(person))
    if how == "unsure":
        keypoints[5:13, 2] = 0.1
    elif how == "not a number":
        keypoints[5:13, 0] = np.nan
    elif how == "elsewhere":
        keypoints[:, :2] += 300
    else:
        keypoints[:, :2] += np.random.default_rng(0).normal(0, 20, (17, 2))
    assert as_keypoints_say(person, keypoints) is person
