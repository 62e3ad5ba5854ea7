"""Engines on a real GPU: what they compute, how they are recorded, and what they leave behind."""

from __future__ import annotations

import threading
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest

from metric_pose_ros.engines.cache import EngineCache
from metric_pose_ros.engines.choice import Options, missing, open_kind
from metric_pose_ros.engines.cuda import open_device
from metric_pose_ros.engines.onnxruntime import OnnxRuntimeEngine
from metric_pose_ros.engines.tensorrt import TensorRTEngine
from metric_pose_ros.models import ModelFile, find_model

KINDS = [kind for kind in ("tensorrt", "tensorrt_rtx") if missing(kind) is None]
pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(
        not KINDS, reason=f"needs a GPU and TensorRT ({missing('tensorrt_rtx') or missing('tensorrt')})"
    ),
]


@pytest.fixture(scope="module", params=KINDS or ["tensorrt"])
def kind(request) -> str:
    return request.param


@pytest.fixture(scope="module")
def options(tmp_path_factory) -> Options:
    return Options(threads=2, batches=(1, 4, 8), cache=EngineCache(tmp_path_factory.mktemp("engines")))


def open_tensorrt(kind: str, model: ModelFile, options: Options) -> TensorRTEngine:
    engine = open_kind(kind, model, options, "test")
    assert isinstance(engine, TensorRTEngine)
    return engine


def crops(count: int, seed: int = 0) -> dict[str, np.ndarray]:
    coarse = np.random.default_rng(seed).random((count, 8, 8, 3)).astype(np.float32)
    images = np.stack([cv2.resize(each, (256, 256), interpolation=cv2.INTER_CUBIC).clip(0, 1) for each in coarse])
    intrinsics = np.tile(np.array([[900, 0, 127.5], [0, 900, 127.5], [0, 0, 1]], np.float32), (count, 1, 1))
    return {"crops": np.ascontiguousarray(images.transpose(0, 3, 1, 2)), "intrinsics": intrinsics}


def centred(pose: np.ndarray) -> np.ndarray:
    return pose - pose.mean(axis=1, keepdims=True)


@pytest.fixture(scope="module")
def fast(kind, options) -> TensorRTEngine:
    return open_tensorrt(kind, ModelFile.open("fast"), options)


@pytest.mark.parametrize("count", [1, 3, 8, 11])
def test_a_pose_model_computes_what_the_cpu_computes(fast, count):
    # 11 is more than the engine takes at once. TF32 keeps 11 bits, as fp16 does.
    inputs = crops(count)
    expected = OnnxRuntimeEngine(find_model("fast"), 4).run(**inputs)
    for _ in range(3):  # done, recorded and replayed
        found = fast.run(**inputs)
        assert found["relative"].shape == (count, 30, 3)
        error = np.linalg.norm(centred(found["relative"]) - centred(expected["relative"]), axis=-1)
        assert error.mean() < 0.1 * expected["std"].mean()


def test_replays_equal_the_first_run_to_the_bit(fast):
    first, other = crops(4, 1), crops(4, 2)
    results = [fast.run(**inputs)["absolute"] for inputs in (first, other, first, other)]
    assert np.array_equal(results[0], results[2])
    assert np.array_equal(results[1], results[3])
    assert not np.array_equal(results[0], results[1])


def test_sizes_are_recorded(fast):
    for count in (1, 2, 4):
        fast.run(**crops(count))
    assert all(recorded.graph is not None for recorded in fast._recorded.values())


@pytest.mark.parametrize("name", ["movenet", "nanodet"])
def test_a_detector_computes_what_the_cpu_computes(kind, options, name):
    model = ModelFile.open(name)
    random = np.random.default_rng(0)
    if name == "movenet":
        inputs = [
            {"image": random.integers(0, 256, (1, *size, 3)).astype(np.uint8)} for size in ((224, 352), (480, 832))
        ]
    else:
        inputs = [{"image": random.normal(0, 1, (1, 3, 416, 416)).astype(np.float32)}]
    engine = open_tensorrt(kind, model, options)
    for arrays in inputs:
        expected = OnnxRuntimeEngine(model.path, 4).run(**arrays)
        found = engine.run(**arrays)
        for output, values in expected.items():
            assert found[output].shape == values.shape
        scores = "people" if name == "movenet" else "scores"
        assert np.abs(np.sort(found[scores].ravel()) - np.sort(expected[scores].ravel())).mean() < 0.02


def test_a_second_start_takes_the_engine_from_the_cache(kind, options, fast, caplog):
    (before,) = [entry.built for entry in options.cache.entries() if entry.key.model == "metric_pose_fast"]
    again = open_tensorrt(kind, ModelFile.open("fast"), options)
    (after,) = [entry.built for entry in options.cache.entries() if entry.key.model == "metric_pose_fast"]
    assert before == after
    inputs = crops(2)
    assert np.allclose(again.run(**inputs)["absolute"], fast.run(**inputs)["absolute"], rtol=0.01)
    again.close()


def test_closing_gives_the_memory_back(kind, options):
    device = open_device()
    open_tensorrt(kind, ModelFile.open("fast"), options).close()
    free = device.free_bytes()
    for _ in range(3):
        engine = open_tensorrt(kind, ModelFile.open("fast"), options)
        engine.run(**crops(8))
        engine.close()
        del engine
    assert free - device.free_bytes() < 32e6


def test_two_engines_work_on_two_threads_at_once(kind, options, fast):
    detector = open_tensorrt(kind, ModelFile.open("nanodet"), options)
    image = {"image": np.random.default_rng(0).normal(0, 1, (1, 3, 416, 416)).astype(np.float32)}
    inputs = crops(4)
    expected = fast.run(**inputs)["absolute"], detector.run(**image)["scores"]
    wrong: list[str] = []

    def poses() -> None:
        for count in range(50):
            fast.run(**crops(1 + count % 8))  # sizes that are recorded while the other one runs
            if not np.array_equal(fast.run(**inputs)["absolute"], expected[0]):
                wrong.append("pose")

    def people() -> None:
        for _ in range(100):
            if not np.array_equal(detector.run(**image)["scores"], expected[1]):
                wrong.append("detector")

    threads = [threading.Thread(target=work) for work in (poses, people)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@pytest.mark.parametrize("precision", ["fp32", "fp16"])  # with TF32, which rounds as fp16 does
def test_the_graph_from_image_to_joints_computes_what_the_cpu_computes(kind, options, tmp_path, precision):
    from metric_pose_ros.estimator import PoseEstimator
    from metric_pose_ros.image_graph.compose import image_graph
    from metric_pose_ros.image_graph.parity import CAMERA, drawn_people
    from metric_pose_ros.image_graph.rounding import measured_kept
    from metric_pose_ros.image_network import ImagePoseNetwork

    path: Path = tmp_path / f"heavy_{precision}.onnx"
    heavy = find_model("heavy")
    onnx.save(image_graph(onnx.load(heavy), precision, measured_kept(heavy.read_bytes()) or 0), path)
    model = ModelFile.open(path)
    network = ImagePoseNetwork(open_tensorrt(kind, model, options), model.pose_info())
    image, boxes = drawn_people()
    found, expected = (
        PoseEstimator(given, "onnxruntime", None, only_plausible=False).estimate(image, CAMERA, boxes)
        for given in (network, "heavy")
    )
    for mine, other in zip(found, expected, strict=True):
        shift = mine.joints3d.mean(axis=0) - other.joints3d.mean(axis=0)
        assert np.linalg.norm(mine.joints3d - other.joints3d - shift, axis=1).mean() * 1000 < 10
        distances = [np.linalg.norm(person.joints3d.mean(axis=0)) for person in (mine, other)]
        assert distances[0] == pytest.approx(distances[1], rel=0.01)
