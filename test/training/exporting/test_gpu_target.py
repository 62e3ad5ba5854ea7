"""``python -m training export --target gpu``."""

import shutil

import pytest

from metric_pose_ros.image_graph.parity import Parity
from metric_pose_ros.image_graph.rounding import RoundingCost
from metric_pose_ros.image_network import gpu_twin
from metric_pose_ros.models import ModelFile, find_model
from test.training.shard_samples import sample_files, write_shard
from training.__main__ import main
from training.exporting.held_out import validation_crops
from training.model_file import PoseFile


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


def test_with_shards_it_says_what_fp16_costs_on_their_people(model, tmp_path, monkeypatch, capsys, caplog):
    write_shard(tmp_path / "validation-000000.tar", {f"{i:06d}": sample_files(i) for i in range(3)})
    measured = []
    monkeypatch.setattr(
        "metric_pose_ros.image_graph.compose.choose_kept",
        lambda pose, people: measured.append(people) or (4, RoundingCost(0.9, 0.002)),
    )
    assert main(["export", str(model), "--target", "gpu", "--calibration", str(tmp_path)]) == 0
    (people,) = measured
    assert people["crops"].shape == (3, 3, 256, 256)
    assert people["crops"].std() > 0.05
    assert people["intrinsics"].shape == (3, 3, 3)
    assert "the first 4 of 70 convolutions fp32: 0.90 mm and 0.200 % of the distance from fp32" in caplog.text
    assert "the first 4 of 70 convolutions fp32, SHA-256" in capsys.readouterr().out
    with pytest.raises(FileNotFoundError, match="nowhere has no validation-"):
        validation_crops(PoseFile(model), tmp_path / "nowhere", 3)
