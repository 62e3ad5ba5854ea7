"""A model file and the graph in front of it that looks at the image: an image and homographies in, joints out.

It is made from an exported model file, so the weights are those that were measured. What is added looks at the image
(`metric_pose_ros.image_graph.sampling`); what is changed is the network's precision
(`metric_pose_ros.image_graph.half_precision`).
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from pathlib import Path

import onnx

from metric_pose_ros.image_graph.half_precision import kept_in_words, to_half
from metric_pose_ros.image_graph.parity import Parity, compare, drawn_crops
from metric_pose_ros.image_graph.rounding import Arrays, choose_kept, measured_kept
from metric_pose_ros.image_graph.sampling import sampling_graph
from metric_pose_ros.models import METADATA_KEY

logger = logging.getLogger(__name__)

KIND = "pose_from_image"
PRECISIONS = {
    "fp16": "fp16 network, fp32 sampling, decoding and placement",
    "fp32": "fp32",
}


def image_graph(pose: onnx.ModelProto, precision: str = "fp16", kept: int = 0, made_from: str = "") -> onnx.ModelProto:
    """The graph from an image to joints.

    Inputs: ``image`` (H, W, 3) uint8 BGR, ``homographies`` (N, 3, 3) from crop to image px, ``intrinsics`` (N, 3, 3) of
    the crops. Outputs: those of `pose`.

    Args:
        pose: an exported pose model; stays as it is.
        precision: one of `PRECISIONS`.
        kept: so many first convolutions stay fp32 in fp16.
        made_from: SHA-256 of the model's file, by which the graph is known to belong to it.

    Raises:
        ValueError: if it is no pose model, or the precision is not known.
    """
    if precision not in PRECISIONS:
        raise ValueError(f"unknown precision {precision!r}; known are {', '.join(PRECISIONS)}")
    said = next((entry.value for entry in pose.metadata_props if entry.key == METADATA_KEY), None)
    entries = json.loads(said) if said else {}
    if entries.get("kind", "pose") != "pose" or "crop_side" not in entries:
        raise ValueError(f"a model of kind {entries.get('kind')!r} was given, expected an exported pose model")
    quantized = any(node.op_type == "QuantizeLinear" for node in pose.graph.node)
    if quantized and precision == "fp16":
        raise ValueError("the model is quantized: its graph for GPUs is made by the export that quantizes it")
    network = onnx.ModelProto()
    network.CopyFrom(pose)
    if precision == "fp16":
        to_half(network, kept=kept)
    opset = next(entry.version for entry in network.opset_import if entry.domain == "")
    sampling = sampling_graph(int(entries["crop_side"]), opset)
    sampling = onnx.compose.add_prefix(sampling, "look/", rename_inputs=False, rename_outputs=False)
    sampling.ir_version = network.ir_version
    for model in (sampling, network):  # metadata of both would clash
        del model.metadata_props[:]
    merged = onnx.compose.merge_models(sampling, network, [("crops", "crops")])
    for value in merged.graph.output:
        value.type.tensor_type.shape.dim[0].dim_param = "batch"
    merged.producer_name = pose.producer_name
    entry = merged.metadata_props.add()
    entry.key = METADATA_KEY
    said = entries["precision"] if quantized else PRECISIONS[precision]
    if precision == "fp16" and kept:
        said = f"{said}; {kept_in_words(pose, kept)}"
    entry.value = json.dumps({**entries, "kind": KIND, "image": "bgr8", "precision": said, "made_from": made_from})
    onnx.checker.check_model(merged)
    return merged


def write_image_graph(source: Path, target: Path, precision: str = "fp16", people: Arrays | None = None) -> Parity:
    """Writes the graph of a model file beside it or elsewhere.

    In fp16 so many first convolutions stay fp32 as were found to be enough for the shipped models; of others this is
    measured, a minute or so on one core.

    Args:
        source: an exported pose model.
        target: where the graph goes; it appears there when it is whole, and only if it finds people where the model
            does.
        precision: one of `PRECISIONS`.
        people: ``crops`` and ``intrinsics`` to measure what fp16 costs on, whatever is known of the model; drawn people
            if not given, of whom networks are less sure, so more may stay fp32 than needed.

    Returns:
        how much both differ.

    Raises:
        ValueError: if `source` is no pose model, fp16 costs too much, or both differ by more than `Parity` allows.
    """
    content = source.read_bytes()
    pose = onnx.load_from_string(content)
    digest = hashlib.sha256(content).hexdigest()
    # Refuses what cannot be composed before anything is measured.
    built = image_graph(pose, precision, made_from=digest)
    kept = (measured_kept(content) if people is None else None) if precision == "fp16" else 0
    if kept is None:
        kept, cost = choose_kept(pose, drawn_crops(pose) if people is None else people)
        logger.warning(
            "%s in fp16 with every value rounded, %s: %s from fp32",
            source.name, kept_in_words(pose, kept) or "every convolution fp16", cost,
        )  # fmt: skip
    graph = (image_graph(pose, precision, kept, digest) if kept else built).SerializeToString()
    found = compare(content, graph)
    if not found.good:
        raise ValueError(
            f"{target} is not written: it does not find people where {source.name} does: {found}; "
            f"{'another precision may' if precision != 'fp32' else 'another model may'}"
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f"{target.name}.{os.getpid()}.partial")
    partial.write_bytes(graph)
    partial.replace(target)
    return found
