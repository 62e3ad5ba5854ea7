from __future__ import annotations

import time

from metric_pose_ros.complaints import Complaints


class Log:
    def __init__(self) -> None:
        self.lines: list[str] = []

    def error(self, text: str) -> None:
        self.lines.append(f"error: {text}")

    def warning(self, text: str) -> None:
        self.lines.append(f"warning: {text}")


def test_the_same_complaint_is_logged_once_and_counted_each_time() -> None:
    log = Log()
    complaints = Complaints(log, every_s=60.0)
    for size in range(200):
        complaints.error(f"the image holds {size} bytes")
    complaints.warning("no CameraInfo yet")
    assert log.lines == ["error: the image holds 0 bytes", "warning: no CameraInfo yet"]
    assert complaints.count == 201
    assert complaints.latest == "no CameraInfo yet"
    assert time.monotonic() - complaints.latest_s < 60


def test_a_complaint_is_logged_again_when_its_time_has_passed() -> None:
    log = Log()
    complaints = Complaints(log, every_s=0.0)
    complaints.error("again")
    complaints.error("again")
    assert log.lines == ["error: again"] * 2


def test_ever_new_complaints_do_not_fill_the_memory() -> None:
    complaints = Complaints(Log(), every_s=60.0)
    for letter in range(1000):
        complaints.error("x" * letter)
    assert len(complaints._said) <= 100


def test_a_name_of_a_million_letters_is_cut_short() -> None:
    log = Log()
    complaints = Complaints(log)
    complaints.error(f"unknown encoding {'x' * 10**6}")
    assert complaints.latest.startswith("unknown encoding xxx")
    assert len(complaints.latest) < 2100
    assert complaints.latest.endswith("(1000017 letters)")
    assert len(log.lines[0]) < 2200
