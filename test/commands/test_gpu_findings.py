"""What the doctor says of GPUs, engines and clocks."""

import sys
import types

import onnxruntime
import pytest

from metric_pose_ros.commands import gpu_findings
from metric_pose_ros.commands.gpu_findings import examine_gpu
from metric_pose_ros.engines.cache import EngineCache
from metric_pose_ros.engines.cuda import CudaError
from test.engines.test_cache import KEY


@pytest.fixture
def machine(monkeypatch):
    """A desktop with a GPU and everything installed; returns its free bytes to change."""
    state = {"free": 20e9}
    device = types.SimpleNamespace(
        name="NVIDIA Test", capability="8.9", driver="13.0", memory_bytes=24e9, free_bytes=lambda: state["free"]
    )
    monkeypatch.setattr(gpu_findings, "open_device", lambda: device)
    monkeypatch.setattr(gpu_findings, "missing", lambda kind: None)
    monkeypatch.setitem(sys.modules, "tensorrt", types.SimpleNamespace(__version__="10.3.0"))
    return state


def texts(cache: EngineCache, state: str) -> str:
    return "\n".join(finding.text for finding in examine_gpu(cache) if finding.state == state)


def test_a_good_gpu_and_its_engines_are_named(machine, tmp_path):
    cache = EngineCache(tmp_path)
    assert "no built engines" in texts(cache, "ok")
    cache.get(KEY, lambda: bytes(2_000_000))
    found = texts(cache, "ok")
    assert "NVIDIA Test, compute capability 8.9, CUDA 13.0 driver, 20.0 of 24.0 GB free" in found
    assert "TensorRT 10.3.0: can be used" in found
    assert f"ONNX Runtime CPU {onnxruntime.__version__}: can be used" in found
    assert "1 built engines, 2 MB" in found
    assert texts(cache, "note") == ""


def test_little_memory_and_broken_engines_are_noted_with_a_remedy(machine, tmp_path):
    machine["free"] = 0.4e9
    (tmp_path / "old.engine").write_bytes(b"nonsense")
    notes = texts(EngineCache(tmp_path), "note")
    assert "close what else uses the GPU" in notes
    assert "1 unusable engines" in notes
    assert "metric-pose engine clear" in notes


def test_onnx_is_asked_for_where_tensorrt_would_run(machine, tmp_path, monkeypatch):
    monkeypatch.setattr(gpu_findings, "find_spec", lambda name: None)
    assert "crops are cut on the CPU: pip install onnx" in texts(EngineCache(tmp_path), "note")
    monkeypatch.setattr(gpu_findings, "missing", lambda kind: None if kind == "onnxruntime" else "not here")
    assert "onnx" not in texts(EngineCache(tmp_path), "note").replace("ONNX", "").replace("onnxruntime", "")


def test_a_machine_without_a_gpu_is_fine_and_says_why_each_engine_is_passed_over(monkeypatch, tmp_path):
    def none():
        raise CudaError("no NVIDIA driver here (libcuda.so.1)")

    monkeypatch.setattr(gpu_findings, "open_device", none)
    monkeypatch.setattr(
        gpu_findings, "missing", lambda kind: None if kind == "onnxruntime" else f"no {kind} on this machine"
    )
    notes = texts(EngineCache(tmp_path), "note")
    assert "no GPU is used: no NVIDIA driver here" in notes
    assert "TensorRT-RTX: no tensorrt_rtx on this machine" in notes
    assert f"ONNX Runtime CPU {onnxruntime.__version__}: can be used" in texts(EngineCache(tmp_path), "ok")
    assert not any(finding.state == "FAIL" for finding in examine_gpu(EngineCache(tmp_path)))


@pytest.mark.parametrize(("governor", "said"), [("schedutil\n", "sudo jetson_clocks"), ("performance\n", "are fixed")])
def test_a_jetson_shows_its_release_power_mode_and_clocks(machine, monkeypatch, tmp_path, governor, said):
    release, clocks = tmp_path / "release", tmp_path / "governor"
    release.write_text("# R36 (release), REVISION: 4.3, GCID: 38968081, BOARD: generic\n")
    clocks.write_text(governor)
    monkeypatch.setattr(gpu_findings, "_JETSON", release)
    monkeypatch.setattr(gpu_findings, "_GOVERNOR", clocks)
    monkeypatch.setattr(gpu_findings, "_output", lambda *command: "NV Power Mode: MAXN\n0")
    found = "\n".join(finding.text for finding in examine_gpu(EngineCache(tmp_path / "engines")))
    assert "Jetson, R36 (release), REVISION: 4.3" in found
    assert "power mode MAXN" in found
    assert said in found
