"""The network that takes whole images: what its engine is given, and when it is used."""

from __future__ import annotations

import json
import logging
import subprocess
import sys

import numpy as np
import onnx
import pytest

from metric_pose_ros import image_network
from metric_pose_ros.engines.cache import EngineCache
from metric_pose_ros.engines.onnxruntime import OnnxRuntimeEngine
from metric_pose_ros.geometry.camera import Camera
from metric_pose_ros.geometry.crop import look_at
from metric_pose_ros.image_network import ImagePoseNetwork, gpu_twin, open_pose_network
from metric_pose_ros.models import ModelFile
from metric_pose_ros.pose_network import PoseNetwork
from test.fake_models import metadata, save_pose_model

CAMERA = Camera.from_fov(640, 480, 60)


@pytest.fixture
def model(tmp_path) -> ModelFile:
    return ModelFile.open(save_pose_model(tmp_path / "mine.onnx"))


def save_twin(model: ModelFile, **changes: object) -> None:
    """A graph with the inputs of one for GPUs; what it computes is of no matter."""
    graph = onnx.load(model.path)
    kept = {"crops": ("image", onnx.TensorProto.UINT8, ["H", "W", 3])}
    for number, value in enumerate(list(graph.graph.input)):
        if value.name in kept:
            graph.graph.input[number].CopyFrom(onnx.helper.make_tensor_value_info(*kept[value.name]))
    graph.graph.input.append(onnx.helper.make_tensor_value_info("homographies", onnx.TensorProto.FLOAT, ["N", 3, 3]))
    for node in graph.graph.node:
        if "crops" in node.input:
            node.CopyFrom(onnx.helper.make_node("Constant", [], list(node.output), value_floats=[0.0]))
    entries = metadata(**{"kind": "pose_from_image", "made_from": model.sha256, **changes})
    onnx.helper.set_model_props(graph, {"metric_pose_ros": json.dumps(entries)})
    onnx.save(graph, model.path.with_name(f"{model.path.stem}_gpu.onnx"))


class Recording:
    """An engine that keeps what it was given and sees nobody anywhere."""

    description = "recording"

    def __init__(self) -> None:
        self.given: dict[str, np.ndarray] = {}

    def run(self, **arrays: np.ndarray) -> dict[str, np.ndarray]:
        self.given = arrays
        count = len(arrays["intrinsics"])
        return {
            name: np.zeros((count, 30, 2 if name == "joints2d" else 3))
            for name in ("joints2d", "relative", "absolute", "std")
        }


def test_an_image_goes_as_it_is_with_what_turns_crops_into_it(model):
    engine = Recording()
    image = np.zeros((480, 640, 3), np.uint8)
    crops = [look_at(CAMERA, np.array(box), 256) for box in ([100.0, 100, 200, 400], [300.0, 50, 500, 450])]
    poses = ImagePoseNetwork(engine, model.pose_info()).look(image, CAMERA, crops)
    assert engine.given["image"] is image
    assert len(poses.joints2d) == 2
    for crop, homography in zip(crops, engine.given["homographies"], strict=True):
        # The crop's middle looks at what the crop's own ray meets in the image.
        middle = homography @ [127.5, 127.5, 1]
        expected = CAMERA.project(crop.rays(np.array([[127.5, 127.5]])))[0]
        assert np.allclose(middle[:2] / middle[2], expected, atol=1e-3)
    assert np.allclose(engine.given["intrinsics"], [crop.K for crop in crops])


def test_crops_are_laid_out_on_a_sheet_and_found_there_again(model):
    engine = Recording()
    crops = np.random.default_rng(0).integers(0, 256, (31, 3, 64, 64)).astype(np.float32) / 255
    intrinsics = np.tile(np.eye(3, dtype=np.float32), (31, 1, 1))
    ImagePoseNetwork(engine, model.pose_info())(crops, intrinsics)
    sheet = engine.given["image"]
    assert sheet.shape == (128, 1920, 3)
    for crop, homography in zip(crops, engine.given["homographies"], strict=True):
        left, top = homography[:2, 2].astype(int)
        seen = sheet[top : top + 64, left : left + 64, ::-1].transpose(2, 0, 1)
        assert np.array_equal(seen, np.rint(crop * 255))


def test_more_crops_than_a_sheet_holds_take_several(model):
    engine = Recording()
    crops = np.zeros((60, 3, 256, 256), np.float32)  # 7 by 7 fit
    poses = ImagePoseNetwork(engine, model.pose_info())(crops, np.tile(np.eye(3, dtype=np.float32), (60, 1, 1)))
    assert len(poses.joints2d) == 60
    assert engine.given["image"].shape == (512, 1792, 3)
    assert len(engine.given["homographies"]) == 11


@pytest.mark.parametrize(
    "camera",
    [Camera(CAMERA.K, [-0.3, 0.1, 0, 0], "plumb_bob", 640, 480), Camera.from_fov(3840, 2160, 70)],
    ids=["distorted", "4K"],
)
def test_what_cannot_be_taken_whole_is_refused(model, camera):
    network = ImagePoseNetwork(Recording(), model.pose_info())
    assert not network.takes(camera)
    with pytest.raises(ValueError, match="cut the crops first"):
        network.look(np.zeros((camera.height, camera.width, 3), np.uint8), camera, [])


def test_without_a_gpu_the_plain_model_runs_even_if_the_twin_is_there(model, monkeypatch):
    save_twin(model)
    monkeypatch.setattr(image_network, "missing", lambda kind: "no NVIDIA driver here")
    opened = open_pose_network(model, "auto", 1)
    assert type(opened) is PoseNetwork
    assert "ONNX Runtime" in opened.description


@pytest.fixture
def gpu(monkeypatch):
    """A machine that runs everything asked of tensorrt_rtx; in ONNX Runtime."""
    asked = []

    def open_engine(model, engine, threads, batches):
        asked.append((model.path.name, engine))
        return OnnxRuntimeEngine(model.path, 1)

    monkeypatch.setattr(image_network, "missing", lambda kind: None if kind == "tensorrt_rtx" else "not installed")
    monkeypatch.setattr(image_network, "open_engine", open_engine)
    return asked


@pytest.mark.parametrize("engine", ["auto", "tensorrt_rtx"])
def test_with_a_gpu_the_twin_runs(model, gpu, engine):
    save_twin(model)
    assert isinstance(open_pose_network(model, engine, 1), ImagePoseNetwork)
    assert gpu[-1] == ("mine_gpu.onnx", "tensorrt_rtx")


def test_a_cpu_engine_that_was_asked_for_gets_the_plain_model(model, gpu):
    save_twin(model)
    assert type(open_pose_network(model, "onnxruntime", 1)) is PoseNetwork
    assert gpu == [("mine.onnx", "onnxruntime")]


def test_a_twin_of_other_weights_is_not_used_and_named(model, gpu, engines, caplog):
    caplog.set_level(logging.WARNING)
    save_twin(model, made_from=64 * "0")
    assert gpu_twin(model) is None
    assert "mine_gpu.onnx is not made from this mine.onnx and is not used" in caplog.text
    assert type(open_pose_network(model, "auto", 1)) is PoseNetwork


def test_a_damaged_twin_is_not_used_and_named(model, monkeypatch, caplog):
    caplog.set_level(logging.WARNING)
    monkeypatch.setattr(image_network, "_made_twin", lambda model: "made")
    beside = model.path.with_name("mine_gpu.onnx")
    beside.write_bytes(model.path.read_bytes()[:100])
    assert gpu_twin(model) == "made"
    assert "mine_gpu.onnx is not used: " in caplog.text
    assert "it may be truncated" in caplog.text


@pytest.fixture
def engines(tmp_path, monkeypatch):
    monkeypatch.setenv("METRIC_POSE_ENGINES", str(tmp_path / "engines"))
    return tmp_path / "engines"


def test_a_robot_without_torch_makes_the_graph_itself_and_only_once(engines):
    code = """
import logging, sys
sys.modules["torch"] = sys.modules["training"] = None
from metric_pose_ros.image_network import gpu_twin
from metric_pose_ros.models import ModelFile
logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stdout)
for _ in range(2):
    twin = gpu_twin(ModelFile.open("fast"))
    print(twin.path.name, twin.kind, twin.vouched)
"""
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    made, beside, *opened = said.splitlines()
    assert made == "making the graph from image to joints of metric_pose_fast.onnx"
    assert "metric_pose_fast_gpu.onnx; beside the CPU's way: joints 0." in beside
    assert opened == ["metric_pose_fast_gpu.onnx pose_from_image as SHA256SUMS states"] * 2
    (path,) = engines.glob("graphs/*/*.onnx")
    path.write_bytes(path.read_bytes()[:1000])
    twin = gpu_twin(ModelFile.open("fast"))
    assert twin is not None
    assert twin.path == path  # made again
    assert EngineCache(engines).clear("metric_pose_fast_gpu") == [path]
    assert not path.exists()


def test_without_onnx_the_plain_model_runs_and_the_log_says_what_to_install(engines, model, monkeypatch, caplog):
    monkeypatch.setitem(sys.modules, "onnx", None)
    for module in [name for name in sys.modules if name.startswith("metric_pose_ros.image_graph.")]:
        monkeypatch.delitem(sys.modules, module)
    assert gpu_twin(model) is None
    assert "mine.onnx has no graph from image to joints, so crops are cut on the CPU" in caplog.text
    assert "pip install onnx" in caplog.text
