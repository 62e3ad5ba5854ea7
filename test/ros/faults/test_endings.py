"""The node is ended in the middle of a frame, and started again."""

from __future__ import annotations

import signal
import time

import pytest

from test.ros.faults.recovery import recovered
from test.ros.graph import Bench, Running, wait_until

SECONDS_PER_FRAME = "0.4"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_node_that_is_ended_in_the_middle_of_a_frame_and_started_again_goes_on(
    bench: Bench, number: signal.Signals
) -> None:
    with Running.people_in_the_image(SECONDS_PER_FRAME=SECONDS_PER_FRAME) as first:
        bench.wait_for_node()
        bench.listen("keypoints")
        recovered(bench, "start")
        bench.send(bench.picture(1))
        time.sleep(0.1)
        first.signal(number)
        code = first.wait()
        assert code == (-signal.SIGKILL if number == signal.SIGKILL else 0)
        assert "Traceback" not in first.log
    with Running.people_in_the_image() as second:
        second.wait_for_log("active: listening")
        recovered(bench, f"{number.name} in the middle of a frame (from when the next node is active)", people=2)
        bench.deafen("keypoints")


def test_two_nodes_of_one_name_are_named_in_log_and_diagnostics_until_one_is_gone(bench: Bench) -> None:
    said = "2 nodes have the name /metric_pose: all publish on the same topics"
    with Running.people_in_the_image() as first:
        bench.wait_for_node()
        for name in ("keypoints", "diagnostics"):
            bench.listen(name)
        with Running.people_in_the_image() as second:
            assert "name them with -r __node:=NAME" in second.wait_for_log(said)
            first.wait_for_log(said)
            status = bench.wait_for("diagnostics", lambda message: message.status[0].message.startswith(said)).status[0]
            assert status.level == b"\2"
        wait_until(lambda: bench.node.count_publishers("/metric_pose/keypoints") == 1, "the second node to be gone")
        recovered(bench, "two nodes of one name")
        bench.heard["diagnostics"].clear()
        # Not "running": on a slow machine there has been no image for a while by then.
        bench.wait_for("diagnostics", lambda message: not message.status[0].message.startswith(said))
