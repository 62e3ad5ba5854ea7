"""Workers that hang are given up; new ones get new networks; and not without end."""

from __future__ import annotations

import threading
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from metric_pose_ros.complaints import Complaints
from metric_pose_ros.ros.health import warnings
from metric_pose_ros.ros.watchdog import Watchdog
from metric_pose_ros.settings import Settings
from test.ros.graph import wait_until
from test.test_complaints import Log


class Worker:
    """Is busy for as long as it is told, and ends only if it may."""

    def __init__(self, streams: Any) -> None:
        self.streams = streams
        self.busy_s, self.alive = 0.0, True
        self.silent_cameras: list[str] = []

    def close(self, patience_s: float) -> bool:
        self.alive = self.busy_s > 0
        return not self.alive

    def silent(self, seconds: float) -> list[str]:
        return self.silent_cameras


class Robot:
    """A watchdog with made-up workers and networks."""

    def __init__(self) -> None:
        self.log = Log()
        self.log.info = self.log.warning  # type: ignore[attr-defined]
        self.settings = Settings(hang_timeout=4.0)
        self.loaded: list[SimpleNamespace] = []
        self.error: Exception | None = None
        self.may_load = threading.Event()
        self.may_load.set()
        self.retired: list[tuple[Worker, bool]] = []
        node: Any = SimpleNamespace(create_timer=lambda *_, **__: None, get_logger=lambda: self.log)
        self.watchdog = Watchdog(
            node,
            lambda: self.settings,
            Complaints(self.log, 0.0),
            Worker,  # type: ignore[arg-type]
            self.load,  # type: ignore[arg-type]
            lambda worker, stuck: self.retired.append((worker, stuck)),  # type: ignore[arg-type]
        )
        self.watchdog.streams = self.load()  # type: ignore[assignment]
        self.watchdog.begin()

    def load(self) -> SimpleNamespace:
        self.may_load.wait(30)
        if self.error is not None:
            raise self.error
        self.loaded.append(SimpleNamespace(closed=False, close=lambda: None))
        return self.loaded[-1]

    @property
    def worker(self) -> Worker:
        return self.watchdog.worker  # type: ignore[return-value]

    def hang(self, seconds: float) -> None:
        """Looks at the worker after it has been busy for so long."""
        self.worker.busy_s = seconds
        self.watchdog._look()

    def wait_for_worker(self) -> None:
        wait_until(lambda: self.watchdog._look() is None and self.worker is not None, "a worker", every_s=0.02)


@pytest.fixture
def robot() -> Robot:
    return Robot()


def test_a_worker_that_is_merely_busy_is_left_alone_and_named(robot: Robot) -> None:
    first = robot.worker
    robot.hang(3.9)
    assert robot.worker is first
    assert robot.watchdog.warning == "a frame has taken 4 s so far"
    robot.hang(0.5)
    assert robot.watchdog.warning == ""


def test_one_that_hangs_keeps_its_networks_and_the_next_gets_others(robot: Robot) -> None:
    first = robot.worker
    robot.may_load.clear()
    robot.hang(4.1)
    assert robot.retired == [(first, True)]
    assert robot.watchdog.warning == "the networks are being loaded again, after a frame that did not end"
    robot.may_load.set()
    robot.wait_for_worker()
    assert robot.worker.streams is robot.loaded[1]
    assert first.streams is robot.loaded[0]
    assert robot.watchdog.restarts == 1
    assert any("a frame has not ended for 4.1 s (hang_timeout)" in line for line in robot.log.lines)


def test_one_that_ends_after_all_leaves_its_networks_to_the_next(robot: Robot) -> None:
    first = robot.worker
    first.close = lambda patience_s: True  # type: ignore[method-assign]
    robot.hang(4.1)
    assert robot.worker is not first
    assert robot.worker.streams is robot.loaded[0]
    assert len(robot.loaded) == 1


def test_what_is_only_slow_gets_twice_the_time_after_each_event(robot: Robot) -> None:
    for limit in (4, 8, 16, 32):
        robot.hang(limit - 0.1)
        assert robot.watchdog.restarts == (4, 8, 16, 32).index(limit)
        robot.worker.close = lambda patience_s: True  # type: ignore[method-assign]
        robot.hang(limit + 0.1)
    robot.worker.close = lambda patience_s: True  # type: ignore[method-assign]
    robot.hang(32.1)
    assert robot.watchdog.restarts == 5


def test_a_limit_of_zero_waits_for_ever(robot: Robot) -> None:
    robot.settings = replace(robot.settings, hang_timeout=0.0)
    robot.hang(1e6)
    assert robot.watchdog.restarts == 0


def test_three_that_hang_are_enough_until_one_of_them_ends(robot: Robot) -> None:
    stuck = []
    for limit in (4, 8, 16):
        robot.wait_for_worker()
        stuck.append(robot.worker)
        robot.hang(limit + 1)
    for _ in range(3):
        robot.watchdog._look()
    assert robot.watchdog.worker is None
    assert any("3 threads hang in frames that do not end" in line for line in robot.log.lines)
    stuck[0].alive = False
    robot.wait_for_worker()
    assert len(robot.loaded) == 4


def test_networks_that_do_not_load_are_tried_again(robot: Robot) -> None:
    robot.error = FileNotFoundError("no model")
    robot.hang(5)
    wait_until(lambda: robot.watchdog._look() is None and "error: the networks" in "".join(robot.log.lines), "an error")
    robot.error = None
    robot.wait_for_worker()
    assert any("cannot be loaded again: no model" in line for line in robot.log.lines)


def test_whoever_is_stopped_meanwhile_stays_stopped(robot: Robot) -> None:
    robot.hang(5)
    robot.watchdog.end()
    for _ in range(5):
        robot.watchdog._look()
    assert robot.watchdog.worker is None
    robot.watchdog.begin()
    robot.wait_for_worker()


def test_what_is_wrong_now_is_told_as_long_as_it_is(robot: Robot) -> None:
    assert warnings(robot.watchdog, robot.settings) == []
    assert warnings(robot.watchdog, robot.settings, clock_runs=False) == [
        "use_sim_time is set, but nothing came on /clock yet"
    ]
    robot.worker.silent_cameras = ["rear", "left"]
    streams: Any = robot.watchdog.streams
    streams.left_out = 3
    streams.estimator = SimpleNamespace(trouble="pose runs on the CPU")
    assert warnings(robot.watchdog, replace(robot.settings, max_people=5)) == [
        "pose runs on the CPU",
        "no image of rear, left for 5 s",
        "3 people are left out: no more than the nearest 5 are looked at (max_people)",
    ]
    streams.left_out, streams.estimator, robot.worker.silent_cameras = 0, SimpleNamespace(trouble=""), [""]
    assert warnings(robot.watchdog, robot.settings) == []  # the only camera: said as it always was
