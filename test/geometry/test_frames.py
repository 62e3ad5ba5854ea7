"""Frames over time, against SciPy's rotations and interpolation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation, Slerp

from metric_pose_ros.geometry.frames import STATIC, Frames, FramesError, NotYetKnownError

TURN = Rotation.from_euler("zyx", [40, -20, 10], degrees=True)
OTHER = Rotation.from_euler("zyx", [-70, 5, 30], degrees=True)


def wxyz(rotation: Rotation) -> np.ndarray:
    return np.roll(rotation.as_quat(), 1)


def matrix(rotation: Rotation, move: tuple[float, float, float]) -> np.ndarray:
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = rotation.as_matrix(), move
    return pose


def add(
    frames: Frames, parent: str, child: str, stamp: float, turn: Rotation, move: tuple[float, float, float]
) -> None:
    frames.add(parent, child, stamp, np.array(move), wxyz(turn))


@pytest.fixture
def robot() -> Frames:
    """map -> odom -> base -> camera, of which base moves, and base -> arm."""
    frames = Frames()
    add(frames, "map", "odom", STATIC, Rotation.identity(), (10.0, 0.0, 0.0))
    add(frames, "odom", "base", 1.0, TURN, (1.0, 2.0, 0.0))
    add(frames, "odom", "base", 2.0, OTHER, (3.0, 2.0, 0.0))
    add(frames, "base", "camera", STATIC, OTHER, (0.1, 0.0, 1.2))
    add(frames, "base", "arm", STATIC, TURN, (0.3, 0.2, 0.5))
    return frames


def test_transforms_along_the_tree_are_multiplied(robot: Frames) -> None:
    odom = matrix(Rotation.identity(), (10.0, 0.0, 0.0))
    expected = odom @ matrix(TURN, (1.0, 2.0, 0.0)) @ matrix(OTHER, (0.1, 0.0, 1.2))
    np.testing.assert_allclose(robot.pose("map", "camera", 1.0), expected, atol=1e-12)
    np.testing.assert_allclose(robot.pose("camera", "map", 1.0), np.linalg.inv(expected), atol=1e-12)


def test_between_two_stamps_the_pose_is_interpolated_as_scipy_does_it(robot: Frames) -> None:
    turn = Slerp([1.0, 2.0], Rotation.concatenate([TURN, OTHER]))(1.25)
    np.testing.assert_allclose(robot.pose("odom", "base", 1.25), matrix(turn, (1.5, 2.0, 0.0)), atol=1e-12)


def test_the_opposite_sign_of_a_quaternion_is_the_same_rotation(robot: Frames) -> None:
    frames = Frames()
    add(frames, "odom", "base", 1.0, TURN, (0.0, 0.0, 0.0))
    frames.add("odom", "base", 2.0, np.zeros(3), -wxyz(OTHER))
    np.testing.assert_allclose(frames.pose("odom", "base", 1.4)[:3, :3], robot.pose("odom", "base", 1.4)[:3, :3])


def test_between_branches_the_common_ancestor_is_enough(robot: Frames) -> None:
    expected = np.linalg.inv(matrix(TURN, (0.3, 0.2, 0.5))) @ matrix(OTHER, (0.1, 0.0, 1.2))
    # The moving base is no part of this way, so any time will do.
    np.testing.assert_allclose(robot.pose("arm", "camera", 1e9), expected, atol=1e-12)


def test_a_frame_is_where_it_is_to_itself() -> None:
    np.testing.assert_array_equal(Frames().pose("camera", "camera", 5.0), np.eye(4))


def test_a_time_beyond_the_newest_transform_is_told_with_what_is_known(robot: Frames) -> None:
    with pytest.raises(NotYetKnownError, match=r"from 'camera' to 'map' is 0\.500 s older than the image") as caught:
        robot.pose("map", "camera", 2.5)
    assert caught.value.newest_s == 2.0
    robot.pose("map", "camera", caught.value.newest_s)


def test_a_time_before_the_oldest_transform_is_refused(robot: Frames) -> None:
    with pytest.raises(FramesError, match=r"0\.500 s younger than the image"):
        robot.pose("map", "camera", 0.5)


def test_frames_without_a_way_between_them_are_named(robot: Frames) -> None:
    with pytest.raises(FramesError, match=r"no transforms connect 'camera' with 'world'; frames known are arm, base"):
        robot.pose("world", "camera", 1.0)


def test_what_is_older_than_what_is_kept_is_forgotten() -> None:
    frames = Frames(keep_s=1.0)
    for stamp in np.arange(0, 5, 0.1):
        add(frames, "odom", "base", float(stamp), TURN, (float(stamp), 0.0, 0.0))
    assert frames.pose("odom", "base", 4.0)[0, 3] == pytest.approx(4.0)
    with pytest.raises(FramesError, match="younger"):
        frames.pose("odom", "base", 3.5)


def test_transforms_that_come_late_find_their_place() -> None:
    frames = Frames()
    for stamp in (1.0, 3.0, 2.0):
        add(frames, "odom", "base", stamp, TURN, (stamp**2, 0.0, 0.0))
    assert frames.pose("odom", "base", 2.0)[0, 3] == pytest.approx(4.0)
    assert frames.pose("odom", "base", 2.5)[0, 3] == pytest.approx(6.5)


def test_when_time_starts_over_only_what_always_holds_is_kept(robot: Frames) -> None:
    robot.clear()
    robot.pose("base", "camera", 0.0)
    with pytest.raises(FramesError, match="no transforms connect"):
        robot.pose("odom", "base", 1.0)


def test_a_frame_known_of_a_later_time_can_be_forgotten_and_one_that_always_holds_cannot(robot: Frames) -> None:
    robot.forget("base", 2.0)
    robot.forget("camera", 0.0)
    robot.forget("nowhere", 0.0)
    robot.pose("odom", "camera", 2.0)
    robot.forget("base", 1.9)
    robot.pose("base", "camera", 0.0)
    with pytest.raises(FramesError, match="no transforms connect"):
        robot.pose("odom", "base", 2.0)


def test_a_loop_of_frames_ends() -> None:
    frames = Frames()
    add(frames, "a", "b", STATIC, TURN, (0.0, 0.0, 0.0))
    add(frames, "b", "a", STATIC, TURN, (0.0, 0.0, 0.0))
    with pytest.raises(FramesError):
        frames.pose("c", "a", 0.0)


@pytest.mark.parametrize("turn", [np.zeros(4), np.full(4, np.nan)])
def test_a_rotation_that_is_none_is_refused(turn: np.ndarray) -> None:
    with pytest.raises(ValueError, match="no place and rotation"):
        Frames().add("a", "b", 0.0, np.zeros(3), turn)


def test_ever_new_frames_do_not_fill_the_memory() -> None:
    frames = Frames()
    still = np.array([1.0, 0, 0, 0])
    for number in range(10_000):
        frames.add("odom", f"f{number}", STATIC, np.zeros(3), still)
    with pytest.raises(ValueError, match="the frame another would be one of more than 10000 that stand still"):
        frames.add("odom", "another", 1.0, np.zeros(3), still)
    frames.add("odom", "f7", STATIC, np.ones(3), still)  # those that are known go on
    assert frames.pose("odom", "f7", 2.0)[0, 3] == 1


def test_a_stamp_from_the_future_makes_no_room_of_what_is_heard_now() -> None:
    frames = Frames()
    still = np.array([1.0, 0, 0, 0])
    frames.add("odom", "base", 1.0, np.zeros(3), still)
    frames.add("odom", "ahead", 4e9, np.zeros(3), still)
    for number in range(20_000):
        frames.add("odom", f"f{number}", 0.0, np.zeros(3), still)
        if number % 1000 == 0:
            frames.add("odom", "base", 1.0 + number / 1e4, np.ones(3), still)
    assert frames.pose("odom", "base", 2.0)[0, 3] == 1


def test_where_there_are_too_many_frames_those_that_are_gone_make_room() -> None:
    frames = Frames(keep_s=10.0)
    still = np.array([1.0, 0, 0, 0])
    frames.add("base", "camera", STATIC, np.zeros(3), still)
    for number in range(12_000):  # a people detector that names ever new ones
        stamp = number / 500
        frames.add("odom", f"f{number}", stamp, np.zeros(3), still)
        if number % 100 == 0:
            frames.add("odom", "base", stamp, np.zeros(3), still)
    frames.pose("odom", "camera", 23.8)
    frames.pose("odom", "f11999", 23.998)
    with pytest.raises(FramesError, match="no transforms connect"):
        frames.pose("odom", "f0", 0.0)


def test_between_stamps_that_are_not_a_second_apart_the_share_of_the_way_counts() -> None:
    frames = Frames()
    add(frames, "odom", "base", 10.0, TURN, (0.0, 0.0, 0.0))
    add(frames, "odom", "base", 10.4, OTHER, (4.0, 0.0, 0.0))
    turn = Slerp([10.0, 10.4], Rotation.concatenate([TURN, OTHER]))(10.1)
    np.testing.assert_allclose(frames.pose("odom", "base", 10.1), matrix(turn, (1.0, 0.0, 0.0)), atol=1e-9)


@pytest.mark.parametrize("degrees", [0.0, 0.01, 20.0, 179.0])
def test_small_and_large_turns_are_interpolated_alike(degrees: float) -> None:
    frames = Frames()
    add(frames, "odom", "base", 0.0, Rotation.identity(), (0.0, 0.0, 0.0))
    add(frames, "odom", "base", 2.0, Rotation.from_euler("z", degrees, degrees=True), (0.0, 0.0, 0.0))
    expected = Rotation.from_euler("z", 0.75 * degrees, degrees=True).as_matrix()
    np.testing.assert_allclose(frames.pose("odom", "base", 1.5)[:3, :3], expected, atol=1e-9)


def test_a_rotation_of_another_length_is_the_same_rotation() -> None:
    frames = Frames()
    frames.add("odom", "base", 0.0, np.zeros(3), 1.01 * wxyz(TURN))
    frames.add("odom", "base", 1.0, np.zeros(3), 0.2 * wxyz(OTHER))
    turn = Slerp([0.0, 1.0], Rotation.concatenate([TURN, OTHER]))(0.4)
    np.testing.assert_allclose(frames.pose("odom", "base", 0.4)[:3, :3], turn.as_matrix(), atol=1e-9)


def test_whole_numbers_are_numbers() -> None:
    frames = Frames()
    for stamp, x in ((0.0, 0), (1.0, 1)):
        frames.add("odom", "base", stamp, np.array([x, 0, 0]), np.array([1, 0, 0, 0]))
    np.testing.assert_allclose(frames.pose("odom", "base", 0.5)[:3, 3], [0.5, 0, 0])


def test_a_moving_frame_that_is_said_to_stand_still_does() -> None:
    frames = Frames()
    add(frames, "odom", "base", 1.0, TURN, (1.0, 0.0, 0.0))
    add(frames, "odom", "base", STATIC, OTHER, (2.0, 0.0, 0.0))
    np.testing.assert_allclose(frames.pose("odom", "base", 77.0), matrix(OTHER, (2.0, 0.0, 0.0)), atol=1e-12)


def test_a_frame_that_is_hung_elsewhere_forgets_where_it_was(robot: Frames) -> None:
    add(robot, "map", "base", 1.5, OTHER, (7.0, 0.0, 0.0))
    np.testing.assert_allclose(robot.pose("map", "base", 1.5), matrix(OTHER, (7.0, 0.0, 0.0)), atol=1e-12)
    with pytest.raises(FramesError, match="younger"):
        robot.pose("map", "base", 1.2)


def test_what_is_exactly_as_old_as_what_is_kept_is_kept() -> None:
    frames = Frames(keep_s=2.0)
    for stamp in (1.0, 3.0):
        add(frames, "odom", "base", stamp, TURN, (stamp, 0.0, 0.0))
    assert frames.pose("odom", "base", 1.0)[0, 3] == pytest.approx(1.0)


def test_without_any_frame_the_complaint_says_so() -> None:
    with pytest.raises(FramesError, match=r"frames known are none$"):
        Frames().pose("map", "camera", 1.0)


@pytest.mark.parametrize("far", [np.nan, np.inf, -np.inf, 1e308, -1e10])
def test_a_place_out_of_this_world_is_refused(far: float) -> None:
    frames = Frames()
    frames.add("earth", "map", 1.0, np.array([4e6, 4e6, 4e6]), np.array([1.0, 0, 0, 0]))  # earth-centred coordinates
    with pytest.raises(ValueError, match=r"the transform from map to odom is .*: no place and rotation"):
        frames.add("map", "odom", 1.0, np.array([0.0, far, 0.0]), np.array([1.0, 0, 0, 0]))
    assert np.isfinite(frames.pose("earth", "map", 1.0)).all()
