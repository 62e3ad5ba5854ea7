"""An exported graph whose network computes in fp16: explicit casts, so that every runtime computes the same.

What decodes the heatmaps and places the person stays fp32: thousands of millimetres have no room in fp16.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

_SIZES_ONLY = {"Resize": (1, 2, 3), "Pad": (1, 3), "Slice": (1, 2, 3, 4), "Reshape": (1,)}
"""Inputs of operators that are sizes or places, not values."""
_LARGEST = float(np.finfo(np.float16).max)


def half_within(
    graph: onnx.ModelProto, largest: float, difference: Callable[[onnx.ModelProto], float]
) -> tuple[onnx.ModelProto, str]:
    """A copy of a graph with as much of the network in fp16 as a promise allows.

    Args:
        graph: an exported model in fp32.
        largest: what `difference` may be.
        difference: of a copy from what it should give.

    Returns:
        the copy, and in words which convolutions stayed fp32, empty if none did. If no copy keeps the promise, the one
        with a single convolution in fp16 is returned.
    """

    def half(kept: int) -> onnx.ModelProto:
        copy = onnx.ModelProto()
        copy.CopyFrom(graph)
        to_half(copy, kept=kept)
        return copy

    kept = fewest_kept(graph, lambda kept: difference(half(kept)) <= largest)
    return half(kept), kept_in_words(graph, kept)


def fewest_kept(graph: onnx.ModelProto, allowed: Callable[[int], bool]) -> int:
    """How few of the first convolutions can stay fp32, all but one at most; 0 for a graph without a network.

    What the first convolutions round off is in everything after them, so they are the first to stay fp32. Bisected:
    errors do not fall with each single convolution, so one fewer may do as well, but what is found was tried.

    Args:
        graph: an exported model in fp32.
        allowed: whether so many are enough.
    """
    low, high = 0, max(sum(map(_is_convolution, _network(graph.graph, "crops"))) - 1, 0)
    if allowed(low):
        return low
    if low == high or not allowed(high):
        return high
    while high - low > 1:
        middle = (low + high) // 2
        if allowed(middle):
            high = middle
        else:
            low = middle
    return high


def kept_in_words(graph: onnx.ModelProto, kept: int) -> str:
    """Which convolutions of a graph stay fp32, for people; empty if none does."""
    count = sum(map(_is_convolution, _network(graph.graph, "crops")))
    return f"the first {kept} of {count} convolutions fp32" if kept else ""


def to_half(graph: onnx.ModelProto, source: str = "crops", kept: int = 0) -> None:
    """Makes everything from an input to the last convolutions compute in fp16, in place.

    Args:
        graph: fp32; its weights may be stored as fp16 with a Cast to fp32 behind.
        source: name of the input that the network looks at.
        kept: so many convolutions from `source` on stay fp32, with what comes between them.

    Raises:
        ValueError: if no other convolution depends on `source`.
    """
    body = graph.graph
    types = _float_tensors(graph)
    inside = _after(_network(body, source), kept)
    if not inside:
        raise ValueError(f"no convolution depends on {source!r}: there is nothing to compute in fp16")
    made = {name for node in inside for name in node.output if name in types}
    halves: dict[str, str] = {source: f"{source}.fp16"}
    before = [helper.make_node("Cast", [source], [halves[source]], name=f"{source}.cast", to=TensorProto.FLOAT16)]
    stored = {node.output[0]: node.input[0] for node in body.node if node.op_type == "Cast"}
    weights = {tensor.name: tensor for tensor in body.initializer}
    constants = {node.output[0]: node for node in body.node if node.op_type == "Constant"}
    for node in inside:
        for number, name in enumerate(node.input):
            if name in made or name not in types or number in _SIZES_ONLY.get(node.op_type, ()):
                continue
            if name not in halves:
                halves[name] = _half_of(body, name, stored, weights, constants)
            node.input[number] = halves[name]
        for attribute in node.attribute:
            if node.op_type == "Cast" and attribute.name == "to" and attribute.i == TensorProto.FLOAT:
                attribute.i = TensorProto.FLOAT16
    after = _hand_over(body, inside, made)
    nodes = [*before, *body.node, *after]
    del body.node[:]
    body.node.extend(_in_order(nodes, body))
    _drop_unused(body)
    del body.value_info[:]


def _float_tensors(graph: onnx.ModelProto) -> set[str]:
    """Names of all fp32 tensors."""
    inferred = onnx.shape_inference.infer_shapes(graph).graph
    values = [*inferred.value_info, *inferred.input, *inferred.output]
    names = {value.name for value in values if value.type.tensor_type.elem_type == TensorProto.FLOAT}
    return names | {tensor.name for tensor in graph.graph.initializer if tensor.data_type == TensorProto.FLOAT}


def _network(body: onnx.GraphProto, source: str) -> list[onnx.NodeProto]:
    """Nodes on the way from `source` to a convolution, in order, convolutions included."""
    reached = {source}
    after = []
    for node in body.node:
        if reached & set(node.input):
            reached |= set(node.output)
            after.append(node)
    needed: set[str] = set()
    chosen = []
    for node in reversed(after):
        if node.op_type == "Conv" or needed & set(node.output):
            needed |= set(node.input)
            # Sizes that are read from a tensor are whole numbers, and computed as before.
            chosen.append(node)
    return chosen[::-1]


def _is_convolution(node: onnx.NodeProto) -> bool:
    return node.op_type in ("Conv", "ConvTranspose")


def _after(nodes: list[onnx.NodeProto], convolutions: int) -> list[onnx.NodeProto]:
    """What comes after so many of the convolutions."""
    ends = [0, *(place + 1 for place, node in enumerate(nodes) if _is_convolution(node))]
    return nodes[ends[convolutions] :] if convolutions < len(ends) else []


def _half_of(
    body: onnx.GraphProto,
    name: str,
    stored: dict[str, str],
    weights: dict[str, TensorProto],
    constants: dict[str, onnx.NodeProto],
) -> str:
    """The fp16 twin of what does not depend on the network's input, made if it is not there."""
    stored_as = weights.get(stored.get(name, ""))
    if stored_as is not None and stored_as.data_type == TensorProto.FLOAT16:
        return stored_as.name
    twin = f"{name}.fp16"
    if name in weights:
        values = numpy_helper.to_array(weights[name])
    elif name in constants:
        values = numpy_helper.to_array(constants[name].attribute[0].t)
    else:  # such as a weight that goes through an Identity, since two layers share it
        body.node.append(helper.make_node("Cast", [name], [twin], name=f"{twin}.cast", to=TensorProto.FLOAT16))
        return twin
    body.initializer.append(numpy_helper.from_array(np.clip(values, -_LARGEST, _LARGEST).astype(np.float16), twin))
    return twin


def _hand_over(body: onnx.GraphProto, inside: list[onnx.NodeProto], made: set[str]) -> list[onnx.NodeProto]:
    """Casts to fp32 of what others read, under the name that they know."""
    within = {id(node) for node in inside}
    read = {name for node in body.node if id(node) not in within for name in node.input}
    read |= {value.name for value in body.output}
    casts = []
    for name in sorted(made & read):
        half = f"{name}.fp16"
        for node in inside:
            for names in (node.input, node.output):
                for number, used in enumerate(names):
                    if used == name:
                        names[number] = half
        casts.append(helper.make_node("Cast", [half], [name], name=f"{name}.cast", to=TensorProto.FLOAT))
    return casts


def _in_order(nodes: list[onnx.NodeProto], body: onnx.GraphProto) -> list[onnx.NodeProto]:
    """The nodes such that each comes after what it reads."""
    known = {value.name for value in body.input} | {tensor.name for tensor in body.initializer} | {""}
    ordered, waiting = [], list(nodes)
    while waiting:
        ready = [node for node in waiting if set(node.input) <= known]
        if not ready:
            raise ValueError(f"{len(waiting)} nodes read what nothing makes, such as {list(waiting[0].input)}")
        for node in ready:
            known |= set(node.output)
        chosen = {id(node) for node in ready}
        ordered += ready
        waiting = [node for node in waiting if id(node) not in chosen]
    return ordered


def _drop_unused(body: onnx.GraphProto) -> None:
    """Takes out nodes and weights that nobody reads any more."""
    while True:
        read = {name for node in body.node for name in node.input} | {value.name for value in body.output}
        kept = [node for node in body.node if set(node.output) & read]
        if len(kept) == len(body.node):
            break
        del body.node[:]
        body.node.extend(kept)
    weights = [tensor for tensor in body.initializer if tensor.name in read]
    del body.initializer[:]
    body.initializer.extend(weights)
