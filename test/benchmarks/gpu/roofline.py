"""How fast a network could be at best: a layer takes as long as its arithmetic, or its memory traffic if that is more.

Layers that a compiler folds into the convolution before them (activations, additions) cost what they read beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import onnx

_MULTIPLYING = ("Conv", "Gemm", "MatMul")
_MOVING = ("MaxPool", "AveragePool", "Resize", "Concat", "Pad", "Softmax", "Transpose", "GridSample")
_BYTES = {onnx.TensorProto.FLOAT: 4, onnx.TensorProto.FLOAT16: 2, onnx.TensorProto.INT64: 8, onnx.TensorProto.UINT8: 1}


@dataclass(frozen=True)
class Layer:
    """What one operator does.

    Attributes:
        name: of the operator.
        flops: multiplications and additions.
        bytes: read and written.
    """

    name: str
    flops: float
    bytes: float


@dataclass(frozen=True)
class Ceiling:
    """What a GPU was seen to do.

    Attributes:
        flops_per_s: of a large fp16 matrix product.
        bytes_per_s: of a large copy, read and written bytes together.
    """

    flops_per_s: float
    bytes_per_s: float

    def seconds(self, layers: list[Layer]) -> float:
        """The least time for layers one after the other."""
        return sum(max(layer.flops / self.flops_per_s, layer.bytes / self.bytes_per_s) for layer in layers)


def layers(graph: onnx.ModelProto, sizes: Mapping[str, int]) -> list[Layer]:
    """The operators of a graph that cost something.

    Args:
        graph: to look at; its free sizes are those of the inputs.
        sizes: value by name of free size, such as ``{"batch": 16}``.

    Raises:
        ValueError: if a size stays unknown, naming the tensor.
    """
    fixed = onnx.ModelProto()
    fixed.CopyFrom(graph)
    for value in fixed.graph.input:
        for size in value.type.tensor_type.shape.dim:
            if size.dim_param:
                size.dim_value = sizes[size.dim_param]
    del fixed.graph.value_info[:]
    for value in fixed.graph.output:
        value.type.tensor_type.ClearField("shape")
    inferred = onnx.shape_inference.infer_shapes(fixed, data_prop=True).graph
    shapes, widths = {}, {}
    for value in [*inferred.value_info, *inferred.input, *inferred.output]:
        tensor = value.type.tensor_type
        if tensor.HasField("shape") and all(size.HasField("dim_value") for size in tensor.shape.dim):
            shapes[value.name] = tuple(size.dim_value for size in tensor.shape.dim)
            widths[value.name] = _BYTES.get(tensor.elem_type, 4)
    for weight in fixed.graph.initializer:
        shapes[weight.name], widths[weight.name] = tuple(weight.dims), _BYTES.get(weight.data_type, 4)
    folded = _folded(fixed.graph)

    def size_of(name: str) -> float:
        if name not in shapes:
            raise ValueError(f"the size of {name!r} is not known")
        return float(np.prod(shapes[name])) * widths[name]

    found = []
    for node in fixed.graph.node:
        if node.op_type not in (*_MULTIPLYING, *_MOVING, "Add"):
            continue
        if node.op_type == "Add":
            if not any(name in folded for name in node.input) or node.output[0] not in shapes:
                continue  # the small arithmetic of decoding
            beside = [name for name in node.input if name not in folded]
            found.append(Layer("Add", 0, sum(size_of(name) for name in (beside or node.input[:1]))))
            continue
        read = [name for name in node.input if name and name in shapes]
        moved = sum(size_of(name) for name in [*read, node.output[0]])
        found.append(Layer(node.op_type, _flops(node, shapes), moved))
    return found


def _folded(graph: onnx.GraphProto) -> set[str]:
    """Outputs of convolutions, and of what follows them value by value."""
    outputs: set[str] = set()
    for node in graph.node:
        follows = node.op_type in ("Clip", "Relu", "Add", "PRelu", "Sigmoid", "Mul") and outputs & set(node.input)
        if node.op_type == "Conv" or follows:
            outputs |= set(node.output)
    return outputs


def _flops(node: onnx.NodeProto, shapes: Mapping[str, tuple[int, ...]]) -> float:
    if node.op_type == "Conv":
        _, channels, *kernel = shapes[node.input[1]]
        return 2.0 * float(np.prod(shapes[node.output[0]])) * channels * float(np.prod(kernel))
    if node.op_type in ("Gemm", "MatMul") and node.output[0] in shapes:
        return 2.0 * float(np.prod(shapes[node.output[0]])) * shapes[node.input[0]][-1]
    return 0.0
