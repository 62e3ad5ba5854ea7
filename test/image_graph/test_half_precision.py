"""Graphs in fp16: which tensors change type, and what it costs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from metric_pose_ros.image_graph.half_precision import _network, half_within, to_half
from metric_pose_ros.models import find_model


def session_of(file: bytes) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])


SHIPPED = [str(find_model(name)) for name in ("fast", "heavy")]


def types(graph: onnx.ModelProto) -> dict[str, int]:
    inferred = onnx.shape_inference.infer_shapes(graph, strict_mode=True).graph
    values = [*inferred.value_info, *inferred.input, *inferred.output]
    return {value.name: value.type.tensor_type.elem_type for value in values} | {
        tensor.name: tensor.data_type for tensor in graph.graph.initializer
    }


@pytest.mark.parametrize("path", SHIPPED)
def test_every_convolution_of_a_shipped_model_is_fp16_and_every_softmax_fp32(path):
    graph = onnx.load(path)
    to_half(graph)
    onnx.checker.check_model(graph, full_check=True)
    typed = types(graph)
    for node in graph.graph.node:
        if node.op_type == "Conv":
            assert {typed[name] for name in [*node.input, *node.output]} == {TensorProto.FLOAT16}
        if node.op_type in ("Softmax", "Sqrt", "Where"):
            assert typed[node.output[0]] == TensorProto.FLOAT
    assert {value.type.tensor_type.elem_type for value in graph.graph.output} == {TensorProto.FLOAT}
    # Weights are stored once, as the fp16 that they were.
    assert len(graph.SerializeToString()) < Path(path).stat().st_size * 1.02


@pytest.mark.parametrize("path", SHIPPED)
def test_rounding_every_value_to_fp16_moves_joints_by_far_less_than_they_are_unsure(path):
    # ONNX Runtime's CPU has no fp16 convolutions and leaves roundings out, so they are put in by hand: the difference
    # of two large numbers keeps 11 bits (Veltkamp's splitting).
    graph = onnx.load(path)
    expected = run(graph)
    made = {name for node in _network(graph.graph, "crops") for name in node.output}
    graph.graph.initializer.append(numpy_helper.from_array(np.array(2.0**13 + 1, np.float32), "split"))
    nodes = []
    for node in graph.graph.node:
        nodes.append(node)
        for number, name in enumerate(node.output):
            if name in made and node.op_type not in ("Shape", "Cast", "Constant"):
                node.output[number] = f"{name}.exact"
                nodes += [
                    helper.make_node("Mul", [f"{name}.exact", "split"], [f"{name}.large"]),
                    helper.make_node("Sub", [f"{name}.large", f"{name}.exact"], [f"{name}.rest"]),
                    helper.make_node("Sub", [f"{name}.large", f"{name}.rest"], [name]),
                ]
    del graph.graph.node[:]
    graph.graph.node.extend(nodes)
    found = run(graph)
    relative = found["relative"] - found["relative"].mean(axis=1, keepdims=True)
    before = expected["relative"] - expected["relative"].mean(axis=1, keepdims=True)
    error = np.linalg.norm(relative - before, axis=-1)
    distance, distance_before = (np.linalg.norm(each["absolute"].mean(axis=1), axis=-1) for each in (found, expected))
    assert 0 < error.mean() < 0.06 * expected["std"].mean()
    assert (np.abs(distance / distance_before - 1) < 0.02).all()


def run(graph: onnx.ModelProto) -> dict[str, np.ndarray]:
    session = session_of(graph.SerializeToString())
    names = [output.name for output in session.get_outputs()]
    coarse = np.random.default_rng(2).random((3, 8, 8, 3)).astype(np.float32)
    crops = np.repeat(np.repeat(coarse, 32, axis=1), 32, axis=2).transpose(0, 3, 1, 2)
    intrinsics = np.tile(np.array([[900, 0, 127.5], [0, 900, 127.5], [0, 0, 1]], np.float32), (3, 1, 1))
    arrays = {"crops": np.ascontiguousarray(crops), "intrinsics": intrinsics}
    return dict(zip(names, session.run(names, arrays), strict=True))


def small_graph() -> onnx.ModelProto:
    """A convolution, an enlargement and a second convolution; then an exponential of the sum."""
    random = np.random.default_rng(0)
    weights = {
        "first": random.normal(size=(4, 3, 3, 3)).astype(np.float32),
        "second": random.normal(size=(2, 4, 1, 1)).astype(np.float32) * 1e-6,
        "scales": np.array([1, 1, 2, 2], np.float32),
        "large": np.array(1e6, np.float32),
    }
    nodes = [
        helper.make_node("Identity", ["first"], ["shared"]),
        helper.make_node("Conv", ["crops", "shared"], ["a"], pads=[1, 1, 1, 1]),
        helper.make_node("Min", ["a", "large"], ["b"]),
        helper.make_node("Resize", ["b", "", "scales"], ["c"], mode="nearest"),
        helper.make_node("Conv", ["c", "second"], ["d"]),
        helper.make_node("Mul", ["d", "large"], ["e"]),
        helper.make_node("ReduceMean", ["b"], ["mean"]),
    ]
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("crops", TensorProto.FLOAT, ["N", 3, 8, 8])],
        [
            helper.make_tensor_value_info("e", TensorProto.FLOAT, ["N", 2, 16, 16]),
            helper.make_tensor_value_info("mean", TensorProto.FLOAT, None),
        ],
        [numpy_helper.from_array(values, name) for name, values in weights.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def test_sizes_stay_and_values_that_others_read_come_back_as_fp32():
    graph = small_graph()
    crops = np.random.default_rng(1).random((2, 3, 8, 8)).astype(np.float32)
    expected = session_of(graph.SerializeToString()).run(None, {"crops": crops})
    to_half(graph)
    typed = types(graph)
    assert typed["scales"] == TensorProto.FLOAT
    assert [typed[name] for name in ("b.fp16", "b", "d.fp16", "d", "e", "mean")] == [10, 1, 10, 1, 1, 1]
    found = session_of(graph.SerializeToString()).run(None, {"crops": crops})
    assert np.abs(found[1] - expected[1]).max() < 0.01
    # A constant beyond what fp16 holds becomes the largest it does hold, not infinity.
    twin = next(tensor for tensor in graph.graph.initializer if tensor.name == "large.fp16")
    assert float(numpy_helper.to_array(twin)) == 65504


def test_the_first_convolutions_may_stay_as_they_are():
    graph = small_graph()
    crops = np.random.default_rng(1).random((2, 3, 8, 8)).astype(np.float32)
    expected = session_of(graph.SerializeToString()).run(["mean"], {"crops": crops})
    to_half(graph, kept=1)
    typed = types(graph)
    assert [typed[name] for name in ("first", "a", "b.fp16", "second.fp16", "d.fp16", "d")] == [1, 1, 10, 10, 10, 1]
    assert "crops.fp16" not in typed
    found = session_of(graph.SerializeToString()).run(["mean"], {"crops": crops})
    assert 0 < np.abs(found[0] - expected[0]).max() < 0.005


def test_as_few_convolutions_stay_as_the_promise_allows():
    assert half_within(small_graph(), 1.0, lambda half: 1.0)[1] == ""
    differences = iter([float("nan"), 1.0])
    graph, kept = half_within(small_graph(), 1.0, lambda half: next(differences))
    assert kept == "the first 1 of 2 convolutions fp32"
    assert [types(graph)[name] for name in ("a", "d.fp16")] == [TensorProto.FLOAT, TensorProto.FLOAT16]


def test_a_graph_without_a_network_is_refused():
    graph = helper.make_graph(
        [helper.make_node("Neg", ["crops"], ["y"])],
        "none",
        [helper.make_tensor_value_info("crops", TensorProto.FLOAT, [1])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])],
    )
    with pytest.raises(ValueError, match="no convolution depends on 'crops'"):
        to_half(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9))
