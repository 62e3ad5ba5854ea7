from __future__ import annotations

import numpy as np

from metric_pose_ros.demo.summary import Run, table
from metric_pose_ros.skeleton import BODY_30
from test.standing import standing


def two_people() -> Run:
    run = Run(stamps=[10.0, 10.1, 10.2, 10.3], seconds=0.3)
    for index, stamp in enumerate(run.stamps):
        run.people[stamp] = {1: standing(at=(0.0, 0.0, 4.0 + 0.1 * index)).joints3d}
        run.latency[stamp] = 0.050 + 0.010 * index
    run.people[10.2][7] = standing(at=(2.0, 0.0, 2.0)).joints3d
    return run


def test_the_table_names_everybody_with_frames_distance_and_height() -> None:
    lines = table(two_people(), BODY_30).splitlines()
    # The hips are 20 mm below the pelvis: sqrt(4.15^2 + 0.02^2) and sqrt(2^2 + 2^2 + 0.02^2).
    assert lines[1].split() == ["p1", "4/4", "4.15", "m", "1.70", "m"]
    assert lines[2].split() == ["p7", "1/4", "2.83", "m", "1.70", "m"]
    assert lines[3] == "4 of 4 frames processed, 10.0 frames/s; from image to keypoints 65 ms median, 78 ms p95"


def test_the_person_whom_the_truth_is_about_is_told_by_direction_not_by_distance() -> None:
    # As far away as p1 is said to be, but where p7 stands.
    truth = np.array([[2.05, 0.02, 2.05]] * 4)
    line = next(line for line in table(two_people(), BODY_30, truth).splitlines() if "truth" in line)
    assert line.startswith("p7 ")
    assert "truth 2.90 m" in line
    assert "error -2.4 % median, 2.4 % at worst" in line


def test_a_run_without_people_says_so() -> None:
    run = Run(stamps=[1.0, 2.0], people={1.0: {}, 2.0: {}}, latency={1.0: 0.1, 2.0: 0.1}, seconds=1.0)
    assert "nobody was seen" in table(run, BODY_30, np.ones((2, 3)))
