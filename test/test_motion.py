"""Filters of motion, against closed forms and a plain Kalman filter."""

import numpy as np
import pytest
from scipy.linalg import solve_discrete_are

from metric_pose_ros.motion import OneEuroFilter, WalkingFilter

FRAME_S = 1 / 30


def test_who_walks_steadily_is_followed_without_lag():
    walking = WalkingFilter(np.zeros(3), 0.01 * np.eye(3))
    for frame in range(1, 90):
        walking.correct(FRAME_S, np.array([1.2, 0.0, -0.5]) * frame * FRAME_S, 0.01 * np.eye(3))
    assert walking.velocity == pytest.approx([1.2, 0, -0.5], abs=1e-3)
    assert walking.position == pytest.approx(np.array([1.2, 0, -0.5]) * 89 * FRAME_S, abs=1e-3)
    assert walking.position_at(0.2) == pytest.approx(walking.position + 0.2 * walking.velocity)


@pytest.mark.parametrize("seconds", [0.7, 1.0, 2.0])
def test_with_few_frames_the_velocity_is_no_larger(seconds):
    walking = WalkingFilter(np.zeros(3), 0.01 * np.eye(3))
    for frame in range(1, 9):
        walking.correct(seconds, np.array([1.2, 0.0, -0.5]) * frame * seconds, 0.01 * np.eye(3))
    assert walking.velocity == pytest.approx([1.2, 0, -0.5], abs=0.02)


def test_in_steady_state_the_variance_solves_the_riccati_equation():
    # One axis of constant velocity with white acceleration: position and velocity, SciPy's discrete Riccati equation.
    noise = 0.04
    move = np.array([[1, FRAME_S], [0, 1]])
    process = 1.5**2 * np.array([[FRAME_S**3 / 3, FRAME_S**2 / 2], [FRAME_S**2 / 2, FRAME_S]])
    look = np.array([[1.0, 0.0]])
    predicted = solve_discrete_are(move.T, look.T, process, np.array([[noise]]))
    walking = WalkingFilter(np.zeros(3), np.eye(3))
    for _ in range(600):
        walking.correct(FRAME_S, np.zeros(3), noise * np.eye(3))
    assert np.diag(walking.covariance_at(FRAME_S)) == pytest.approx([predicted[0, 0]] * 3, rel=1e-6)


def test_what_is_less_sure_moves_it_less():
    walking = WalkingFilter(np.zeros(3), 0.01 * np.eye(3))
    walking.correct(FRAME_S, np.array([1.0, 1.0, 1.0]), np.diag([0.01, 0.1, 10.0]))
    assert walking.position[0] > 2 * walking.position[1] > 4 * walking.position[2] > 0


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
