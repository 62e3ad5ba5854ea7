"""Engines that fail, and model files that go away, under the node with its own pipeline."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from lifecycle_msgs.msg import Transition

from metric_pose_ros import Camera
from test.fake_models import save_detector, save_pose_model
from test.ros.faults.failing_engine import FAULT
from test.ros.faults.recovery import answered
from test.ros.graph import Bench, Running

CAMERA = Camera.from_fov(640, 360, 60)
PEOPLE = 3
ERROR, WARN = b"\2", b"\1"


@dataclass(frozen=True)
class Robot:
    """A node, and the files under it."""

    node: Running
    fault: Path
    model: Path


@pytest.fixture(scope="module")
def robot(bench: Bench, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Robot]:
    folder = tmp_path_factory.mktemp("robot")
    fault = folder / "fault"
    fault.write_text("fine")
    rows = np.zeros((1, 6, 56))
    for number in range(PEOPLE):
        rows[0, number, 51:56] = [0.1, 0.05 + 0.33 * number, 0.9, 0.25 + 0.33 * number, 0.8]
    detector = save_detector(folder / "detector.onnx", "movenet_multipose", {"people": rows})
    model = save_pose_model(folder / "pose.onnx")
    options = {"model": model, "detector": detector, "hang_timeout": 2.0, "background_detection": "false", "threads": 1}
    arguments = [word for name, value in options.items() for word in ("-p", f"{name}:={value}")]
    with Running("test.ros.faults.failing_engine", "--ros-args", *arguments, **{FAULT: str(fault)}) as node:
        node.wait_for_log("ready: fake_pose 0.0.1: a GPU that fails")
        bench.wait_for_node()
        bench.listen("keypoints")
        bench.listen("diagnostics")
        yield Robot(node, fault, model)


def seen(bench: Bench, fault: str) -> None:
    """Until people are published; the made-up network sees one in every box, so who is followed for long multiplies."""

    def send() -> tuple[int, int]:
        bench.send_info(CAMERA)
        return bench.send(bench.picture(0, CAMERA))

    assert answered(bench, fault, send).width >= 30


def test_without_memory_for_all_crops_everybody_is_still_seen_and_it_is_said(bench: Bench, robot: Robot) -> None:
    seen(bench, "start")
    robot.fault.write_text("memory 1")
    seen(bench, "no GPU memory for all crops (while it lasts)")
    said = "pose is given at most 1 crops at once: out of memory"
    status = bench.wait_for("diagnostics", lambda message: said in message.status[0].message).status[0]
    assert status.level == WARN, status.message
    assert said in status.hardware_id
    assert robot.node.log.count(said) == 1


def test_on_a_gpu_that_fails_altogether_the_cpu_takes_over_and_it_is_said_once(bench: Bench, robot: Robot) -> None:
    seen(bench, "start")
    robot.fault.write_text("broken")
    for _ in range(3):
        seen(bench, "an engine that fails (while it lasts, on the CPU)")
    said = "pose runs on the CPU, since its engine failed: the GPU fell off the bus"
    status = bench.wait_for("diagnostics", lambda message: said in message.status[0].message).status[0]
    assert status.level == WARN, status.message
    assert "ONNX Runtime" in status.hardware_id
    assert robot.node.log.count(said) == 1


def test_a_model_file_that_is_cut_or_gone_is_not_missed_while_the_node_runs(bench: Bench, robot: Robot) -> None:
    content = robot.model.read_bytes()
    robot.model.write_bytes(content[:1000])
    seen(bench, "a model file that is cut (while it lasts)")
    robot.model.unlink()
    seen(bench, "a model file that is deleted (while it lasts)")
    robot.model.write_bytes(content)


def test_networks_that_hang_are_loaded_anew_as_soon_as_their_file_is_back(bench: Bench, robot: Robot) -> None:
    # Networks that are loaded anew have the GPU again.
    robot.fault.write_text("fine")
    assert bench.change_state(Transition.TRANSITION_DEACTIVATE)
    assert bench.change_state(Transition.TRANSITION_CLEANUP)
    content = robot.model.read_bytes()
    robot.model.unlink()
    assert not bench.change_state(Transition.TRANSITION_CONFIGURE)
    assert f"no model '{robot.model}'" in robot.node.log
    robot.model.write_bytes(content)
    assert bench.change_state(Transition.TRANSITION_CONFIGURE)
    assert bench.change_state(Transition.TRANSITION_ACTIVATE)
    seen(bench, "a model file that was missing at configure")
    robot.fault.write_text("hangs")
    robot.model.write_bytes(content[:1000])
    bench.send_info(CAMERA)
    bench.send(bench.picture(0, CAMERA))
    robot.node.wait_for_log("the networks cannot be loaded again: ")
    bench.wait_for("diagnostics", lambda message: message.status[0].level == ERROR)
    robot.fault.write_text("fine")
    robot.model.write_bytes(content)
    seen(bench, "a network that hung, its file cut meanwhile")
