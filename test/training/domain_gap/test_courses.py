"""Boxes of a detector put together over frames."""

import numpy as np
import pytest

from training.domain_gap.clips import CUTS
from training.domain_gap.courses import follow, stored_courses


def test_two_people_who_pass_each_other_are_two_courses_though_one_is_missed_for_a_moment():
    detections = {}
    for frame in range(0, 20, 2):
        right = np.array([100.0 + 4 * frame, 50, 140 + 4 * frame, 150])
        still = np.array([300.0, 40, 350, 170])
        boxes = [still, right] if frame % 4 else [right, still]
        detections[frame] = np.stack(boxes if frame != 8 else [still])
    detections[12] = np.concatenate([detections[12], [[500.0, 10, 520, 30]]])
    courses = follow(detections, gap=4, least_frames=10, least_px=50)
    assert [(course.start, len(course)) for course in courses] == [(0, 19), (0, 19)]
    walker = max(courses, key=lambda course: np.ptp(course.boxes[:, 0]))
    # Even motion is kept, also where nobody looked.
    assert walker.boxes[5:14, 0] == pytest.approx(100 + 4.0 * np.arange(5, 14))


def test_every_clip_has_its_people_in_the_file():
    stored = stored_courses()
    assert set(stored) == {cut.name for cut in CUTS}
    for cut in CUTS:
        assert stored[cut.name]
        for course in stored[cut.name]:
            assert cut.first <= course.start
            assert course.start + len(course) <= cut.first + cut.count
            assert (course.boxes[:, 2:] > course.boxes[:, :2]).all()
