"""In which precision an exported network is stored and computed."""

from __future__ import annotations

import copy

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

from training.networks.pose_model import PoseModel

PRECISIONS = {
    "fp16-weights": "fp16 weights, fp32 computation",
    "fp32": "fp32",
    "fp16": "fp16 network, fp32 decoding and placement",
}
"""What a file's metadata says of each."""
LARGEST_DIFFERENCE = {"fp16-weights": 1.0, "fp32": 0.01, "fp16": 1.0}
"""Between the file in ONNX Runtime and torch, mm and px. Torch computes in fp32; of ``fp16-weights`` it has the same
rounded weights."""
SMALLEST_FP16_WEIGHT = 256
"""Tensors with fewer values stay fp32: they cost nothing, and constants of the decoding need their precision."""


def with_rounded_weights(model: PoseModel) -> PoseModel:
    """A copy whose large weights are rounded to fp16: the very numbers of a file with fp16 weights."""
    rounded = copy.deepcopy(model)
    with torch.no_grad():
        for parameter in rounded.parameters():
            if parameter.numel() >= SMALLEST_FP16_WEIGHT:
                parameter.copy_(parameter.half().float())
    return rounded


def store_weights_as_fp16(graph: onnx.ModelProto) -> None:
    """Replaces each large fp32 weight by an fp16 one and a Cast to fp32 in front of whoever reads it, in place.

    ONNX Runtime folds the Cast when it loads the file: half the bytes, fp32 arithmetic.
    """
    weights = [
        tensor
        for tensor in graph.graph.initializer
        if tensor.data_type == TensorProto.FLOAT and np.prod(tensor.dims) >= SMALLEST_FP16_WEIGHT and _fits(tensor)
    ]
    casts = []
    for tensor in weights:
        half = numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float16), f"{tensor.name}.fp16")
        casts.append(
            helper.make_node("Cast", [half.name], [tensor.name], name=f"{tensor.name}.cast", to=TensorProto.FLOAT)
        )
        tensor.CopyFrom(half)
    nodes = [*casts, *graph.graph.node]
    del graph.graph.node[:]
    graph.graph.node.extend(nodes)


def _fits(tensor: TensorProto) -> bool:
    """Whether fp16 holds every value exactly: true of rounded weights, not of coordinates that decode heatmaps."""
    values = numpy_helper.to_array(tensor)
    with np.errstate(over="ignore"):
        return bool(np.array_equal(values.astype(np.float16).astype(np.float32), values))
