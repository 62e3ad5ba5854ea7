"""Models in int8: which parts are, what they cost, and that the runtimes take them."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from metric_pose_ros.engines.building import Progress, build_engine
from metric_pose_ros.engines.profiles import profiles_for
from metric_pose_ros.image_network import gpu_twin
from metric_pose_ros.models import ModelFile
from test.training.evaluation.small_models import configuration, inputs, standing, trained_model
from test.training.shard_samples import sample_files, write_shard
from training.__main__ import main
from training.data.batch import Batch
from training.export import export_model
from training.exporting import int8_command
from training.exporting.int8 import int8_convolutions, with_int8
from training.model_file import PoseFile

FACTS = {"name": "small", "origin": "a test", "licence": "none", "trained_on": "nothing"}
KEPT = ("backbone", "head/output")
"""Of the small network, whose neck is then what is quantized."""
NECK = 3


class Small(NamedTuple):
    path: Path
    graph: onnx.ModelProto
    crops: Batch


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> Small:
    path = tmp_path_factory.mktemp("models") / "small.onnx"
    model = trained_model(configuration({"name": "metrabs"}), steps=40)
    given = inputs()
    export_model(model, path, FACTS, inputs=given)
    return Small(path, onnx.load(path), Batch(given["crops"], None, standing(model, given["intrinsics"])))


@pytest.fixture(scope="module")
def shards(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("shards")
    for number, split in enumerate(("train", "validation")):
        samples = {f"{split}-{key}": sample_files(10 * number + key) for key in range(3)}
        write_shard(folder / f"{split}-000000.tar", samples)
    return folder


def constants(graph: onnx.ModelProto) -> dict[str, np.ndarray]:
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.graph.initializer}


@pytest.mark.parametrize("around_zero", [False, True])
def test_what_is_not_kept_computes_in_int8_with_a_scale_for_each_channel_of_the_weights(small, around_zero):
    graph = with_int8(small.graph, iter([small.crops]), KEPT, around_zero)
    assert int8_convolutions(graph) == (NECK, sum(node.op_type == "Conv" for node in small.graph.graph.node))
    values = constants(graph)
    made = {name: node for node in graph.graph.node for name in node.output}
    for node in graph.graph.node:
        if node.op_type == "Conv" and node.input[1] in made and "Dequantize" in made[node.input[1]].op_type:
            assert "neck" in node.name
            stored, scales, zeros = (values[name] for name in made[node.input[1]].input)
            assert stored.dtype == np.int8
            assert scales.shape == (len(stored),)
            assert np.abs(stored.reshape(len(stored), -1)).max(axis=1) == pytest.approx(127, abs=1)
            assert not zeros.any()
        if node.op_type in ("QuantizeLinear", "DequantizeLinear") and around_zero:
            assert not values[node.input[2]].any()
            assert values[node.input[2]].dtype == np.int8  # no biases in int32, which TensorRT refuses
    arrays = {"crops": small.crops.crops.numpy(), "intrinsics": small.crops.target.intrinsics.numpy()}
    expected, found = (PoseFile(each.SerializeToString()).run(**arrays) for each in (small.graph, graph))
    moved = np.linalg.norm(found["relative"] - expected["relative"], axis=-1)
    assert 0 < moved.mean() < 20  # mm, of a few channels' network


def test_a_model_that_is_kept_as_a_whole_is_refused_and_so_are_no_crops(small):
    with pytest.raises(ValueError, match=r"all \d+ convolutions are to stay float"):
        with_int8(small.graph, iter([small.crops]), ("Conv",))
    with pytest.raises(ValueError, match="there are no crops"):
        with_int8(small.graph, iter([]), KEPT)


def export(small: Small, shards: Path, folder: Path, *more: str) -> int:
    copy = folder / "mine.onnx"
    copy.write_bytes(small.path.read_bytes())
    arguments = ["export", str(copy), "--precision", "int8", "--calibration", str(shards), "--keep", *KEPT, *more]
    return main(arguments)


def test_the_command_writes_it_beside_the_model_and_says_what_it_costs(small, shards, tmp_path, capsys):
    assert export(small, shards, tmp_path) == 0
    said = capsys.readouterr().out
    assert f"int8 in {NECK} of " in said
    assert "| 3 validation crops | float | int8 |" in said
    model = ModelFile.open(tmp_path / "mine_int8.onnx")
    assert model.metadata["precision"].startswith(f"int8 in {NECK} of ")
    assert model.pose_info().name == "small"
    assert gpu_twin(model) is None  # whose uint8 TensorRT does not take
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine.onnx", "mine_int8.onnx"]


def test_a_real_tensorrt_builds_the_graph_for_gpus_strongly_typed(small, shards, tmp_path, capsys):
    trt = pytest.importorskip("tensorrt_rtx")
    assert export(small, shards, tmp_path, "--target", "gpu") == 0
    assert "the same graph in fp32, beside mine.onnx on crops that the CPU cuts: joints " in capsys.readouterr().out
    twin = gpu_twin(ModelFile.open(tmp_path / "mine.onnx"))
    assert twin is not None
    assert twin.path == tmp_path / "mine_gpu.onnx"
    assert twin.metadata["precision"].startswith(f"int8 in {NECK} of ")
    assert len(build_engine(trt, twin.path, profiles_for(twin), Progress("mine"))) > 100_000
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine.onnx", "mine_gpu.onnx"]


def test_one_that_costs_too_much_is_not_written(small, shards, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(int8_command, "MOST_LOSS", -0.5)
    assert export(small, shards, tmp_path) == 1
    assert "not written: the MPJPE rises from" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["mine.onnx"]


def test_checkpoints_and_missing_shards_are_refused_with_what_to_do(small, tmp_path, capsys):
    assert main(["export", str(tmp_path / "x.ckpt"), "--precision", "int8", "--calibration", str(tmp_path)]) == 1
    assert "export the checkpoint first" in capsys.readouterr().err
    assert main(["export", str(small.path), "--precision", "int8", "--calibration", str(tmp_path)]) == 1
    assert "train" in capsys.readouterr().err
