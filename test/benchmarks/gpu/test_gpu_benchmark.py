"""What of the GPU's benchmark needs no GPU: its arithmetic, its networks and its report."""

from __future__ import annotations

import importlib.util
import time

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from metric_pose_ros.engines.building import Progress, build_engine
from metric_pose_ros.engines.onnxruntime import OnnxRuntimeEngine
from metric_pose_ros.engines.profiles import profiles_for
from metric_pose_ros.image_graph.compose import image_graph
from metric_pose_ros.models import find_model
from test.benchmarks.gpu import __main__ as bench
from test.benchmarks.gpu import parts
from test.benchmarks.gpu.cases import cases
from test.benchmarks.gpu.report import markdown, targets
from test.benchmarks.gpu.roofline import Ceiling, Layer, layers


def small_network() -> onnx.ModelProto:
    """A convolution of 3 to 8 channels at 16x16, an activation, a residual addition of a second one."""
    weights = {"w": np.zeros((8, 3, 3, 3), np.float16), "v": np.zeros((8, 1, 3, 3), np.float16)}
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("Conv", ["b", "v"], ["c"], pads=[1, 1, 1, 1], group=8),
        helper.make_node("Add", ["b", "c"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT16, ["batch", 3, 16, 16])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT16, ["batch", 8, 16, 16])],
        [numpy_helper.from_array(values, name) for name, values in weights.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def test_arithmetic_and_traffic_of_layers_are_what_counting_by_hand_gives():
    found = layers(small_network(), {"batch": 2})
    pixels = 2 * 16 * 16
    assert found == [
        Layer("Conv", 2.0 * pixels * 8 * 27, 2.0 * (pixels * 3 + 8 * 27 + pixels * 8)),
        Layer("Conv", 2.0 * pixels * 8 * 9, 2.0 * (pixels * 8 + 8 * 9 + pixels * 8)),
        Layer("Add", 0, 2.0 * pixels * 8),
    ]


def test_a_layer_takes_as_long_as_the_slower_of_both():
    ceiling = Ceiling(flops_per_s=100, bytes_per_s=10)
    assert ceiling.seconds([Layer("Conv", 1000, 10), Layer("Add", 0, 30)]) == 10 + 3


@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="needs torch")
def test_a_resnet_is_an_fp16_graph_with_the_published_multiplications_that_tensorrt_builds(tmp_path):
    case = next(case for case in cases() if case.name == "resnet50 stride 32")
    model = case.file(tmp_path)
    found = layers(onnx.load(model.path), {"batch": 1, "N": 1})
    backbone = sum(layer.flops for layer in found if layer.name == "Conv")
    # 4.1 G multiply-adds at 224 px (He et al. 2016), here at 256 px, plus what the neck and head take.
    published = 2 * 4.1e9 * (256 / 224) ** 2
    assert published < backbone < 1.1 * published
    trt = pytest.importorskip("tensorrt_rtx")
    assert build_engine(trt, model.path, profiles_for(model, (1, 16)), Progress("resnet"))


def results() -> dict:
    cell = {"16": {"ms": 1.0, "crops_per_s": 16000.0, "of_roofline": 0.7}}
    return {
        "date": "2026-01-01",
        "device": {"name": "GPU", "capability": "9.0", "driver": "13.0"},
        "versions": {"torch": "2"},
        "ceiling": {"tflops": 800.0, "gb_per_s": 3000.0},
        "throughput": {
            "heavy": {
                "TensorRT": cell,
                "torch.compile": {"16": {"ms": 3.0, "crops_per_s": 5333.0}},
                "ONNX Runtime CUDA": {"skipped": "this onnxruntime has no CUDA"},
            }
        },
        "latency": {"1280x720": {"4": {"median_ms": 2.0, "p99_ms": 4.0, "cpu_share_at_30_hz": 0.1}}},
        "int8": {"heavy": {"1280x720": {"4": {"median_ms": 1.5}}}},
        "precision": {"heavy": {"relative_mm": 0.5, "distance": 0.004}},
    }


def test_the_report_says_what_was_reached_and_what_was_not_measured():
    reached = {words: state for words, state, _ in targets(results())}
    assert list(reached.values()) == [True, True, True, True, False, True, True, False]
    text = markdown(results())
    assert "| TensorRT | 16,000 (1.00 ms, 70% of the roofline) |" in text
    assert "| ONNX Runtime CUDA | not measured: this onnxruntime has no CUDA |" in text
    assert "| its p99 at most 1.5 times the median | no | 2 times |" in text
    assert "| 1280x720 | 4 | 1.50 ms | 2.00 ms |" in text
    nothing = {name: value for name, value in results().items() if name in ("date", "device", "versions")}
    assert all(state is None for _, state, _ in targets(nothing))
    assert markdown(nothing).count("not measured") == 8


def test_shares_of_the_roofline_are_the_best_time_over_the_measured_one():
    rows = parts.rates({2: 0.010})
    ceiling = Ceiling(1e12, 1e6)
    parts.add_roofline(rows, small_network(), ceiling)
    best = sum(layer.bytes for layer in layers(small_network(), {"batch": 2})) / 1e6
    assert rows["2"]["crops_per_s"] == pytest.approx(200)
    assert rows["2"]["of_roofline"] == pytest.approx(best / 0.010)


def test_times_are_medians_of_the_calls():
    found = parts.timed(lambda: time.sleep(0.002), frames=20)
    assert 2 <= found["median_ms"] <= found["p99_ms"]
    assert found["cpu_share_at_30_hz"] < 0.06


def test_people_stand_beside_each_other_inside_the_image():
    boxes = parts.side_by_side(4, 1280, 720)
    assert (boxes[1:, 0] > boxes[:-1, 2]).all()
    assert boxes.min() >= 0
    assert boxes[:, 2].max() <= 1280


def test_the_difference_of_precisions_is_that_of_centred_poses():
    pose = np.random.default_rng(0).normal(0, 300, (5, 30, 3))
    away = pose + np.array([0, 0, 4000])
    expected = {"relative": pose, "absolute": away}
    moved = {"relative": pose + 7, "absolute": away * 1.01}
    found = parts.difference(moved, expected)
    assert found["relative_mm"] == pytest.approx(0, abs=1e-9)
    assert found["distance"] == pytest.approx(0.01)


def test_without_a_gpu_it_says_what_it_would_measure(monkeypatch, capsys, tmp_path):
    def none():
        raise bench.CudaError("no NVIDIA driver here (libcuda.so.1)")

    monkeypatch.setattr(bench, "open_device", none)
    assert bench.main(["--out", str(tmp_path / "out")]) == 0
    said = capsys.readouterr().out
    assert "there is no GPU here: no NVIDIA driver here" in said
    for part in bench.PARTS:
        assert f"  {part}: " in said
    assert not (tmp_path / "out").exists()


def test_one_part_that_fails_leaves_the_others(monkeypatch, capsys, tmp_path):
    class Device:
        name, capability, driver = "GPU", "9.0", "13.0"

    def fail(*given):
        raise RuntimeError("out of memory")

    monkeypatch.setattr(bench, "open_device", Device)
    monkeypatch.setitem(bench.PARTS, "latency", fail)
    monkeypatch.setitem(bench.PARTS, "precision", lambda *given: results()["precision"])
    assert bench.main(["latency", "precision", "--out", str(tmp_path)]) == 1
    assert "fp16 within 1 mm of fp32 | yes" in (tmp_path / "results.md").read_text()
    assert "out of memory" in (tmp_path / "results.json").read_text()


def with_pair(graph: onnx.ModelProto) -> onnx.ModelProto:
    """A graph whose crops are rounded to 256 values, as int8 does."""
    scale = numpy_helper.from_array(np.array(1 / 255, np.float32), "scale")
    zero = numpy_helper.from_array(np.array(0, np.uint8), "zero")
    graph.graph.initializer.extend([scale, zero])
    for node in graph.graph.node:
        node.input[:] = ["coarse" if name == "crops" else name for name in node.input]
    pair = [
        helper.make_node("QuantizeLinear", ["crops", "scale", "zero"], ["levels"]),
        helper.make_node("DequantizeLinear", ["levels", "scale", "zero"], ["coarse"]),
    ]
    nodes = [*pair, *graph.graph.node]
    del graph.graph.node[:]
    graph.graph.node.extend(nodes)
    return graph


def test_int8_is_skipped_with_a_reason_where_nothing_is_given_or_can_be_made(tmp_path, capsys):
    skipped = parts.int8([], tmp_path, {"given": {"int8": None, "shards": None}})
    assert skipped["heavy"]["skipped"].startswith("give --int8 FILE, which `python -m training export")
    assert "no int8: give --int8 FILE" in capsys.readouterr().err
    nowhere = parts.int8([], tmp_path, {"given": {"shards": str(tmp_path / "nowhere")}})["heavy"]["skipped"]
    assert "nowhere has no train-*.tar" in nowhere
    assert f"Not measured: {nowhere}" in markdown({**results(), "int8": {"heavy": {"skipped": nowhere}}})
    with pytest.raises(ValueError, match=r"metric_pose_fast\.onnx has no int8 in it"):
        parts.int8([], tmp_path, {"given": {"int8": str(find_model("fast"))}})


@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="the graph is made with torch")
def test_latency_and_precision_run_with_any_engine_in_tensorrts_place(monkeypatch, tmp_path):
    class Cpu(OnnxRuntimeEngine):
        def close(self) -> None:
            pass

    monkeypatch.setattr(parts, "open_tensorrt", lambda model, folder: Cpu(model.path, 1))
    monkeypatch.setattr(parts, "find_model", lambda name: find_model("fast"))
    monkeypatch.setattr(parts, "PEOPLE", (1, 2))
    monkeypatch.setattr(parts, "timed", lambda work: {"people": len(work())})
    found = {size: {"1": {"people": 1}, "2": {"people": 2}} for size in ("1280x720", "1920x1080")}
    assert parts.latency([], tmp_path, {}) == found
    quantized = image_graph(with_pair(onnx.load(find_model("fast"))), "fp32")
    onnx.save(quantized, tmp_path / "fast_int8_gpu.onnx")
    assert parts.int8([], tmp_path, {"given": {"int8": str(tmp_path / "fast_int8_gpu.onnx")}}) == {"heavy": found}
    few = {"crops": np.full((1, 3, 256, 256), 0.5, np.float32), "intrinsics": np.eye(3, dtype=np.float32)[None] * 300}
    np.savez(tmp_path / "crops.npz", **few)
    (found,) = parts.precision([case for case in cases() if case.name != "heavy"], tmp_path, {}).values()
    assert 0 <= found["relative_mm"] < 20
    assert 0 <= found["distance"] < 0.05
