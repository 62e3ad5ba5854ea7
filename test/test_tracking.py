"""Tracks: names that stay, smooth motion, and where to look next."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from metric_pose_ros import Camera, Person
from metric_pose_ros.detection import overlap
from metric_pose_ros.track import Look
from metric_pose_ros.tracking import Tracker
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
    reported = [tracker.update([somebody(score=0.35)], frame * FRAME_S) for frame in range(4)]
    assert [len(people) for people in reported] == [0, 0, 1, 1]
    assert tracker.update([somebody(), somebody(2, score=0.9)], 4 * FRAME_S)[1].id == "p2"


def test_what_scores_little_again_and_again_is_nobody():
    tracker = Tracker(birth_hits=3, birth_detections=2, birth_score=0.32)
    assert not any(tracker.update([somebody(score=0.31)], frame * FRAME_S) for frame in range(30))
    tracker.update([somebody(score=0.32)], 30 * FRAME_S)
    (track,) = tracker.tracks
    assert (track.hits, track.detections, track.id) == (31, 1, "")


def test_a_track_that_only_confirms_itself_is_not_reported_until_the_detector_agrees():
    tracker = Tracker(birth_hits=3, birth_detections=2)
    tracker.update([somebody()], 0.0, [Look(somebody().box, 0.9, detected=True, apart=False)])
    (track,) = tracker.tracks
    looks = [Look(somebody().box, 0.9, track)]
    assert [len(tracker.update([somebody()], k * FRAME_S, looks)) for k in range(1, 11)] == [0] * 10
    track.detections += 1
    assert len(tracker.update([somebody()], 11 * FRAME_S, looks)) == 1


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
    assert np.stack(still[30:]).std(axis=0).mean() < 0.7 * 0.02
    # From frame to frame hardly anything is left: white noise of 20 mm bends by sqrt(6) times that.
    assert np.diff(np.stack(still[30:]), 2, axis=0).std() < 0.3 * np.sqrt(6) * 0.02
    tracker = Tracker()
    for frame in range(60):
        x = 1.5 * frame * FRAME_S
        moving.append(tracker.update([somebody(x)], frame * FRAME_S)[0].position[0] - x)
    assert abs(moving[-1]) < 0.02


def turning(degrees: float) -> np.ndarray:
    """(4, 4) from the frame of a camera that has turned to its right so far, to where it began."""
    pose = np.eye(4)
    pose[:3, :3] = Rotation.from_euler("y", degrees, degrees=True).as_matrix()
    pose[0, 3] = 0.002 * degrees
    return pose


def seen_from(person: Person, pose: np.ndarray) -> Person:
    joints = (person.joints3d - pose[:3, 3]) @ pose[:3, :3]
    points = CAMERA.project(joints)
    bounds = np.concatenate([points.min(axis=0), points.max(axis=0)])
    return replace(person, joints3d=joints, joints2d=points, box=bounds)


def test_somebody_who_stands_still_before_a_turning_camera_has_no_velocity():
    tracker = Tracker()
    for frame in range(40):
        pose = turning(frame)  # 30 degrees per second
        (person,) = tracker.update([seen_from(somebody(0.5), pose)], frame * FRAME_S, pose=pose)
    assert person.velocity == pytest.approx([0, 0, 0], abs=1e-3)
    assert person.joints3d == pytest.approx(seen_from(somebody(0.5), pose).joints3d, abs=1e-3)
    tracker = Tracker()
    for frame in range(40):
        (person,) = tracker.update([seen_from(somebody(0.5), turning(frame))], frame * FRAME_S)
    assert np.linalg.norm(person.velocity) > 1.5


def test_velocities_are_in_the_cameras_axes_though_followed_in_others():
    tracker = Tracker()
    for frame in range(60):
        walking = somebody(1.2 * frame * FRAME_S - 1, 6 - 0.5 * frame * FRAME_S)
        (person,) = tracker.update([seen_from(walking, turning(60))], frame * FRAME_S, pose=turning(60))
    assert person.velocity == pytest.approx(turning(60)[:3, :3].T @ [1.2, 0, -0.5], abs=0.05)


def test_the_next_box_is_where_a_turning_camera_will_see_the_body():
    tracker = Tracker()
    for frame in range(10):
        tracker.update([seen_from(somebody(0.5), turning(frame))], frame * FRAME_S, pose=turning(frame))
    there = seen_from(somebody(0.5), turning(20)).box
    ((_, box),) = tracker.expect(10 * FRAME_S, CAMERA, turning(20))
    assert overlap(box[None], there[None])[0, 0] > 0.7
    ((_, box),) = tracker.expect(10 * FRAME_S, CAMERA, turning(9))
    assert overlap(box[None], there[None])[0, 0] < 0.5


def test_somebody_who_walks_behind_another_and_stops_there_keeps_the_id():
    tracker = Tracker()
    for frame in range(45):
        ids = [person.id for person in tracker.update([somebody(0, 3.0), somebody(-1.5 + frame / 30, 5.0)], frame / 30)]
        assert ids == ["p1", "p2"]
    for frame in range(45, 105):  # two seconds out of sight
        tracker.update([somebody(0, 3.0)], frame / 30)
    assert [person.id for person in tracker.update([somebody(0, 3.0), somebody(-0.6, 5.0)], 105 / 30)] == ["p1", "p2"]


def test_who_is_in_view_is_not_taken_for_somebody_just_lost_behind_them():
    tracker = Tracker()
    for frame in range(30):
        tracker.update([somebody(0, 4.2), somebody(0.5, 5.0)], frame / 30)
    for frame in range(30, 36):
        (person,) = tracker.update([somebody(0, 4.2)], frame / 30)
    # A look at the first one that is off towards where the second one is expected.
    for x, z in ((0.15, 4.5), (0.3, 4.7), (0.1, 4.3)):
        frame += 1
        (person,) = tracker.update([somebody(x, z)], frame / 30)
        assert person.id == "p1"


def test_somebody_who_vanishes_in_the_open_is_forgotten_sooner():
    tracker = Tracker()
    for frame in range(45):
        tracker.update([somebody(0, 3.0), somebody(2.0, 5.0)], frame / 30)
    for frame in range(45, 75):
        tracker.update([somebody(0, 3.0)], frame / 30)
    assert [person.id for person in tracker.update([somebody(0, 3.0), somebody(2.0, 5.0)], 2.5)] == ["p1", "p3"]


def test_smoothing_can_change_while_somebody_is_followed():
    random, tracker = np.random.default_rng(1), Tracker()

    def trembling(frames: range) -> float:
        """Mean second difference of a hand against the pelvis, metres per frame^2."""
        seen = []
        for frame in frames:
            still = somebody(0)
            noisy = replace(still, joints3d=still.joints3d + random.normal(0, 0.02, still.joints3d.shape))
            (person,) = tracker.update([noisy], frame * FRAME_S)
            seen.append(person.joints3d[20] - person.joints3d[0])
        return float(np.linalg.norm(np.diff(seen, 2, axis=0), axis=1).mean())

    rough = trembling(range(60))
    tracker.smoothing = (0.1, 0.0)
    smooth = trembling(range(60, 120))
    tracker.smoothing = (100.0, 0.0)
    assert smooth < rough / 2
    assert trembling(range(120, 180)) > 3 * rough


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


def test_nobody_who_comes_near_fast_is_smoothed_to_behind_the_camera():
    tracker = Tracker()
    nearest = []
    for frame in range(16):
        distance = max(6.0 - 0.5 * frame, 0.36)  # 15 m/s at 30 Hz, then stands still
        (person,) = tracker.update([standing("", (0.0, 0.0, distance))], frame / 30)
        nearest.append(person.joints3d[:, 2].min())
    assert min(nearest) > 0
    assert nearest[-1] == pytest.approx(0.25, abs=0.01)  # the hands, 11 cm before the pelvis
    assert person.id == "p1"


def test_with_a_frame_a_second_people_who_walk_keep_their_ids():
    tracker = Tracker(death_s=0.7)
    for second in range(8):
        reported = tracker.update([somebody(-2 + 0.6 * second), somebody(2 - 0.1 * second, 6)], float(second))
        assert [person.id for person in reported] == ["p1", "p2"]
    assert tracker.update([somebody(2.2)], 12.0)[0].id == "p3"  # a pause of five seconds is too long


def test_with_a_frame_a_second_somebody_is_looked_for_where_a_steady_walk_leads():
    tracker = Tracker()
    for second in range(8):
        there = somebody(-3 + 1.0 * second, 5.0 + 0.3 * second)
        if second > 3:
            ((track, box),) = tracker.expect(float(second), CAMERA)
            assert overlap(box[None], np.clip(there.box, 0, [640, 480, 640, 480])[None])[0, 0] > 0.6
            assert track.expected_joints == pytest.approx(there.joints3d, abs=0.3)
        (person,) = tracker.update([there], float(second))
        assert person.id == "p1"
        if second > 2:
            assert person.velocity == pytest.approx([1.0, 0, 0.3], abs=0.15)


@pytest.mark.parametrize("pause_s", [0.6, 1.0, 1.5, 2.5])
@pytest.mark.parametrize("pace", [0.0, 0.6])
def test_who_stops_or_slows_down_while_no_frame_comes_keeps_the_id(pause_s, pace):
    tracker = Tracker()
    for frame in range(31):
        tracker.update([somebody(-2.4 + 1.2 * frame / 15, 5.0)], frame / 15)
    (person,) = tracker.update([somebody(pace * pause_s, 5.0)], 2.0 + pause_s)
    assert person.id == "p1"


def test_nobody_who_was_missed_is_expected_to_walk_on_for_more_than_half_a_second():
    tracker = followed()
    ((track, _),) = tracker.expect(1.8, CAMERA)
    start, velocity = track.motion.position, track.motion.velocity
    assert track.position_at(1.8) == pytest.approx(start + 0.8 * velocity)  # since then there was no frame
    tracker.update([], 1.2)
    assert track.position_at(1.3) == pytest.approx(start + 0.3 * velocity)
    assert track.position_at(1.6) == pytest.approx(start + 0.5 * velocity)
    tracker.update([somebody(0.84)], 1.4)
    assert track.position_at(2.4) == pytest.approx(track.motion.position + track.motion.velocity)


def test_the_joints_of_somebody_who_walks_are_expected_as_far_on_as_the_box():
    tracker = Tracker()
    for frame in range(60):
        tracker.update([somebody(x=0.02 * frame)], frame * FRAME_S)
    ((track, _),) = tracker.expect(64 * FRAME_S, CAMERA)
    assert track.expected_joints is not None
    moved = track.expected_joints - track.person.joints3d
    assert np.abs(moved - [0.1, 0, 0]).max() < 0.02  # five frames of 2 cm


def test_of_somebody_whom_the_detector_does_not_see_no_joints_are_expected():
    tracker = Tracker()
    tracker.update([somebody()], 0.0)
    (track,) = tracker.tracks
    for unconfirmed, known in ((0, True), (1, True), (2, False), (0, True)):
        track.unconfirmed = unconfirmed
        tracker.expect(FRAME_S, CAMERA)
        assert (track.expected_joints is not None) == known


def followed(velocity: float = 0.6, z: float = 4.0) -> Tracker:
    """Somebody who has walked along x for a second; the last frame was at second 1."""
    tracker = Tracker()
    for frame in range(31):
        tracker.update([somebody(velocity * frame * FRAME_S, z)], frame * FRAME_S)
    return tracker


def test_somebody_is_looked_for_where_the_body_and_a_little_around_it_will_be_seen():
    (track,) = followed(0.0).tracks
    low, high = track.person.joints2d.min(axis=0), track.person.joints2d.max(axis=0)
    x1, y1, x2, y2 = track.box_at(1.0, CAMERA)
    # Equally much on all sides, as wide as flesh is at that distance.
    flesh = low[0] - x1
    assert 0.02 < flesh / CAMERA.K[0, 0] * 4.0 < 0.2
    np.testing.assert_allclose([x1, y1, x2, y2], [*(low - flesh), *(high + flesh)], atol=0.5)


def test_joints_are_expected_as_last_seen_moved_along():
    (track,) = followed().tracks
    later = track.joints_at(1.1)
    np.testing.assert_allclose(later - track.person.joints3d, np.tile(later[0] - track.person.joints3d[0], (30, 1)))
    assert later[0, 0] - track.person.joints3d[0, 0] == pytest.approx(0.06, abs=0.02)
    # A camera that has moved along with the person expects them where they were.
    pose = np.eye(4)
    pose[0, 3] = 0.06
    assert track.joints_at(1.1, pose)[0, 0] == pytest.approx(track.person.joints3d[0, 0], abs=0.02)


def test_whoever_is_expected_is_expected_with_joints_unless_the_detector_doubts():
    tracker = followed()
    pose = np.eye(4)
    pose[0, 3] = 0.5
    ((track, _),) = tracker.expect(1.1, CAMERA, pose)
    np.testing.assert_allclose(track.expected_joints, track.joints_at(1.1, pose))
    assert not np.allclose(track.expected_joints, track.joints_at(1.1))


def test_where_the_lens_cannot_see_somebody_the_last_box_counts_as_far_as_it_is_in_the_image():
    tracker = followed(0.0, 0.6)
    (track,) = tracker.tracks
    track.person = replace(track.person, box=np.array([-20.0, 30, 700, 500]))
    behind = np.eye(4)
    behind[2, 3] = 5.0
    np.testing.assert_array_equal(track.box_at(1.0, CAMERA, behind), [0, 30, 640, 480])


@pytest.mark.parametrize("x", [-30.0, 30.0])
def test_a_box_is_never_empty_and_never_outside_the_image(x):
    (track,) = followed(0.0).tracks
    pose = np.eye(4)
    pose[0, 3] = x
    x1, y1, x2, y2 = track.box_at(1.0, CAMERA, pose)
    assert 0 <= x1 < x2 <= 640
    assert 0 <= y1 < y2 <= 480
    assert x2 - x1 == pytest.approx(2)


def test_through_another_camera_people_are_looked_for_where_that_one_sees_them():
    tracker = followed(0.0)
    (track,) = tracker.tracks
    half = CAMERA.resized(320, 240)
    expected = half.project(track.person.joints3d)
    tracker.look_through(half)
    np.testing.assert_allclose(track.person.joints2d, expected)
    np.testing.assert_allclose(track.person.box, [*expected.min(axis=0), *expected.max(axis=0)])
    x1, y1, x2, y2 = track.box_at(1.0, half)
    assert x1 < track.person.box[0] < track.person.box[2] < x2
    assert y1 < track.person.box[1] < track.person.box[3] < y2


def test_who_is_behind_another_camera_is_left_as_seen():
    tracker = followed(0.0)
    (track,) = tracker.tracks
    before = track.person
    track.person = replace(before, joints3d=before.joints3d - [0, 0, 8.0])
    tracker.look_through(CAMERA.resized(320, 240))
    np.testing.assert_array_equal(track.person.joints2d, before.joints2d)
    np.testing.assert_array_equal(track.person.box, before.box)
