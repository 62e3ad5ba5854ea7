from __future__ import annotations

import logging
import time

import pytest
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticStatus

from metric_pose_ros.complaints import Complaints
from metric_pose_ros.ros import diagnostics
from metric_pose_ros.ros.diagnostics import Performance


def status(performance: Performance, complaints: Complaints, state: str = "active") -> DiagnosticStatus:
    array = diagnostics.report(
        Time(sec=5), "/metric_pose", "a model", state, performance, {"images dropped": 3}, complaints
    )
    assert array.header.stamp.sec == 5
    (only,) = array.status
    return only


def values(status: DiagnosticStatus) -> dict[str, str]:
    return {pair.key: pair.value for pair in status.values}


@pytest.fixture
def complaints() -> Complaints:
    return Complaints(logging.getLogger("complaints"))


def test_latencies_are_a_median_and_a_high_percentile_and_stages_are_means(complaints: Complaints) -> None:
    performance = Performance()
    for milliseconds in range(1, 102):
        stages = {"detection": 0.05 if milliseconds % 5 == 0 else 0.0}
        performance.record(stages, 2 * milliseconds / 1e3, 3 * milliseconds / 1e3)
    report = values(status(performance, complaints))
    # The latest hundred: 2 to 101 ms.
    assert report["detection"] == "10.0 ms"
    assert report["processing time mean"] == "103.0 ms"
    assert report["processing time median"] == "103.0 ms"
    assert report["processing time p95"] == "192.1 ms"
    assert report["processing time max"] == "202.0 ms"
    assert report["pipeline latency median"] == "154.5 ms"
    assert (report["frames"], report["images dropped"]) == ("101", "3")


def test_frames_per_second_are_counted_over_the_latest_seconds(complaints: Complaints) -> None:
    performance = Performance()
    for _ in range(11):
        performance.record({}, 0.0, 0.0)
        time.sleep(0.01)
    # At most one frame each 10 ms.
    assert 1 < float(values(status(performance, complaints))["fps"]) <= 100


def test_the_cycle_is_the_time_between_publications_and_a_pause_is_none(
    complaints: Complaints, monkeypatch: pytest.MonkeyPatch
) -> None:
    performance = Performance()
    for now in (100.0, 100.1, 100.2, 100.4, 160.0, 160.1):
        monkeypatch.setattr(time, "monotonic", lambda now=now: now)
        performance.record({}, 0.0, 0.0)
    report = values(status(performance, complaints))
    assert (report["cyclic time median"], report["cyclic time max"]) == ("100.0 ms", "200.0 ms")


def test_a_node_without_images_warns(complaints: Complaints) -> None:
    silent = status(Performance(), complaints)
    assert (silent.level, silent.message) == (DiagnosticStatus.WARN, "no image for 5 s")
    running = Performance()
    running.record({}, 0.01, 0.02)
    assert status(running, complaints).level == DiagnosticStatus.OK


def test_a_node_that_is_not_active_says_what_to_do(complaints: Complaints) -> None:
    inactive = status(Performance(), complaints, "inactive")
    assert inactive.level == DiagnosticStatus.WARN
    assert inactive.message == "inactive: activate the node to see people"


def test_an_error_is_an_error_and_waiting_is_a_warning(complaints: Complaints) -> None:
    complaints.warning("no CameraInfo yet")
    waiting = status(Performance(), complaints)
    assert (waiting.level, waiting.message) == (DiagnosticStatus.WARN, "no CameraInfo yet")
    complaints.error("unknown image encoding")
    wrong = status(Performance(), complaints)
    assert (wrong.level, wrong.message) == (DiagnosticStatus.ERROR, "unknown image encoding")
    assert values(wrong)["complaints"] == "2"
