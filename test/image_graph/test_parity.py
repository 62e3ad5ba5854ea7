"""What counts as finding people in the same places."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from metric_pose_ros.image_graph import compose
from metric_pose_ros.image_graph.compose import image_graph, write_image_graph
from metric_pose_ros.image_graph.parity import Parity, compare
from test.fake_models import save_pose_model


def outputs(joints: np.ndarray, distance: float) -> dict[str, np.ndarray]:
    return {"relative": joints, "absolute": joints + np.array([0, 0, distance])}


def test_the_person_who_differs_most_counts():
    joints = np.random.default_rng(0).normal(scale=300, size=(3, 30, 3))
    joints -= joints.mean(axis=1, keepdims=True)
    moved = joints + 70  # all together, which is no difference between joints
    moved[1, ::2, 0] += 4
    moved[2, ::2, 0] += 2
    found = Parity.between(outputs(moved - moved.mean(axis=1, keepdims=True), 3003), outputs(joints, 3000))
    assert found.relative_mm == pytest.approx(2)  # half of them 4 mm, so each 2 mm from their mean
    assert found.distance == pytest.approx(0.001)


@pytest.mark.parametrize(
    ("relative_mm", "distance", "good"),
    [(2.0, 0.003, True), (2.01, 0, False), (0, 0.0031, False), (float("nan"), 0, False), (0, float("nan"), False)],
)
def test_two_millimetres_and_three_per_mille_are_allowed(relative_mm, distance, good):
    assert Parity(relative_mm, distance).good == good


def scaled(graph: onnx.ModelProto, output: str, factor: float) -> onnx.ModelProto:
    """The graph with an output off by a factor."""
    for node in graph.graph.node:
        for number, name in enumerate(node.output):
            if name == output:
                node.output[number] = "before"
    graph.graph.initializer.append(numpy_helper.from_array(np.array(factor, np.float32), "factor"))
    graph.graph.node.append(helper.make_node("Mul", ["before", "factor"], [output]))
    return graph


@pytest.fixture
def pose(tmp_path) -> Path:
    return save_pose_model(tmp_path / "pose.onnx")


def test_a_graph_that_places_people_elsewhere_is_not_written(pose, tmp_path, monkeypatch):
    right = image_graph(onnx.load(pose), "fp32").SerializeToString()
    assert compare(pose.read_bytes(), right) == Parity(pytest.approx(0, abs=0.01), pytest.approx(0, abs=1e-5))
    target = tmp_path / "pose_gpu.onnx"
    for output, factor, message in (
        ("absolute", 1.004, r"distances 0.400 % \(at most 0.3\)"),
        ("relative", 1.01, r"joints [2-9]\.\d\d mm apart \(at most 2\)"),
    ):
        monkeypatch.setattr(
            compose, "image_graph", lambda *given, o=output, f=factor, **made: scaled(image_graph(*given, **made), o, f)
        )
        with pytest.raises(ValueError, match=rf"pose_gpu.onnx is not written: .* where pose.onnx does: .*{message}"):
            write_image_graph(pose, target, "fp32")
        assert list(tmp_path.iterdir()) == [pose]
    monkeypatch.undo()
    assert write_image_graph(pose, target, "fp32").good
    assert target.is_file()
