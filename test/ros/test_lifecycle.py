"""The node as a lifecycle manager drives it, and as the command line ends it."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from lifecycle_msgs.msg import Transition

from test.ros.graph import Bench, Running, wait_until


@pytest.fixture(scope="module")
def managed(bench: Bench) -> Iterator[Running]:
    """A node that waits to be told."""
    with Running.people_in_the_image("--ros-args", "-p", "autostart:=false") as running:
        running.wait_for_log("waiting to be configured")
        yield running


def test_the_node_goes_through_its_states_and_back(bench: Bench, managed: Running) -> None:
    assert bench.state() == "unconfigured"
    assert bench.change_state(Transition.TRANSITION_CONFIGURE)
    assert bench.state() == "inactive"
    assert bench.change_state(Transition.TRANSITION_ACTIVATE)
    assert bench.state() == "active"
    bench.wait_for_node()
    bench.listen("markers")
    bench.see(2, "markers")

    bench.heard["markers"].clear()
    assert bench.change_state(Transition.TRANSITION_DEACTIVATE)
    array = bench.wait_for("markers", lambda array: all(marker.action == 2 for marker in array.markers))
    assert {(marker.ns, marker.id) for marker in array.markers} == {
        (namespace, number) for namespace in ("bones", "joints", "labels") for number in (1, 2)
    }
    assert bench.node.count_subscribers("image") == 0

    assert bench.change_state(Transition.TRANSITION_ACTIVATE)
    bench.wait_for_node()
    bench.see(1, "markers")
    assert bench.change_state(Transition.TRANSITION_DEACTIVATE)
    assert bench.change_state(Transition.TRANSITION_CLEANUP)
    assert bench.state() == "unconfigured"
    assert bench.node.count_publishers("/metric_pose/markers") == 0


def test_parameters_of_the_model_change_only_while_unconfigured(bench: Bench, managed: Running) -> None:
    assert bench.state() == "unconfigured"
    assert bench.set_parameter("threads", 1) == (True, "")
    assert bench.change_state(Transition.TRANSITION_CONFIGURE)
    taken, reason = bench.set_parameter("threads", 2)
    assert not taken
    assert reason == "threads can only change while the node is unconfigured: deactivate and clean up first"
    assert bench.set_parameter("min_confidence", 0.5) == (True, "")
    taken, reason = bench.set_parameter("min_confidence", 1.5)
    assert not taken
    assert "range" in reason
    assert bench.change_state(Transition.TRANSITION_CLEANUP)


def test_shutting_down_ends_in_finalized(bench: Bench, managed: Running) -> None:
    assert bench.change_state(Transition.TRANSITION_UNCONFIGURED_SHUTDOWN)
    assert bench.state() == "finalized"
    assert managed.stop() == 0


def test_an_active_node_ends_quietly_on_ctrl_c(bench: Bench) -> None:
    with Running.people_in_the_image(SECONDS_PER_FRAME="0.5") as running:
        bench.wait_for_node()
        bench.listen("keypoints")
        bench.see(1, "keypoints")
        bench.send(bench.picture(1))
        time.sleep(0.1)  # in the middle of this frame, ROS goes down and takes the publishers along
        assert running.stop() == 0
        assert "Traceback" not in running.log
    wait_until(lambda: bench.node.count_publishers("/metric_pose/keypoints") == 0, "the node to be gone")


def test_a_node_that_was_killed_and_started_again_goes_on(bench: Bench) -> None:
    with Running.people_in_the_image() as first:
        bench.wait_for_node()
        first.kill()
    with Running.people_in_the_image():
        bench.wait_for_node()
        bench.listen("markers")
        (array,) = bench.see(2, "markers")
        assert {marker.id for marker in array.markers} == {1, 2}
