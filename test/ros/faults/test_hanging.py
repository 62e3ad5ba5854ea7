"""A frame that never ends costs its thread, and not the node."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from lifecycle_msgs.msg import Transition

from test.ros.faults.recovery import recovered
from test.ros.graph import Bench, Running, wait_until

ERROR, WARN = b"\2", b"\1"
HANGS = 254


@pytest.fixture(scope="module")
def node(bench: Bench) -> Iterator[Running]:
    """A node that has patience for some seconds."""
    with Running.people_in_the_image("--ros-args", "-p", "hang_timeout:=4.0") as running:
        bench.wait_for_node()
        for name in ("keypoints", "markers", "diagnostics"):
            bench.listen(name)
        yield running


def test_a_frame_that_hangs_is_given_up_said_and_followed_by_new_networks(bench: Bench, node: Running) -> None:
    recovered(bench, "start", people=2)
    bench.heard["markers"].clear()
    bench.send(bench.picture(HANGS))
    status = bench.wait_for("diagnostics", lambda message: "a frame has taken" in message.status[0].message)
    assert status.status[0].level == WARN, status.status[0].message
    node.wait_for_log("a frame has not ended for 4.")
    recovered(bench, "a frame that hangs (from when it is given up)", people=1)
    status = bench.wait_for("diagnostics", lambda message: "has not ended for" in message.status[0].message).status[0]
    assert status.level == ERROR
    assert {value.key: value.value for value in status.values}["restarts of the worker"] == "1"
    # Who was shown when it began to hang is shown no longer.
    bench.wait_for("markers", lambda array: {2} == {marker.action for marker in array.markers})
    bench.heard["diagnostics"].clear()
    bench.wait_for("diagnostics", lambda message: message.status[0].level < ERROR)


def test_so_is_the_next_one(bench: Bench, node: Running) -> None:
    assert bench.set_parameter("hang_timeout", 1.0) == (True, "")
    recovered(bench, "start")
    bench.send(bench.picture(HANGS))
    wait_until(lambda: node.log.count("works again, with new networks") == 2, "the second restart", lambda: node.log)
    recovered(bench, "a second frame that hangs")


def test_a_worker_that_hangs_can_be_deactivated_and_activated(bench: Bench, node: Running) -> None:
    assert bench.set_parameter("hang_timeout", 0.0) == (True, "")
    recovered(bench, "start")
    bench.send(bench.picture(HANGS))
    assert bench.change_state(Transition.TRANSITION_DEACTIVATE)
    assert bench.change_state(Transition.TRANSITION_ACTIVATE)
    recovered(bench, "deactivated and activated while a frame hangs")


def test_a_node_with_threads_that_hang_ends_on_ctrl_c(bench: Bench, node: Running) -> None:
    bench.send(bench.picture(HANGS))
    assert node.stop() == 0
    assert "Traceback" not in node.log
