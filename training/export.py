"""A trained model as one self-describing ONNX file.

The graph holds trunk, head, calibrated uncertainty and placement; the batch is dynamic. Large weights are stored as
fp16 with a Cast to fp32 after each, which ONNX Runtime folds when it loads the file: half the bytes, fp32 arithmetic.
Before anything is written under the final name, the file is run in ONNX Runtime and compared with torch; if they
differ, it is not written.
"""

from __future__ import annotations

import argparse
import copy
import datetime
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor

from training.data.features import FeatureCache
from training.evaluation.calibration import fit_size, fit_std
from training.evaluation.metrics import centred
from training.fit import load_model, predict_rows
from training.model_file import METADATA_KEY, PoseFile
from training.networks.pose_model import PoseModel, PoseOutput
from training.tracing import crops_to_try, trace

VERSION = "0.1.0"
SMALLEST_FP16_WEIGHT = 256
"""Tensors with fewer values stay fp32: they cost nothing, and constants of the decoding need their precision."""
LARGEST_DIFFERENCE_MM = 1.0
"""Between the file in ONNX Runtime and torch with the same rounded weights: what summation order may cost."""


def export_model(model: PoseModel, path: Path, facts: dict[str, Any], opset: int = 18) -> dict[str, float]:
    """Writes a model.

    Args:
        model: stays as it is.
        path: where the ONNX file goes.
        facts: what the metadata says beside the format's own fields: ``name``, ``origin``, ``licence``, ``trained_on``.
        opset: 18, or 17 for TensorRT 8.6.

    Returns:
        the largest differences between ONNX Runtime and torch, by output.

    Raises:
        ValueError: if they differ by more than `LARGEST_DIFFERENCE_MM`; nothing is written then.
    """
    model = as_shipped(model)
    inputs = {"crops": crops_to_try(2), "intrinsics": intrinsics_to_try(2)}
    graph = onnx.load_from_string(trace(model, inputs, PoseOutput._fields, opset))
    store_weights_as_fp16(graph)
    entry = graph.metadata_props.add()
    entry.key, entry.value = METADATA_KEY, json.dumps(metadata(model, facts))
    onnx.checker.check_model(graph)
    differences = compare(model, graph.SerializeToString())
    if not max(differences.values()) <= LARGEST_DIFFERENCE_MM:
        raise ValueError(
            f"{path} is not written: ONNX Runtime and torch differ by {differences} (mm, px), "
            f"expected at most {LARGEST_DIFFERENCE_MM}"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_bytes(graph.SerializeToString())
    partial.rename(path)
    return differences


def metadata(model: PoseModel, facts: dict[str, Any]) -> dict[str, Any]:
    """What a model file says of itself, under the metadata key ``metric_pose_ros``."""
    geometry = model.head.geometry
    return {
        "format": 1,
        "kind": "pose",
        "version": VERSION,
        "joints": list(model.skeleton.names),
        "edges": [list(edge) for edge in model.skeleton.edges],
        "crop_side": geometry.crop_side,
        "crop_scale": 1.25,
        "box_size_mm": geometry.box_size_mm,
        "stride": geometry.stride,
        "precision": "fp16 weights, fp32 computation",
        "created": datetime.date.today().isoformat(),
        **facts,
    }


def as_shipped(model: PoseModel) -> PoseModel:
    """A copy with folded normalisation whose convolution weights are rounded to fp16: the very numbers of the file."""
    shipped = copy.deepcopy(model).eval()
    shipped.head = model.head.fold()
    with torch.no_grad():
        for parameter in shipped.parameters():
            if parameter.numel() >= SMALLEST_FP16_WEIGHT:
                parameter.copy_(parameter.half().float())
    return shipped


def intrinsics_to_try(count: int) -> Tensor:
    """(count, 3, 3) crop cameras of different focal lengths."""
    intrinsics = torch.eye(3).repeat(count, 1, 1)
    intrinsics[:, 0, 0] = intrinsics[:, 1, 1] = torch.linspace(500.0, 1500.0, count)
    intrinsics[:, :2, 2] = 127.5
    return intrinsics


def store_weights_as_fp16(graph: onnx.ModelProto) -> None:
    """Replaces each large fp32 weight by an fp16 one and a Cast to fp32 in front of whoever reads it, in place."""
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


def compare(model: PoseModel, file: bytes, batch: int = 3) -> dict[str, float]:
    """Largest absolute differences between a file in ONNX Runtime and the torch model, by output (px, mm)."""
    crops, intrinsics = crops_to_try(batch, seed=7), intrinsics_to_try(batch)
    with torch.no_grad():
        expected = model(crops, intrinsics)
    found = PoseFile(file).run(crops.numpy(), intrinsics.numpy())
    return {name: float(np.abs(found[name] - getattr(expected, name).numpy()).max()) for name in PoseOutput._fields}


def sha256(path: Path) -> str:
    """Hexadecimal digest of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def calibrate(model: PoseModel, cache: FeatureCache) -> None:
    """Sets the model's size and its uncertainty so that they fit the errors on a split, normally validation."""
    rows = np.arange(len(cache))
    found = predict_rows(model.head, cache, rows)
    truth = cache.labels["joints_mm"].astype(float)
    whole = np.asarray((cache.labels["visibility"] > 0).all(axis=1))
    size = fit_size(found["absolute"], truth, whole, model.skeleton)
    errors = centred(found["relative"].astype(float) * size) - centred(truth)
    scale, floor = fit_std(errors, found["spread"].astype(float))
    model.size.fill_(size)
    model.std_scale.copy_(torch.from_numpy(scale))
    model.std_floor_mm.copy_(torch.from_numpy(floor))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``python -m training export``."""
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--out", type=Path, default=Path("models"), help="folder of the ONNX file")
    parser.add_argument("--opset", type=int, default=18, choices=(17, 18))


def main(arguments: argparse.Namespace) -> int:
    """Calibrates a checkpoint's uncertainty on the validation split and writes it as ONNX."""
    model, config = load_model(arguments.checkpoint)
    taps = tuple(config["model"]["taps"])
    calibrate(model, FeatureCache(Path(config["data"]["cache"]), "validation", taps))
    path = arguments.out / f"{config['name']}.onnx"
    facts = {"name": config["name"], **config["facts"]}
    differences = export_model(model, path, facts, arguments.opset)
    print(f"{path}: {path.stat().st_size / 1e6:.1f} MB, SHA-256 {sha256(path)}")
    print("largest differences from torch:", ", ".join(f"{name} {value:.4f}" for name, value in differences.items()))
    print(f"measure it and write its card with `python -m training evaluate {path} --card`")
    return 0
