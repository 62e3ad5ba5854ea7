"""The newest wins: nothing is queued, and nothing published is older than two processing periods."""

from __future__ import annotations

import threading
import time

import numpy as np

from metric_pose_ros.ros.latest import Latest
from test.ros.graph import Bench, Running

PERIOD_S = 0.4
"""Of a model that is far too slow for the camera."""


def test_a_newcomer_replaces_who_waits_and_is_counted() -> None:
    latest: Latest[int] = Latest()
    for name, item in (("front", 1), ("front", 2), ("rear", 3), ("front", 4)):
        latest.put(name, item)
    assert latest.take() == {"front": 4, "rear": 3}
    assert (latest.received, latest.dropped) == (4, 2)


def test_closing_wakes_who_waits_with_nothing() -> None:
    latest: Latest[int] = Latest()
    taken: list[dict[str, int] | None] = []
    waiting = threading.Thread(target=lambda: taken.append(latest.take()))
    waiting.start()
    latest.close()
    waiting.join(10)
    assert taken == [None]
    latest.put("front", 4)
    assert latest.take() is None


def test_who_wants_a_lower_rate_gets_the_newest_then_and_closing_wakes_him_too() -> None:
    latest: Latest[int] = Latest()
    latest.put("front", 1)
    threading.Timer(0.05, lambda: latest.put("front", 2)).start()
    due = time.monotonic() + 0.3
    assert latest.take(due) == {"front": 2}
    assert time.monotonic() >= due
    taken: list[dict[str, int] | None] = []
    waiting = threading.Thread(target=lambda: taken.append(latest.take(time.monotonic() + 3600)))
    waiting.start()
    latest.close()
    waiting.join(10)
    assert taken == [None]


def test_the_rate_can_be_limited_while_the_node_runs(bench: Bench) -> None:
    with Running.people_in_the_image() as running:
        bench.wait_for_node()
        bench.listen("keypoints")
        bench.see(1, "keypoints")
        assert bench.set_parameter("max_rate", 0.001) == (True, "")
        bench.see(1, "keypoints")  # the last one before the limit counts
        bench.heard["keypoints"].clear()
        for _ in range(10):
            bench.send(bench.picture(1))
            time.sleep(0.05)
        assert bench.heard["keypoints"] == []
        assert running.stop() == 0  # a node that rests ends at once
        assert running.alive is False


def test_a_slow_model_drops_frames_instead_of_falling_behind(bench: Bench) -> None:
    with Running.people_in_the_image(SECONDS_PER_FRAME=str(PERIOD_S)):
        bench.wait_for_node()
        for name in ("keypoints", "diagnostics"):
            bench.listen(name)
        bench.see(1, "keypoints")
        bench.heard["keypoints"].clear()
        arrivals: list[float] = []
        sent: list[float] = []
        end = time.monotonic() + 10 * PERIOD_S
        while time.monotonic() < end:
            bench.send_info()
            seconds, nanoseconds = bench.send(bench.picture(1))
            sent.append(seconds + nanoseconds * 1e-9)
            time.sleep(1 / 30)
            now = bench.node.get_clock().now().nanoseconds * 1e-9
            arrivals += [now] * (len(bench.heard["keypoints"]) - len(arrivals))
        stamps = [cloud.header.stamp.sec + cloud.header.stamp.nanosec * 1e-9 for cloud in bench.heard["keypoints"]]
        # The first answer may be to an image from before the measurement.
        latencies = np.array([when - stamp for when, stamp in zip(arrivals, stamps, strict=False)])[1:]
        assert len(latencies) >= 6
        assert latencies.max() < 2 * PERIOD_S
        # Of some 120 images about ten are answered; the others are dropped, and counted.
        status = bench.status()
        assert int(status["images dropped"]) > len(sent) / 2
        assert stamps == sorted(stamps)
