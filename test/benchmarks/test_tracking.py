"""The simulated scenes are what they say, and the tracker does well in them."""

from __future__ import annotations

import numpy as np
import pytest

from metric_pose_ros import Detection
from test.benchmarks.crowd import CAMERA, RATE_HZ, SeesCrowd, Walk, scene
from test.benchmarks.tracking import follow, smoothing

CROSSING = scene("crossing", [Walk(((-2.0, 3.5), (2.0, 3.5))), Walk(((2.2, 4.8), (-2.2, 4.8)))], 4.0, seed=1)


def test_people_walk_at_their_pace_and_keep_their_bones() -> None:
    pelvis = CROSSING.joints3d[:, 0, 0]
    assert np.linalg.norm(np.diff(pelvis[10:80], axis=0), axis=1) * RATE_HZ == pytest.approx(1.2, abs=1e-6)
    thigh = np.linalg.norm(CROSSING.joints3d[:, 0, 1] - CROSSING.joints3d[:, 0, 4], axis=1)
    assert np.ptp(thigh) < 1e-9
    assert CROSSING.joints3d[:, 0, 7, 1].max() > pelvis[0, 1] + 0.8  # feet below the hips


def test_whoever_is_further_is_hidden_where_both_are_in_line() -> None:
    apart = np.abs(np.diff(CROSSING.joints2d[:, :, 0, 0], axis=1)[:, 0])
    assert CROSSING.visible[:, 0].min() == 1.0
    assert CROSSING.visible[apart.argmin(), 1] < 0.7
    assert CROSSING.visible[apart > 300, 1].min() == 1.0


def test_the_noise_is_as_large_as_was_measured() -> None:
    still = scene("still", [Walk(((0.0, 3.5), (0.01, 3.5)))], 60.0, seed=2)
    off = SeesCrowd(still).seen[:, 0, 0] - still.joints3d[:, 0, 0]
    assert off[:, 2].std() == pytest.approx(0.058 * 3.5, rel=0.25)
    assert off[:, 0].std() == pytest.approx(0.0063 * 3.5, rel=0.25)


def test_people_who_cross_keep_their_ids_and_are_smoothed() -> None:
    accumulator, courses, _, _ = follow(CROSSING)
    events = accumulator.mot_events
    assert (events["Type"] == "SWITCH").sum() == 0
    assert (events["Type"] == "MISS").sum() < 0.05 * len(CROSSING) * 2
    pelvis = smoothing(courses)["pelvis"]
    assert pelvis["jitter after, mm/frame^2"] < 0.25 * pelvis["jitter before, mm/frame^2"]


def test_the_image_says_which_frame_it_is() -> None:
    seen = SeesCrowd(CROSSING)
    (people,) = seen.estimate_many([(seen.image(60), CAMERA, [Detection(box, 1.0) for box in CROSSING.seen[60]])])
    assert {seen.whose(60, person) for person in people} <= {0, 1}
    assert len(people) >= 1
