"""The OpenVINO engine: it says what ONNX Runtime says, up to its rounding, and what goes wrong is told alike."""

import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from metric_pose_ros.engines import EngineFailure, open_engine
from metric_pose_ros.engines.choice import missing
from metric_pose_ros.engines.onnxruntime import OnnxRuntimeEngine
from metric_pose_ros.engines.openvino import OpenVinoEngine
from metric_pose_ros.image_network import open_pose_network
from metric_pose_ros.models import ModelFile, find_model
from test.engines.test_onnxruntime import inputs
from test.fake_models import STANDING_MM, save_pose_model

openvino = pytest.importorskip("openvino")
RENDERS = Path(__file__).parents[1] / "renders"


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return ModelFile.open(save_pose_model(tmp_path_factory.mktemp("models") / "pose.onnx"))


@pytest.mark.parametrize("count", [1, 3])
def test_outputs_are_those_of_onnx_runtime(model, count):
    engine = open_engine(model, "openvino")
    assert isinstance(engine, OpenVinoEngine)
    outputs, expected = engine.run(**inputs(count)), OnnxRuntimeEngine(model.path).run(**inputs(count))
    assert set(outputs) == set(expected)
    for name, values in expected.items():
        assert outputs[name] == pytest.approx(values, rel=0.02, abs=1)


@pytest.mark.parametrize("name", ["heavy", "fast"])
def test_shipped_models_find_the_same_people(name):
    crops = np.stack([cv2.imread(str(path))[..., ::-1].transpose(2, 0, 1) for path in sorted(RENDERS.glob("*.jpg"))])
    crops = np.ascontiguousarray(crops[:, :, :256, :256]).astype(np.float32) / 255
    intrinsics = np.tile(np.array([[500, 0, 127.5], [0, 500, 127.5], [0, 0, 1]], np.float32), (len(crops), 1, 1))
    here, there = (
        open_pose_network(ModelFile.open(find_model(name)), engine, 2)(crops, intrinsics)
        for engine in ("openvino", "onnxruntime")
    )
    assert np.linalg.norm(here.joints2d - there.joints2d, axis=-1).mean() < 2
    apart = (here.relative - here.relative[:, :1]) - (there.relative - there.relative[:, :1])
    assert np.linalg.norm(apart, axis=-1).mean() < 20
    assert np.abs(here.absolute[:, 0, 2] / there.absolute[:, 0, 2] - 1).mean() < 0.03


def test_results_stay_when_the_engine_runs_again(model):
    engine = open_engine(model, "openvino")
    first = engine.run(**inputs(2))
    kept = {name: values.copy() for name, values in first.items()}
    engine.run(**{name: values * 0.5 + 0.1 for name, values in inputs(2).items()})
    assert all(np.array_equal(first[name], kept[name]) for name in kept)


def test_wrong_inputs_are_named(model):
    engine = open_engine(model, "openvino")
    with pytest.raises(ValueError, match="inputs crops were given, expected crops, intrinsics"):
        engine.run(crops=inputs(1)["crops"])
    with pytest.raises(ValueError, match="input crops is float64, expected float32"):
        engine.run(crops=inputs(1)["crops"].astype(float), intrinsics=inputs(1)["intrinsics"])
    with pytest.raises(ValueError, match="0 threads"):
        open_engine(model, "openvino", threads=0)
    with pytest.raises(EngineFailure, match="OpenVINO failed"):
        engine.run(crops=inputs(2)["crops"], intrinsics=inputs(3)["intrinsics"])


def test_a_model_of_which_it_makes_something_else_is_refused(model, tmp_path, monkeypatch):
    other = ModelFile.open(save_pose_model(tmp_path / "other.onnx", pose_mm=STANDING_MM[:, [1, 0, 2]]))
    monkeypatch.setattr(
        "metric_pose_ros.engines.openvino.OnnxRuntimeEngine", lambda path, threads: OnnxRuntimeEngine(other.path)
    )
    with pytest.raises(ValueError, match=r"gives another joints2d for pose\.onnx than ONNX Runtime, by up to"):
        open_engine(model, "openvino")


def test_a_file_that_it_cannot_read_is_named(model, tmp_path):
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"nothing")
    with pytest.raises(ValueError, match=r"OpenVINO does not take broken\.onnx"):
        OpenVinoEngine(openvino, ModelFile(broken, "pose", {}, model.inputs, model.outputs), 1, "asked for")


def test_detectors_stay_with_onnx_runtime():
    with pytest.raises(ValueError, match=r"nanodet\.onnx takes no crops"):
        open_engine(ModelFile.open("nanodet"), "openvino")


def test_without_it_the_error_says_how_to_get_it(model, monkeypatch):
    monkeypatch.setitem(sys.modules, "openvino", None)
    assert missing("openvino") == "not installed (pip install openvino)"
    with pytest.raises(ValueError, match="pip install openvino"):
        open_engine(model, "openvino")


def test_its_description_tells_the_precision(model):
    assert missing("openvino") is None
    said = open_engine(model, "openvino", threads=1).description
    assert said.startswith(f"OpenVINO {openvino.__version__.split('-')[0]} in ")
    assert said.endswith(", 1 thread (asked for)")
