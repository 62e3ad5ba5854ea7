"""``python -m training export MODEL.onnx --precision int8``: int8 convolutions, written into the graph as Q/DQ pairs.

Values are quantized in the ranges that pictures of people reach, weights channel by channel. ONNX Runtime on a CPU is
fastest with values as uint8 around any zero; TensorRT takes int8 around zero only. What decodes heatmaps and places
people stays fp32, and so does what `KEPT` names.
"""

from __future__ import annotations

import logging
import re
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import onnx
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from training.data.batch import Batch
from training.exporting.precision import store_weights_as_fp16

OPERATORS = ("Conv", "Clip", "Relu", "Add", "MaxPool", "Pad")
KEPT = (
    r"backbone/(stem|expand|heatmaps|pooled|(refined_)?laterals|last_|refined_top|refinements\.0/refinements\.0\.0/)",
    r"backbone/(reductions\.[01]/|stages\.[01]/|Add|Resize|stages\.2/.*/Add)",
    r"neck/([rphc]\d+/|Add|Relu)",
)
"""Parts of the shipped models that stay float, by their nodes' names, found by measuring.

The trunk was trained for fp16: its early streams reach +-500 where differences of 1 count, and 8 bits for them, for the
sums along them or for what is read off the trunk move joints by some 20 mm each, or by far more.
"""


def with_int8(
    pose: onnx.ModelProto, batches: Iterator[Batch], kept: Sequence[str] = KEPT, around_zero: bool = False
) -> onnx.ModelProto:
    """A copy of a model whose convolutions compute in int8.

    Args:
        pose: an exported model in fp32, or with fp16 weights.
        batches: crops to find ranges on; some dozens do.
        kept: regular expressions; nodes in whose names one is found stay float, beside all that come after the last
            convolution.
        around_zero: int8 around zero, as TensorRT wants it, in place of uint8.

    Raises:
        ValueError: if there are no crops, or no convolution is left to quantize.
    """
    with tempfile.TemporaryDirectory() as folder:
        source, plain, target = (Path(folder) / f"{name}.onnx" for name in ("source", "plain", "int8"))
        onnx.save(pose, source)  # given the model itself, it would empty it
        quant_pre_process(str(source), str(plain), skip_symbolic_shape=True)
        excluded = _excluded(onnx.load(plain), kept)
        level = logging.root.level
        logging.root.setLevel(logging.ERROR)  # it warns of every weight that nobody reads
        try:
            quantize_static(
                str(plain),
                str(target),
                _Crops(batches),
                quant_format=QuantFormat.QDQ,
                op_types_to_quantize=list(OPERATORS),
                per_channel=True,
                activation_type=QuantType.QInt8 if around_zero else QuantType.QUInt8,
                weight_type=QuantType.QInt8,
                nodes_to_exclude=excluded,
                calibrate_method=CalibrationMethod.MinMax,
                extra_options={
                    "ActivationSymmetric": around_zero,
                    "WeightSymmetric": True,
                    "QuantizeBias": not around_zero,
                },
            )
        finally:
            logging.root.setLevel(level)
        graph = onnx.load(target)
    store_weights_as_fp16(graph)
    used = {node.domain for node in graph.graph.node}
    opsets = [entry for entry in graph.opset_import if entry.domain in used]
    del graph.opset_import[:]
    graph.opset_import.extend(opsets)
    del graph.metadata_props[:]
    graph.metadata_props.extend(pose.metadata_props)
    graph.ir_version, graph.producer_name = pose.ir_version, pose.producer_name
    onnx.checker.check_model(graph, full_check=True)
    return graph


def int8_convolutions(graph: onnx.ModelProto) -> tuple[int, int]:
    """How many convolutions compute in int8, and how many there are."""
    makers = {name: node.op_type for node in graph.graph.node for name in node.output}
    convolutions = [node for node in graph.graph.node if node.op_type == "Conv"]
    return sum(makers.get(node.input[1]) == "DequantizeLinear" for node in convolutions), len(convolutions)


def _excluded(graph: onnx.ModelProto, kept: Sequence[str]) -> list[str]:
    """Names of the nodes that stay float."""
    names = [node.name for node in graph.graph.node]
    convolutions = [number for number, node in enumerate(graph.graph.node) if node.op_type == "Conv"]
    after = set(names[convolutions[-1] + 1 :]) if convolutions else set(names)
    excluded = [name for name in names if name in after or any(re.search(pattern, name) for pattern in kept)]
    if not {graph.graph.node[number].name for number in convolutions} - set(excluded):
        raise ValueError(f"all {len(convolutions)} convolutions are to stay float: there is nothing to quantize")
    return excluded


class _Crops(CalibrationDataReader):
    """Crops as ONNX Runtime's calibration asks for them: one by one, and None at the end."""

    def __init__(self, batches: Iterator[Batch]) -> None:
        self._crops = self._one_by_one(batches)
        self.count = 0

    def get_next(self) -> dict[str, np.ndarray] | None:
        crop = next(self._crops, None)
        if crop is None and not self.count:
            raise ValueError("there are no crops to find the ranges of values on")
        self.count += 1
        return crop

    @staticmethod
    def _one_by_one(batches: Iterator[Batch]) -> Iterator[dict[str, np.ndarray]]:
        for batch in batches:
            assert batch.crops is not None
            for number in range(len(batch.target)):
                rows = slice(number, number + 1)
                yield {
                    "crops": batch.crops[rows].numpy(),
                    "intrinsics": batch.target.intrinsics[rows].numpy().astype(np.float32),
                }
