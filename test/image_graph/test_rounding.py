"""What fp16 costs when every value is rounded, and how much of a network stays fp32 for it."""

from __future__ import annotations

import itertools

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from metric_pose_ros.image_graph import compose, rounding
from metric_pose_ros.image_graph.compose import image_graph, write_image_graph
from metric_pose_ros.image_graph.half_precision import fewest_kept, to_half
from metric_pose_ros.image_graph.parity import drawn_crops
from metric_pose_ros.image_graph.rounding import (
    MEASURED_KEPT,
    RoundingCost,
    choose_kept,
    measured_kept,
    rounding_cost,
    with_every_value_rounded,
)
from metric_pose_ros.models import ModelFile, find_model


def chain(convolutions: int) -> onnx.ModelProto:
    """Multiplies one value by 1.001 in as many convolutions, of which fp16 holds 1.0009765625."""
    names = ["crops", *(f"c{number}" for number in range(convolutions))]
    nodes = [
        helper.make_node("Conv", [before, "factor"], [after], name=after) for before, after in itertools.pairwise(names)
    ]
    value = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 1, 1, 1]) for name in (names[0], names[-1])]
    factor = numpy_helper.from_array(np.full((1, 1, 1, 1), 1.001, np.float32), "factor")
    graph = helper.make_graph(nodes, "chain", value[:1], value[1:], [factor])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def values(graph: onnx.ModelProto, start: float, optimised: bool) -> float:
    options = onnxruntime.SessionOptions()
    if not optimised:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(graph.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return float(session.run(None, {"crops": np.full((1, 1, 1, 1), start, np.float32)})[0].item())


@pytest.mark.parametrize("optimised", [False, True])
@pytest.mark.parametrize("kept", [0, 3])
def test_every_fp16_value_is_what_numpy_rounds_it_to(kept, optimised):
    graph = chain(8)
    to_half(graph, kept=kept)
    expected = np.float32(1234.5678)
    for number in range(8):
        if number < kept:
            expected = expected * np.float32(1.001)
        else:
            product = np.float32(np.float16(expected)) * np.float32(np.float16(1.001))
            expected = np.float32(np.float16(product))
    found = values(with_every_value_rounded(graph), 1234.5678, optimised)
    assert found == pytest.approx(float(expected), rel=1e-6 if kept else 0)
    assert abs(found - values(chain(8), 1234.5678, optimised)) > 0.1


def test_the_cost_is_the_mean_over_people_of_centred_poses():
    random = np.random.default_rng(0)
    joints = random.normal(scale=300, size=(2, 30, 3))
    expected = {"relative": joints, "absolute": joints - joints.mean(axis=1, keepdims=True) + [0, 0, 4000]}
    moved = joints + 70
    moved[0, ::2, 0] += 4  # half of them 4 mm, so each 2 mm from their mean
    away = expected["absolute"] * np.array([1.002, 1.0])[:, None, None]
    assert rounding_cost({"relative": moved, "absolute": away}, expected) == pytest.approx((1.0, 0.001))
    assert str(RoundingCost(1.0, 0.001)) == "1.00 mm and 0.100 % of the distance"


@pytest.mark.parametrize(
    ("cost", "allowed"), [((1.0, 0.003), True), ((1.01, 0), False), ((0, 0.0031), False), ((float("nan"), 0), False)]
)
def test_one_millimetre_and_three_per_mille_are_allowed(cost, allowed):
    assert RoundingCost(*cost).allowed == allowed


@pytest.mark.parametrize("needed", [0, 1, 5, 9])
def test_as_few_stay_as_are_needed_and_few_are_tried(needed):
    tried = []
    assert fewest_kept(chain(10), lambda kept: tried.append(kept) or kept >= needed) == needed
    assert len(tried) <= 6


def test_shipped_models_keep_what_was_measured_and_their_graphs_say_it():
    kept = [measured_kept(find_model(name).read_bytes()) for name in ("fast", "heavy")]
    assert kept == [6, 36]
    assert len(MEASURED_KEPT) == 2
    heavy = onnx.load(find_model("heavy"))
    graph = image_graph(heavy, "fp16", kept[1])
    assert '"fp16 network, fp32 sampling, decoding and placement; the first 36 of 161 convolutions fp32"' in str(
        [entry.value for entry in graph.metadata_props]
    )


def test_more_of_the_heavy_network_in_fp32_brings_it_nearer_to_fp32():
    pose = onnx.load(find_model("heavy"))
    inputs = {name: values[1:2] for name, values in drawn_crops(pose).items()}
    expected = rounding._run(pose, inputs)
    costs = []
    for kept in (0, 36, 120):
        half = onnx.ModelProto()
        half.CopyFrom(pose)
        to_half(half, kept=kept)
        costs.append(rounding_cost(rounding._run(with_every_value_rounded(half), inputs), expected).relative_mm)
    assert costs[0] > costs[1] > costs[2] > 0
    assert costs[2] < 0.3


def test_another_model_is_measured_before_it_is_written(tmp_path, monkeypatch, caplog):
    changed = onnx.load(find_model("fast"))
    changed.doc_string = "other bytes"
    onnx.save(changed, tmp_path / "other.onnx")
    monkeypatch.setattr(compose, "choose_kept", lambda pose, inputs: (5, RoundingCost(0.5, 0.001)))
    write_image_graph(tmp_path / "other.onnx", tmp_path / "other_gpu.onnx")
    assert "the first 5 of 70 convolutions fp32: 0.50 mm and 0.100 % of the distance from fp32" in caplog.text
    said = ModelFile.open(tmp_path / "other_gpu.onnx").metadata["precision"]
    assert said.endswith("; the first 5 of 70 convolutions fp32")


def test_a_model_that_fp16_is_not_enough_for_is_refused(monkeypatch):
    pose = onnx.load(find_model("fast"))
    inputs = {name: values[:1] for name, values in drawn_crops(pose).items()}
    monkeypatch.setattr(rounding, "MOST_RELATIVE_MM", 0.0)
    with pytest.raises(
        ValueError,
        match=r"fp16 costs 0\.\d\d mm .* even with the first 69 convolutions in fp32, expected at most 0",
    ):
        choose_kept(pose, inputs)
