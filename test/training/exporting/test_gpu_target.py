"""``python -m training export --target gpu``."""

import shutil

import pytest

from metric_pose_ros.image_graph.parity import Parity
from metric_pose_ros.image_network import gpu_twin
from metric_pose_ros.models import ModelFile, find_model
from training.__main__ import main


@pytest.fixture
def model(tmp_path):
    return shutil.copy(find_model("fast"), tmp_path / "mine.onnx")


def test_the_graph_is_written_beside_a_model_file(model, capsys):
    assert main(["export", str(model), "--target", "gpu", "--precision", "fp32"]) == 0
    said = capsys.readouterr().out
    assert "mine_gpu.onnx: 5." in said
    assert "beside mine.onnx on crops that the CPU cuts, of drawn people: joints 0." in said
    twin = gpu_twin(ModelFile.open(model))
    assert twin is not None
    assert twin.path == model.with_name("mine_gpu.onnx")
    assert twin.metadata["precision"] == "fp32"


def test_a_graph_beyond_the_promise_is_refused(model, monkeypatch, capsys):
    monkeypatch.setattr("metric_pose_ros.image_graph.compose.compare", lambda *files: Parity(2.5, 0.0))
    assert main(["export", str(model), "--target", "gpu"]) == 1
    assert "joints 2.50 mm apart (at most 2)" in capsys.readouterr().err
    assert not model.with_name("mine_gpu.onnx").exists()
