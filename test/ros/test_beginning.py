"""Whether the node begins to work, and what it says and can still do if it cannot."""

from __future__ import annotations

from pathlib import Path

from lifecycle_msgs.msg import Transition

from test.ros.graph import Bench, Running
from test.ros.test_bad_input import write_camera


def test_a_camera_file_that_vanishes_ends_neither_the_node_nor_its_life_cycle(bench: Bench, tmp_path: Path) -> None:
    camera_file = write_camera(tmp_path)
    kept = camera_file.with_suffix(".kept")
    with Running.people_in_the_image("--ros-args", "-p", f"camera_yaml:={camera_file}") as running:
        running.wait_for_log("active: listening to /image")
        assert bench.enable(False) == (True, "disabled")
        camera_file.rename(kept)
        enabled, why = bench.enable(True)
        assert (enabled, f"no camera file {camera_file}" in why) == (False, True)
        assert bench.change_state(Transition.TRANSITION_DEACTIVATE)
        assert bench.enable(True) == (True, "enabled")
        assert not bench.change_state(Transition.TRANSITION_ACTIVATE)
        assert f"cannot activate: no camera file {camera_file}" in running.log
        assert bench.state() == "inactive"
        kept.rename(camera_file)
        assert bench.change_state(Transition.TRANSITION_ACTIVATE)
        bench.wait_for_listener()
        bench.listen("keypoints")
        assert bench.see(1, "keypoints")[0].width == 30


def test_a_topic_of_detections_that_cannot_be_one_is_named(bench: Bench) -> None:
    with Running.people_in_the_image("--ros-args", "-p", "detections_topic:=yolo-detections") as running:
        line = running.wait_for_log("cannot configure: ")
        assert "detections_topic is 'yolo-detections', which is no topic's name" in line
        assert bench.state() == "unconfigured"


def test_diagnostics_come_while_no_clock_runs(bench: Bench) -> None:
    with Running.people_in_the_image("--ros-args", "-p", "use_sim_time:=true"):
        bench.listen("diagnostics")
        assert "use_sim_time is set, but nothing came on /clock yet" in bench.status()["message"]
