"""The ONNX Runtime engine: names, shapes, threads."""

import subprocess
import sys

import numpy as np
import onnx
import pytest
from onnx.reference import ReferenceEvaluator

from metric_pose_ros.engines import EngineFailure, open_engine
from metric_pose_ros.engines.onnxruntime import OnnxRuntimeEngine
from metric_pose_ros.models import ModelFile
from test.fake_models import save_pose_model


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return save_pose_model(tmp_path_factory.mktemp("models") / "pose.onnx")


def inputs(count: int) -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    intrinsics = np.tile(np.array([[400, 0, 127.5], [0, 400, 127.5], [0, 0, 1]], np.float32), (count, 1, 1))
    intrinsics[:, 0, 0] = intrinsics[:, 1, 1] = random.uniform(300, 900, count)
    return {"crops": random.random((count, 3, 256, 256), np.float32), "intrinsics": intrinsics}


@pytest.mark.parametrize("count", [1, 3])
def test_outputs_come_by_name_and_equal_the_onnx_reference(path, count):
    outputs = OnnxRuntimeEngine(path).run(**inputs(count))
    names = ["joints2d", "relative", "absolute", "std"]
    expected = ReferenceEvaluator(onnx.load(path)).run(names, inputs(count))
    assert set(outputs) == set(names)
    for name, values in zip(names, expected, strict=True):
        assert np.abs(outputs[name] - values).max() < 1e-2  # mm or px; values reach 10000 in float32


def test_wrong_inputs_are_named(path):
    engine = OnnxRuntimeEngine(path)
    with pytest.raises(ValueError, match="inputs crops were given, expected crops, intrinsics"):
        engine.run(crops=inputs(1)["crops"])
    with pytest.raises(ValueError, match=r"input crops has shape \[1, 3, 128, 128\], expected \['N', 3, 256, 256\]"):
        engine.run(crops=np.zeros((1, 3, 128, 128), np.float32), intrinsics=inputs(1)["intrinsics"])


def test_unknown_engines_and_thread_counts_are_refused(path):
    model = ModelFile.open(path)
    with pytest.raises(
        ValueError,
        match="unknown engine 'abacus'; known are auto, tensorrt, tensorrt_rtx, onnxruntime_cuda, onnxruntime",
    ):
        open_engine(model, "abacus")
    with pytest.raises(ValueError, match="0 threads"):
        open_engine(model, "auto", threads=0)


def test_asking_for_cuda_without_it_says_what_to_install(path, monkeypatch):
    monkeypatch.setattr("onnxruntime.get_available_providers", lambda: ["CPUExecutionProvider"])
    with pytest.raises(ValueError, match="install onnxruntime-gpu"):
        open_engine(ModelFile.open(path), "onnxruntime_cuda")


def test_too_many_crops_for_the_memory_are_told_apart_and_fewer_still_run():
    # A process of its own, since what it lacks is address space.
    code = """
import resource
import numpy as np
from metric_pose_ros.engines import EngineOutOfMemory
from metric_pose_ros.engines.onnxruntime import OnnxRuntimeEngine
from metric_pose_ros.models import find_model

engine = OnnxRuntimeEngine(find_model("fast"), threads=1)
crops, intrinsics = np.zeros((16, 3, 256, 256), np.float32), np.tile(np.eye(3, dtype=np.float32), (16, 1, 1))
engine.run(crops=crops[:1], intrinsics=intrinsics[:1])
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 10_000_000, resource.RLIM_INFINITY))
try:
    engine.run(crops=crops, intrinsics=intrinsics)
except EngineOutOfMemory as error:
    print(error)
print("one crop:", len(engine.run(crops=crops[:1], intrinsics=intrinsics[:1])["relative"]))
"""
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.startswith("ONNX Runtime failed with ")
    assert said.endswith("one crop: 1\n")


def test_what_goes_wrong_inside_is_an_engine_failure_and_wrong_types_are_the_callers(path):
    engine = OnnxRuntimeEngine(path)
    with pytest.raises(EngineFailure, match="ONNX Runtime failed with Fail"):
        engine.run(crops=inputs(2)["crops"], intrinsics=inputs(3)["intrinsics"])
    with pytest.raises(ValueError, match="ONNX Runtime refuses the inputs"):
        engine.run(crops=inputs(2)["crops"].astype(float), intrinsics=inputs(2)["intrinsics"])
