"""Which engine a machine gets, and what is said about the others."""

from __future__ import annotations

import importlib
import logging
import sys
import types

import pytest

from metric_pose_ros.engines import choice, open_engine
from metric_pose_ros.engines.cache import EngineCache
from metric_pose_ros.engines.choice import NotHereError, Options, built, engine_key, load_tensorrt, missing, open_best
from metric_pose_ros.engines.cuda import CudaError, Device
from metric_pose_ros.models import ModelFile
from test.fake_models import save_pose_model


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> ModelFile:
    return ModelFile.open(save_pose_model(tmp_path_factory.mktemp("models") / "pose.onnx"))


@pytest.fixture
def machine(monkeypatch):
    """What each engine lacks on a made-up machine; opened engines just carry their description."""
    lacking = {"tensorrt": "not installed", "tensorrt_rtx": "not installed", "onnxruntime_cuda": "has no CUDA"}
    broken: dict[str, str] = {}

    def open_kind(kind, model, options, reason):
        if kind in broken:
            raise CudaError(broken[kind])
        return types.SimpleNamespace(description=f"{kind} ({reason})")

    monkeypatch.setattr(choice, "missing", lambda kind: lacking.get(kind))
    monkeypatch.setattr(choice, "open_kind", open_kind)
    return lacking, broken


def test_the_best_that_is_there_is_taken(machine, model):
    lacking, _ = machine
    for kind in ("onnxruntime", "onnxruntime_cuda", "tensorrt_rtx", "tensorrt"):
        assert open_best(model, Options()).description.startswith(f"{kind} (auto")
        better = {"onnxruntime": "onnxruntime_cuda", "onnxruntime_cuda": "tensorrt_rtx", "tensorrt_rtx": "tensorrt"}
        lacking.pop(better.get(kind, ""), None)


def test_it_is_said_why_the_better_ones_were_passed_over(machine, model):
    lacking, _ = machine
    assert open_best(model, Options()).description == (
        "onnxruntime (auto; passed over: TensorRT, TensorRT-RTX: not installed; ONNX Runtime CUDA: has no CUDA)"
    )
    lacking.clear()
    assert open_best(model, Options()).description == "tensorrt (auto: the best there is)"


def test_one_that_is_there_and_fails_is_passed_over_and_logged(machine, model, caplog):
    lacking, broken = machine
    lacking.clear()
    broken["tensorrt"] = "cuMemAlloc_v2 failed with 2: out of memory"
    caplog.set_level(logging.WARNING)
    assert open_best(model, Options()).description == (
        "tensorrt_rtx (auto; passed over: TensorRT: cuMemAlloc_v2 failed with 2: out of memory)"
    )
    assert "TensorRT was to run pose.onnx, but: cuMemAlloc_v2 failed with 2" in caplog.text


def test_an_engine_that_was_asked_for_is_not_replaced(model, monkeypatch):
    def open_kind(kind, model, options, reason):
        raise CudaError("no NVIDIA driver here (libcuda.so.1)")

    monkeypatch.setattr("metric_pose_ros.engines.open_kind", open_kind)
    with pytest.raises(ValueError, match=r"engine tensorrt does not run here: no NVIDIA driver.*'auto'"):
        open_engine(model, "tensorrt")


def test_a_machine_without_a_driver_says_so(monkeypatch):
    monkeypatch.setattr("metric_pose_ros.engines.cuda._LIBRARY", "libcuda-of-nobody.so.1")
    with pytest.raises(CudaError, match="no NVIDIA driver here"):
        Device()


def test_what_is_not_installed_comes_with_the_command_that_installs_it(monkeypatch):
    monkeypatch.setattr(choice, "open_device", lambda: None)
    monkeypatch.setitem(sys.modules, "tensorrt", None)
    assert "JetPack" in str(missing("tensorrt"))
    assert missing("onnxruntime") is None
    monkeypatch.setattr("onnxruntime.get_available_providers", lambda: ["CPUExecutionProvider"])
    assert "pip install onnxruntime-gpu" in str(missing("onnxruntime_cuda"))


def test_a_tensorrt_that_does_not_load_or_is_too_old_is_told_apart_from_one_that_is_not_there(monkeypatch):
    old = types.SimpleNamespace(__version__="8.6.1", NetworkDefinitionCreationFlag=types.SimpleNamespace())
    monkeypatch.setattr(importlib, "import_module", lambda name: old)
    with pytest.raises(NotHereError, match=r"version 8.6.1 is too old, 10.0 is needed"):
        load_tensorrt("tensorrt")

    def fail(name):
        raise ImportError("libnvinfer.so.10: cannot open shared object file")

    monkeypatch.setattr(importlib, "import_module", fail)
    with pytest.raises(NotHereError, match=r"does not load: libnvinfer.so.10"):
        load_tensorrt("tensorrt")


def test_engines_really_go_through_the_cache(model, tmp_path, caplog):
    trt = pytest.importorskip("tensorrt_rtx")
    caplog.set_level(logging.INFO)
    cache = EngineCache(tmp_path)
    device = types.SimpleNamespace(name="NVIDIA Test", capability="8.9")
    key = engine_key(trt, device, model, (1, 2))  # type: ignore[arg-type]
    assert (key.model, key.runtime) == ("pose", f"tensorrt_rtx {trt.__version__}")
    first = built(trt, model, key, (1, 2), cache)
    assert built(trt, model, key, (1, 2), cache) == first
    assert caplog.text.count("building the engine of pose for NVIDIA Test") == 1
    assert [entry.key for entry in cache.entries()] == [key]
    other = engine_key(trt, device, model, (1, 2, 3))  # type: ignore[arg-type]
    built(trt, model, other, (1, 2, 3), cache)
    assert "(the sizes was crops=1x3x256x256" in caplog.text
    assert len(cache.entries()) == 2
