"""`metric-pose engine`: build, list and clear, with a TensorRT that builds and a GPU that is only named."""

import sys
import types

import pytest

from metric_pose_ros.commands import engine, main
from metric_pose_ros.engines import choice
from metric_pose_ros.engines.cache import EngineCache, EngineKey
from test.fake_models import save_pose_model


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("METRIC_POSE_ENGINES", str(tmp_path / "engines"))
    return tmp_path / "engines"


@pytest.fixture
def gpu(monkeypatch):
    """This machine, with a GPU that can be built for."""
    pytest.importorskip("tensorrt_rtx")
    monkeypatch.setitem(sys.modules, "tensorrt", None)
    for module in (choice, engine):
        monkeypatch.setattr(module, "open_device", lambda: types.SimpleNamespace(name="NVIDIA Test", capability="8.9"))


def test_engines_are_built_once_listed_and_cleared(folder, gpu, tmp_path, capsys):
    model = save_pose_model(tmp_path / "mine.onnx")
    assert main(["engine", "list"]) == 0
    assert capsys.readouterr().out == f"no engines in {folder}\n"
    for _ in range(2):
        assert main(["engine", "build", str(model), "--max-people", "8"]) == 0
        assert "for NVIDIA Test with tensorrt_rtx" in capsys.readouterr().out
    assert main(["engine", "list"]) == 0
    listed = capsys.readouterr().out
    assert listed.count("mine (") == 1
    assert "crops=5x3x256x256..8x3x256x256..8x3x256x256" in listed
    assert main(["engine", "clear", "other"]) == 0
    assert "removed 0 files" in capsys.readouterr().out
    assert main(["engine", "clear", "mine"]) == 0
    assert "removed 1 files" in capsys.readouterr().out
    assert list(folder.glob("*.engine")) == []


def test_of_a_shipped_model_the_graph_from_image_to_joints_is_made_and_built(folder, gpu, capsys):
    assert main(["engine", "build", "fast", "--max-people", "4"]) == 0
    assert capsys.readouterr().out.startswith("metric_pose_fast_gpu: ")
    (graph,) = folder.glob("graphs/*/metric_pose_fast_gpu.onnx")
    (engine_file,) = folder.glob("metric_pose_fast_gpu-*.engine")
    assert engine_file.stat().st_size > graph.stat().st_size / 2
    assert main(["engine", "clear"]) == 0
    assert "removed 2 files" in capsys.readouterr().out


def test_one_model_is_cleared_by_its_short_name_or_file_with_its_graph_for_gpus(folder, capsys):
    cache = EngineCache()
    for name in ("metric_pose_heavy", "metric_pose_heavy_gpu", "metric_pose_fast_gpu", "movenet_multipose", "mine"):
        cache.get(EngineKey(name, "ab", "tensorrt 10.3.0", "Orin", "8.7", "crops", "fp16"), lambda: b"engine")
    graph = folder / "graphs" / "ab" / "metric_pose_heavy_gpu.onnx"
    graph.parent.mkdir(parents=True)
    graph.touch()
    assert main(["engine", "clear", "heavy"]) == 0
    assert capsys.readouterr().out == f"removed 3 files from {folder}\n"
    assert main(["engine", "clear", "models/mine.onnx"]) == 0
    assert main(["engine", "clear", "movenet"]) == 0
    assert {entry.key.model for entry in cache.entries()} == {"metric_pose_fast_gpu"}
    capsys.readouterr()
    assert main(["engine", "clear", "heavy"]) == 0
    assert "nothing there is of metric_pose_heavy, but of metric_pose_fast_gpu\n" in capsys.readouterr().out
    assert main(["engine", "clear", "metric_pose_fast_gpu"]) == 0
    assert main(["engine", "clear", "fast"]) == 0
    assert "nothing there is of metric_pose_fast, but of no model\n" in capsys.readouterr().out


def test_a_machine_without_a_gpu_says_what_is_missing(folder, monkeypatch, capsys):
    monkeypatch.setattr("metric_pose_ros.engines.cuda._LIBRARY", "libcuda-of-nobody.so.1")
    monkeypatch.setattr(engine, "missing", lambda kind: "no NVIDIA driver here (libcuda.so.1)")
    assert main(["engine", "build", "fast"]) == 2
    assert "there is nothing to build with: tensorrt: no NVIDIA driver" in capsys.readouterr().err


def test_a_model_that_is_not_there_is_named(folder, capsys):
    assert main(["engine", "build", "nobody"]) == 2
    assert "no model 'nobody'" in capsys.readouterr().err
