"""Tracks: names that stay, smooth motion, and where to look next."""

from dataclasses import replace

import numpy as np
import pytest

from metric_pose_ros import Camera, Person
from metric_pose_ros.tracking import Look, OneEuroFilter, Tracker
from test.standing import standing

CAMERA = Camera(np.array([[500.0, 0, 320], [0, 500, 240], [0, 0, 1]]), np.zeros(0), "pinhole", 640, 480)
FRAME_S = 1 / 30


def somebody(x: float = 0.0, z: float = 4.0, score: float = 0.8) -> Person:
    person = standing("", (x, 0.0, z))
    bounds = np.concatenate([person.joints2d.min(axis=0), person.joints2d.max(axis=0)])
    return replace(person, score=score, box=bounds)


def test_somebody_keeps_the_id():
    tracker = Tracker()
    ids = {person.id for frame in range(30) for person in tracker.update([somebody(0.02 * frame)], frame * FRAME_S)}
    assert ids == {"p1"}


def test_two_people_who_pass_each_other_keep_their_ids():
    tracker = Tracker()
    for frame in range(61):
        x = -1.5 + 0.05 * frame
        left, right = tracker.update([somebody(x, 4.0), somebody(-x, 5.0)], frame * FRAME_S)
        assert (left.id, right.id) == ("p1", "p2")


def test_ids_do_not_follow_the_order_in_which_people_are_listed():
    tracker = Tracker()
    tracker.update([somebody(-1), somebody(1)], 0.0)
    reported = tracker.update([somebody(1.01), somebody(-1.01)], FRAME_S)
    assert [person.id for person in reported] == ["p2", "p1"]


def test_somebody_who_was_hidden_for_a_moment_keeps_the_id():
    tracker = Tracker(death_s=0.7)
    for frame in range(10):
        tracker.update([somebody(0.04 * frame)], frame * FRAME_S)
    (person,) = tracker.update([somebody(0.04 * 25)], 25 * FRAME_S)
    assert person.id == "p1"


def test_somebody_who_was_gone_for_longer_is_somebody_new():
    tracker = Tracker(death_s=0.7)
    tracker.update([somebody()], 0.0)
    tracker.update([], 0.5)
    assert len(tracker.tracks) == 1
    (person,) = tracker.update([somebody()], 1.0)
    assert person.id == "p2"


def test_unsure_people_are_reported_only_when_seen_several_times():
    tracker = Tracker(birth_hits=3, sure_score=0.5)
    reported = [tracker.update([somebody(score=0.3)], frame * FRAME_S) for frame in range(4)]
    assert [len(people) for people in reported] == [0, 0, 1, 1]
    assert tracker.update([somebody(), somebody(2, score=0.9)], 4 * FRAME_S)[1].id == "p2"


def test_who_was_only_looked_for_begins_no_track():
    tracker = Tracker()
    tracker.update([somebody(-1)], 0.0)
    look = Look(somebody(-1).box, 0.8, tracker.tracks[0])
    reported = tracker.update([somebody(-1), somebody(2)], FRAME_S, [look, look])
    assert [person.id for person in reported] == ["p1"]
    assert len(tracker.tracks) == 1


def test_where_the_detector_corrects_a_track_it_continues_however_far():
    tracker = Tracker()
    tracker.update([somebody(0, 6.0)], 0.0)
    look = Look(somebody(0, 3.0).box, 0.8, tracker.tracks[0], detected=True)
    (person,) = tracker.update([somebody(0, 3.0)], FRAME_S, [look])
    assert person.id == "p1"


def test_somebody_new_beside_others_is_trusted_later():
    tracker = Tracker(birth_hits=3)
    beside = Look(somebody(1).box, 0.8, detected=True, apart=False)
    reported = [tracker.update([somebody(1)], frame * FRAME_S, [beside]) for frame in range(3)]
    assert [len(people) for people in reported] == [0, 0, 1]


def test_a_track_does_not_jump_to_somebody_far_behind():
    tracker = Tracker()
    tracker.update([somebody(0, 3.0)], 0.0)
    (person,) = tracker.update([somebody(0.2, 5.0)], 0.6)
    assert person.id == "p2"


def test_the_next_box_shrinks_slowly_when_a_pose_collapses():
    tracker = Tracker()
    whole = somebody()
    tracker.update([whole], 0.0)
    middle = whole.joints2d.mean(axis=0)
    collapsed = replace(whole, joints2d=middle + 0.3 * (whole.joints2d - middle))
    tracker.update([replace(collapsed, box=whole.box)], FRAME_S)
    box = tracker.tracks[0].box_at(2 * FRAME_S, CAMERA)
    assert (box[2:] - box[:2]) / (whole.box[2:] - whole.box[:2]) == pytest.approx([0.95, 0.95], abs=0.02)


def test_a_clip_that_starts_over_starts_new_tracks():
    tracker = Tracker()
    tracker.update([somebody()], 10.0)
    (person,) = tracker.update([somebody()], 0.0)
    assert person.id == "p2"
    assert person.velocity == pytest.approx([0, 0, 0])


def test_a_track_can_be_forgotten():
    tracker = Tracker()
    tracker.update([somebody(-1), somebody(1)], 0.0)
    tracker.forget(tracker.tracks[0])
    reported = tracker.update([somebody(-1), somebody(1)], FRAME_S)
    assert [person.id for person in reported] == ["p3", "p2"]


def test_the_velocity_of_somebody_who_walks_steadily_is_found():
    tracker = Tracker()
    for frame in range(60):
        (person,) = tracker.update([somebody(1.2 * frame * FRAME_S, 6 - 0.5 * frame * FRAME_S)], frame * FRAME_S)
    assert person.velocity == pytest.approx([1.2, 0, -0.5], abs=0.05)


def test_smoothing_takes_most_of_the_trembling_and_lags_little():
    random = np.random.default_rng(0)
    tracker = Tracker()
    still, moving = [], []
    for frame in range(120):
        noisy = somebody()
        noisy = replace(noisy, joints3d=noisy.joints3d + random.normal(0, 0.02, noisy.joints3d.shape))
        still.append(tracker.update([noisy], frame * FRAME_S)[0].joints3d)
    assert np.stack(still[30:]).std(axis=0).mean() < 0.6 * 0.02
    tracker = Tracker()
    for frame in range(60):
        x = 1.5 * frame * FRAME_S
        moving.append(tracker.update([somebody(x)], frame * FRAME_S)[0].position[0] - x)
    assert abs(moving[-1]) < 0.08


def test_2d_joints_stay_as_seen():
    tracker = Tracker()
    tracker.update([somebody(0)], 0.0)
    seen = somebody(0.1)
    (person,) = tracker.update([seen], FRAME_S)
    assert np.array_equal(person.joints2d, seen.joints2d)


def test_the_next_box_holds_the_moved_body_and_ends_at_the_image():
    tracker = Tracker()
    for frame in range(60):
        tracker.update([somebody(1.0 * frame * FRAME_S - 1)], frame * FRAME_S)
    (track,) = tracker.tracks
    soon = 65 * FRAME_S
    box = track.box_at(soon, CAMERA)
    there = CAMERA.project(somebody(1.0 * soon - 1).joints3d)
    assert (box[:2] <= there.min(axis=0)).all()
    assert (box[2:] >= np.minimum(there.max(axis=0), [640, 480])).all()
    assert np.ptp(there[:, 1]) < box[3] - box[1] < 1.2 * np.ptp(there[:, 1])
    assert (box >= 0).all()


def test_the_next_box_of_somebody_who_left_the_image_is_not_empty():
    tracker = Tracker()
    tracker.update([somebody(8.0)], 0.0)
    box = tracker.tracks[0].box_at(FRAME_S, CAMERA)
    assert (box[2:] - box[:2] >= 2).all()
    assert (box >= 0).all()
    assert (box[2:] <= [640, 480]).all()


def test_the_filter_passes_a_first_value_and_settles_on_a_constant():
    smooth = OneEuroFilter(1.0, 0.0)
    assert smooth(np.array([5.0, 5, 5]), FRAME_S).tolist() == [5, 5, 5]
    for _ in range(200):
        value = smooth(np.array([1.0, 2, 3]), FRAME_S)
    assert value == pytest.approx([1, 2, 3], abs=1e-6)


def test_the_filter_at_rest_is_a_low_pass_of_its_cutoff():
    # A sine at the cutoff frequency comes out at 1 / sqrt(2) of its height (first order, sampled finely).
    smooth = OneEuroFilter(2.0, 0.0)
    seconds = np.arange(0, 4, 1 / 1000)
    out = np.array([smooth(np.array([value]), 1 / 1000)[0] for value in np.sin(2 * np.pi * 2.0 * seconds)])
    assert out[2000:].max() == pytest.approx(1 / np.sqrt(2), abs=0.01)
