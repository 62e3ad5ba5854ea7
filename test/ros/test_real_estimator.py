"""The node as it is installed, with its own estimator on tiny models: from pixels to metres on /tf."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from lifecycle_msgs.msg import Transition

from metric_pose_ros.geometry.camera import Camera
from metric_pose_ros.skeleton import BODY_30
from test.fake_models import STANDING_MM, save_detector, save_pose_model
from test.ros.graph import Bench, Running, wait_until

CAMERA = Camera.from_fov(640, 480, 60)
BOX_HEIGHT = 240.0


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A detector that always sees one person in the middle of the image, and a pose model that sees one standing."""
    folder = tmp_path_factory.mktemp("models")
    people = np.zeros((1, 6, 56), np.float32)
    people[0, 0, 51:56] = [0.25, 0.34, 0.75, 0.66, 0.9]
    save_detector(folder / "detector.onnx", "movenet_multipose", {"people": people})
    save_pose_model(folder / "pose.onnx")
    return folder


def node(*parameters: str) -> Running:
    arguments = [argument for parameter in parameters for argument in ("-p", parameter)]
    return Running("metric_pose_ros.ros.node", "--ros-args", *arguments)


def test_a_person_in_the_image_stands_at_the_right_distance_in_tf(bench: Bench, models: Path) -> None:
    with node(f"model:={models / 'pose.onnx'}", f"detector:={models / 'detector.onnx'}", "threads:=1") as running:
        bench.wait_for_node()
        for name in ("tf", "diagnostics"):
            bench.listen(name)
        (message,) = bench.see(0, "tf", camera=CAMERA)
        (body,) = [transform for transform in message.transforms if transform.child_frame_id == "body_p1"]
        # The model's person is as high as the box. Boxes from tracks have a margin, which it takes for nearness.
        height = np.ptp(STANDING_MM[:, 1]) / 1000
        assert body.transform.translation.z == pytest.approx(CAMERA.K[1, 1] * height / BOX_HEIGHT, rel=0.2)
        assert body.transform.translation.x == pytest.approx(0, abs=0.05)
        assert f"head_top_{body.child_frame_id[5:]}" in {transform.child_frame_id for transform in message.transforms}

        names = bench.get_parameter("joint_names").string_array_value
        assert tuple(names) == BODY_30.names
        status = bench.status()
        assert "fake_pose 0.0.1" in status["model"]
        for stage in ("conversion", "detection", "crop", "network", "placement", "tracking", "publishing"):
            assert status[stage].endswith(" ms"), stage

        assert bench.set_parameter("joint_names", ["a"]) == (
            False,
            "joint_names says what the model has: it is read-only",
        )
        for transition in (
            Transition.TRANSITION_DEACTIVATE,
            Transition.TRANSITION_CLEANUP,
            Transition.TRANSITION_CONFIGURE,
            Transition.TRANSITION_ACTIVATE,
        ):
            assert bench.change_state(transition), running.log
        bench.wait_for_node()
        bench.heard["tf"].clear()
        (message,) = bench.see(0, "tf", camera=CAMERA)
        assert "body_p1" in {transform.child_frame_id for transform in message.transforms}


@pytest.mark.parametrize(
    ("parameters", "text"),
    [
        (["model:=nowhere.onnx"], "nowhere.onnx"),
        (["detector:=nowhere.onnx"], "nowhere.onnx"),
        (["engine:=abacus"], "unknown engine 'abacus'; known are"),
    ],
    ids=["missing model", "missing detector", "unknown engine"],
)
def test_what_cannot_be_loaded_is_named_and_the_node_waits(models: Path, parameters: list[str], text: str) -> None:
    good = [f"model:={models / 'pose.onnx'}", f"detector:={models / 'detector.onnx'}"]
    kept = [parameter for parameter in good if parameter.split(":=")[0] not in parameters[0]]
    with node(*kept, *parameters) as running:
        assert text in running.wait_for_log("cannot configure: ")
        running.wait_for_log("not started: mend the above, then ask for the transition configure")
        assert running.alive
        assert "Traceback" not in running.log


def test_a_model_file_of_the_wrong_size_is_explained(models: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.onnx"
    cut.write_bytes((models / "pose.onnx").read_bytes()[:-200])
    with node(f"model:={cut}", f"detector:={models / 'detector.onnx'}") as running:
        line = running.wait_for_log("cannot configure: ")
        assert str(cut) in line
        assert "truncated" in line
        assert running.alive


def test_build_only_opens_the_networks_and_ends(models: Path) -> None:
    models_of = (f"model:={models / 'pose.onnx'}", f"detector:={models / 'detector.onnx'}")
    with node(*models_of, "build_only:=true") as running:
        running.wait_for_log("build_only ends here")
        wait_until(lambda: not running.alive, "the node to end")
        assert "TensorRT" in running.log  # what runs them, or why that does not
        assert running.stop() == 0
    with node("model:=no_such_model", "build_only:=true") as running:
        running.wait_for_log("cannot configure: no model 'no_such_model'")
        wait_until(lambda: not running.alive, "the node to end")
        assert running.stop() == 1
