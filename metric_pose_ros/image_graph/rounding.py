"""What fp16 costs a network, with every value rounded as a GPU rounds it, and how much of it stays fp32 for that.

ONNX Runtime computes fp16 convolutions on a CPU in fp32 and fuses layers, so a graph in fp16 shows too small an error
there: here each node computes in fp32 and gives what fp16 holds of it.
"""

from __future__ import annotations

import hashlib
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
from onnx import TensorProto, helper

from metric_pose_ros.image_graph.half_precision import fewest_kept, to_half
from metric_pose_ros.image_graph.parity import differences

Arrays = dict[str, npt.NDArray]

MOST_RELATIVE_MM = 1.0
MOST_DISTANCE = 0.003
MEASURED_KEPT = {
    "577ae5afdbcbb91d231d4a6259df6b87cf97fe096c057ac43cb8c7807746e1a5": 6,  # metric_pose_fast
    "38880e012b0ea61f3b76c015768c9769a6b92f68aaca0e79be141eeed7f61499": 36,  # metric_pose_heavy
}
"""First convolutions that stay fp32, by the SHA-256 of model files. The shipped ones' are some more than
``python -m training export MODEL.onnx --target gpu --calibration SHARDS`` finds on 40 rendered people, whose mean is
uncertain by 0.2 mm: they hold on 120, and on 120 others."""
_BATCH = 4


class RoundingCost(NamedTuple):
    """What fp16 changes, as means over people.

    Attributes:
        relative_mm: of the joints, with their mean aligned.
        distance: of the mean joint from the camera, as a share.
    """

    relative_mm: float
    distance: float

    @property
    def allowed(self) -> bool:
        """Whether it is within what is promised of fp16."""
        return self.relative_mm <= MOST_RELATIVE_MM and self.distance <= MOST_DISTANCE

    def __str__(self) -> str:
        return f"{self.relative_mm:.2f} mm and {100 * self.distance:.3f} % of the distance"


def measured_kept(pose: bytes) -> int | None:
    """How many first convolutions of a model file stay fp32, if that is known of it."""
    return MEASURED_KEPT.get(hashlib.sha256(pose).hexdigest())


def choose_kept(pose: onnx.ModelProto, inputs: Arrays) -> tuple[int, RoundingCost]:
    """How few first convolutions of a model can stay fp32, and what fp16 costs then.

    Args:
        pose: an exported pose model in fp32.
        inputs: ``crops`` (N, 3, S, S) and ``intrinsics`` (N, 3, 3) of people to measure on; N * 10 network runs.

    Raises:
        ValueError: if fp16 costs too much however many stay.
    """
    expected = _run(pose, inputs)
    costs = {}

    def allowed(kept: int) -> bool:
        half = onnx.ModelProto()
        half.CopyFrom(pose)
        to_half(half, kept=kept)
        costs[kept] = rounding_cost(_run(with_every_value_rounded(half), inputs), expected)
        return costs[kept].allowed

    kept = fewest_kept(pose, allowed)
    if not costs[kept].allowed:
        raise ValueError(
            f"fp16 costs {costs[kept]} even with the first {kept} convolutions in fp32, expected at most "
            f"{RoundingCost(MOST_RELATIVE_MM, MOST_DISTANCE)}: fp32 is left"
        )
    return kept, costs[kept]


def rounding_cost(found: Arrays, expected: Arrays) -> RoundingCost:
    """Between outputs ``relative`` and ``absolute``, (N, J, 3) mm."""
    apart, off = differences(found, expected)
    return RoundingCost(float(apart.mean()), float(off.mean()))


def with_every_value_rounded(half: onnx.ModelProto) -> onnx.ModelProto:
    """A graph with fp16 in it that computes in fp32, and casts what each fp16 node gives to fp16 and back."""
    graph = onnx.ModelProto()
    graph.CopyFrom(half)
    inferred = onnx.shape_inference.infer_shapes(graph).graph
    types = {value.name: value.type.tensor_type.elem_type for value in (*inferred.value_info, *inferred.input)}
    types |= {tensor.name: tensor.data_type for tensor in graph.graph.initializer}
    rounded = {name for name, kind in types.items() if kind == TensorProto.FLOAT16}
    wide: dict[str, str] = {}
    nodes = []
    for node in graph.graph.node:
        if node.op_type == "Cast" or not rounded & set(node.output):
            nodes.append(node)
            continue
        for number, name in enumerate(node.input):
            if name not in rounded:
                continue
            if name not in wide:
                wide[name] = f"{name}.wide"
                nodes.append(helper.make_node("Cast", [name], [wide[name]], to=TensorProto.FLOAT))
            node.input[number] = wide[name]
        nodes.append(node)
        for number, name in enumerate(node.output):
            if name in rounded:
                node.output[number] = f"{name}.exact"
                nodes.append(helper.make_node("Cast", [f"{name}.exact"], [name], to=TensorProto.FLOAT16))
    del graph.graph.node[:], graph.graph.value_info[:]
    graph.graph.node.extend(nodes)
    return graph


def _run(graph: onnx.ModelProto, inputs: Arrays) -> Arrays:
    """Outputs in ONNX Runtime, which is told not to optimise: it could take out casts that undo each other's type."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(graph.SerializeToString(), options, providers=["CPUExecutionProvider"])
    names = ["relative", "absolute"]
    count = len(inputs["crops"])
    parts = [
        session.run(names, {name: values[start : start + _BATCH] for name, values in inputs.items()})
        for start in range(0, count, _BATCH)
    ]
    return {name: np.concatenate(each) for name, each in zip(names, zip(*parts, strict=True), strict=True)}
