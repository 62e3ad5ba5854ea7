"""Subscribers that do not keep up, or die, do not hold the node up."""

from __future__ import annotations

import signal
import time

from test.ros.faults.recovery import recovered
from test.ros.graph import Bench, Running, wait_until

FRAMES = 60


def test_a_listener_that_is_stopped_or_killed_holds_nobody_up_and_hears_again(bench: Bench, node: Running) -> None:
    for name in ("keypoints", "diagnostics"):
        bench.listen(name)
    with Running("test.ros.faults.listener") as listener:
        listener.wait_for_log("listening")
        wait_until(lambda: bench.node.count_subscribers("/metric_pose/overlay") == 1, "the listener")
        listener.wait_for_log("heard 20", lambda: recovered(bench, "start"))
        listener.signal(signal.SIGSTOP)
        answered = len(bench.heard["keypoints"])
        for _ in range(FRAMES):
            bench.send_info()
            bench.send(bench.picture(2))
            time.sleep(0.02)
        recovered(bench, "a listener that is stopped")
        # Whoever waits for a reader that does not read would not answer most of these.
        assert len(bench.heard["keypoints"]) - answered > FRAMES / 2
        assert float(bench.status()["publishing"].removesuffix(" ms")) < 100
        listener.signal(signal.SIGCONT)
        heard = listener.log.count("heard")
        for _ in range(20):
            recovered(bench, "a listener that goes on")
        wait_until(lambda: listener.log.count("heard") > heard, "it to hear", every_s=0.1)
        listener.kill()
    recovered(bench, "a listener that was killed")
    assert node.alive
