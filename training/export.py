"""``python -m training export CKPT``: a trained model as one self-describing ONNX file.

The graph holds backbone, head, calibrated uncertainty and placement; the batch is dynamic, inputs and outputs are fp32.
Weights are stored as fp16 and computed with in fp32 unless another precision is asked for. Before anything is written
under the final name, the file is run in ONNX Runtime and compared with torch; if they differ, it is not written.
"""

from __future__ import annotations

import argparse
import datetime
import json
import logging
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper
from torch import Tensor

from metric_pose_ros.image_graph.compose import write_image_graph
from metric_pose_ros.image_graph.half_precision import half_within
from metric_pose_ros.image_graph.rounding import with_every_value_rounded
from metric_pose_ros.image_network import TWIN
from metric_pose_ros.model_hashes import sha256_of
from training.checkpoint import blend, load_model
from training.data.shards import CROP_SCALE, Problems
from training.data.sources import ShardSource
from training.exporting.calibrate import calibrate, predict_shards, predict_validation
from training.exporting.held_out import validation_crops
from training.exporting.precision import LARGEST_DIFFERENCE, PRECISIONS, store_weights_as_fp16, with_rounded_weights
from training.model_file import METADATA_KEY, PoseFile
from training.networks.pose_model import PoseModel, PoseOutput
from training.tracing import crops_to_try, trace

logger = logging.getLogger(__name__)

VERSION = "0.1.0"
OPSETS = (17, 18)
COMPARED = 8
"""Crops that ONNX Runtime and torch are compared on."""
ROUNDED = 40
"""Crops that fp16 on a GPU is measured on; a minute or so on one core."""
Inputs = dict[str, Tensor]


def export_model(
    model: PoseModel,
    path: Path,
    facts: dict[str, Any],
    opset: int = 18,
    precision: str = "fp16-weights",
    inputs: Inputs | None = None,
) -> dict[str, float]:
    """Writes a model.

    Args:
        model: stays as it is.
        path: where the ONNX file goes.
        facts: what the metadata says beside the format's own fields: ``name``, ``origin``, ``licence``, ``trained_on``.
        opset: 18, or 17 for TensorRT 8.6.
        precision: one of `PRECISIONS`.
        inputs: ``crops`` (N, 3, S, S) and ``intrinsics`` (N, 3, 3) to compare ONNX Runtime and torch on; made up if not
            given, which says less.

    Returns:
        the largest differences between ONNX Runtime and torch, see `compare`.

    Raises:
        ValueError: if they differ by more than `LARGEST_DIFFERENCE`, or the graph is not of the opset; nothing is
            written then.
    """
    inputs = made_up_inputs(model.crop_side) if inputs is None else inputs
    reference = model.fold().eval()
    if precision == "fp16-weights":
        reference = with_rounded_weights(reference)
    outputs = outputs_of(reference, inputs)
    example = {name: value[:2] for name, value in inputs.items()}
    graph = onnx.load_from_string(trace(_Given(reference, tuple(outputs)), example, tuple(outputs), opset))
    _keep_intrinsics(graph)
    said, largest = PRECISIONS[precision], LARGEST_DIFFERENCE[precision]
    if precision == "fp16-weights":
        store_weights_as_fp16(graph)
    elif precision == "fp16":
        graph, kept = half_within(
            graph,
            largest,
            lambda half: max(compare(outputs, with_every_value_rounded(half).SerializeToString(), inputs).values()),
        )
        said = f"{said}; {kept}" if kept else said
    entry = graph.metadata_props.add()
    entry.key, entry.value = METADATA_KEY, json.dumps(metadata(model, facts, said, tuple(outputs)))
    check_opset(graph, opset)
    file = graph.SerializeToString()
    differences = compare(outputs, file, inputs)
    if not max(differences.values()) <= largest:
        raise ValueError(
            f"{path} is not written: ONNX Runtime and torch differ by {differences} (px, mm; of absolute positions mm "
            f"for each metre from the camera), expected at most {largest} in {precision}; another --precision may do"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_bytes(file)
    partial.rename(path)
    return differences


def _keep_intrinsics(graph: onnx.ModelProto) -> None:
    """Every model takes the cameras, also one that makes nothing of them: tracing leaves out what nobody reads."""
    if "intrinsics" not in [value.name for value in graph.graph.input]:
        graph.graph.input.append(helper.make_tensor_value_info("intrinsics", TensorProto.FLOAT, ["batch", 3, 3]))


class _Given(torch.nn.Module):
    """A model with only those outputs that it gives."""

    def __init__(self, model: PoseModel, names: tuple[str, ...]) -> None:
        super().__init__()
        self.model, self.names = model, names

    def forward(self, crops: Tensor, intrinsics: Tensor) -> tuple[Tensor, ...]:
        output = self.model(crops, intrinsics)
        return tuple(getattr(output, name) for name in self.names)


def outputs_of(model: PoseModel, inputs: Inputs) -> dict[str, Tensor]:
    """What a model says, without what its head cannot say."""
    with torch.no_grad():
        output = model(inputs["crops"], inputs["intrinsics"])
    return {name: getattr(output, name) for name in PoseOutput._fields if getattr(output, name) is not None}


def metadata(model: PoseModel, facts: dict[str, Any], precision: str, outputs: tuple[str, ...]) -> dict[str, Any]:
    """What a model file says of itself, its precision in words among it, under the metadata key ``metric_pose_ros``.

    Only what says where people are in the image and in space is of the kind ``pose``, which robots run.
    """
    return {
        "format": 1,
        "kind": "pose" if set(outputs) == set(PoseOutput._fields) else "relative_pose",
        "version": VERSION,
        **model.space.metadata(),
        "crop_side": model.crop_side,
        "crop_scale": CROP_SCALE,
        "body_scale": model.body_scale,
        "size": round(float(model.size), 5),
        "box_size_mm": model.head.geometry.box_size_mm,
        "stride": model.stride,
        "precision": precision,
        "created": datetime.date.today().isoformat(),
        **facts,
    }


def check_opset(graph: onnx.ModelProto, opset: int) -> None:
    """Checks that a graph is valid and that every operator in it is one of the opset.

    Raises:
        ValueError: if an operator is newer, or of another domain.
    """
    onnx.checker.check_model(graph, full_check=True)
    versions = {entry.domain: entry.version for entry in graph.opset_import}
    if versions != {"": opset}:
        raise ValueError(f"the graph is of the opsets {versions}, expected ONNX {opset} and no other")
    for node in graph.graph.node:
        if not onnx.defs.has(node.op_type, node.domain) or (
            onnx.defs.get_schema(node.op_type, opset, node.domain).since_version > opset
        ):
            raise ValueError(f"the operator {node.op_type} is not in opset {opset}")


def made_up_inputs(side: int, count: int = COMPARED) -> Inputs:
    """Smooth random crops and cameras of different focal lengths."""
    intrinsics = torch.eye(3).repeat(count, 1, 1)
    intrinsics[:, 0, 0] = intrinsics[:, 1, 1] = side * torch.linspace(2.0, 6.0, count)
    intrinsics[:, :2, 2] = (side - 1) / 2
    return {"crops": crops_to_try(count, seed=7, side=side), "intrinsics": intrinsics}


def realistic_inputs(model: PoseModel, config: dict[str, Any]) -> Inputs | None:
    """Crops of people from the configuration's validation split; None where there are no pictures."""
    data = {name: value for name, value in config["data"].items() if name != "cache"} | {"workers": 0}
    try:
        source = ShardSource(data, model, 1, torch.device("cpu"), Problems())
        batch = next(iter(source.validation(COMPARED, COMPARED)))
    except (FileNotFoundError, StopIteration, ValueError) as error:
        logger.warning("no pictures to compare on (%s): made-up ones must do, which say less", error)
        return None
    assert batch.crops is not None
    return {"crops": batch.crops, "intrinsics": batch.target.intrinsics}


def compare(expected: dict[str, Tensor], file: bytes, inputs: Inputs) -> dict[str, float]:
    """Largest absolute differences between what a file says in ONNX Runtime and what is expected, by output.

    They are in px and mm; of ``absolute``, in mm for each metre between joint and camera beyond the first, because
    placement multiplies what rounding does to directions by the distance.
    """
    found = PoseFile(file).run(inputs["crops"].numpy(), inputs["intrinsics"].numpy())
    differences = {name: np.abs(found[name] - value.numpy()) for name, value in expected.items()}
    if "absolute" in expected:
        metres = np.linalg.norm(expected["absolute"].numpy(), axis=-1, keepdims=True) / 1000
        differences["absolute"] = differences["absolute"] / np.maximum(metres, 1)
    return {name: float(off.max()) for name, off in differences.items()}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``python -m training export``."""
    parser.add_argument(
        "checkpoint", type=Path, help="a checkpoint; a model file (.onnx) for --target gpu or --precision int8"
    )
    parser.add_argument(
        "--blend-with", type=Path, metavar="CHECKPOINT", help="of the same network, such as the one it was tuned from"
    )
    parser.add_argument(
        "--blend", type=float, default=0.5, help="share of that one's weights, 0 to 1 (default: %(default)s)"
    )
    parser.add_argument("--out", type=Path, default=Path("models"), help="folder of the ONNX file, or its name.onnx")
    parser.add_argument(
        "--target",
        default="cpu",
        choices=("cpu", "gpu"),
        help="gpu: also write NAME_gpu.onnx beside the model file, which cuts crops from the image itself; fp16, or "
        "fp32 by --precision",
    )
    parser.add_argument("--opset", type=int, default=18, choices=OPSETS)
    parser.add_argument(
        "--precision",
        default="fp16-weights",
        choices=(*PRECISIONS, "int8"),
        help="int8: write NAME_int8.onnx beside a model file for CPUs, or with --target gpu NAME_gpu.onnx for TensorRT",
    )
    parser.add_argument(
        "--calibration",
        type=Path,
        metavar="SHARDS",
        help="a checkpoint: people to calibrate on, instead of those that its configuration validates on; int8: "
        "people to find ranges and cost on; --target gpu: people to find on how much of the network stays fp32",
    )
    parser.add_argument(
        "--keep", nargs="*", metavar="PATTERN", help="int8: parts of the graph that stay float, by their nodes' names"
    )
    parser.add_argument("--samples", type=int, default=2000, help="at most so many validation examples to calibrate on")
    parser.add_argument("--no-calibration", action="store_true", help="leave size and uncertainty as trained")


def main(arguments: argparse.Namespace) -> int:
    """Calibrates a checkpoint on the validation split and writes it as ONNX; returns 0, or 1 if nothing was written."""
    try:
        return _export(arguments)
    except (OSError, ValueError) as error:
        print(f"export {arguments.checkpoint}: {error}", file=sys.stderr)
        return 1


def _export(arguments: argparse.Namespace) -> int:
    if arguments.precision == "int8":
        from training.exporting.int8_command import export_int8  # brings ONNX Runtime's quantization

        export_int8(arguments)
        return 0
    if arguments.target == "gpu" and arguments.checkpoint.suffix == ".onnx":
        return _write_twin(arguments.checkpoint, arguments)
    model, config = load_model(arguments.checkpoint)
    if arguments.blend_with is not None:
        blend(model, load_model(arguments.blend_with)[0], arguments.blend)
    if not arguments.no_calibration:
        problems = Problems()
        try:
            if arguments.calibration is None:
                found = predict_validation(model, config, arguments.samples, problems)
            else:
                found = predict_shards(model, arguments.calibration, arguments.samples, problems)
        except (OSError, ValueError) as error:
            raise ValueError(f"there is nothing to calibrate on: {error}; or give --no-calibration") from error
        labelled = calibrate(model, found)
        size = float(model.size)
        sizes = (
            f"sizes x {size:.3f}" if size != 1 else "sizes as they were (no grown-up with all joints is wholly in view)"
        )
        print(f"calibrated on {labelled} examples: {sizes}; {problems}")
    to_file = arguments.out.suffix == ".onnx"
    path = arguments.out if to_file else arguments.out / f"{config['name']}.onnx"
    facts = {"name": path.stem, **config.get("facts", {})}
    inputs = realistic_inputs(model, config)
    differences = export_model(model, path, facts, arguments.opset, arguments.precision, inputs)
    said = PoseFile(path).metadata["precision"]
    print(f"{path}: {path.stat().st_size / 1e6:.1f} MB, {said}, SHA-256 {sha256_of(path)}")
    told = ", ".join(f"{name} {value:.4f}" for name, value in differences.items())
    on = "crops of people" if inputs else "made-up crops"
    print(f"largest differences from torch on {on}: {told} (px, mm; absolute mm per metre)")
    print(f"measure it and write its card with `python -m training evaluate {path} --card`")
    return _write_twin(path, arguments) if arguments.target == "gpu" else 0


def _write_twin(model: Path, arguments: argparse.Namespace) -> int:
    """Writes the graph for GPUs of a model file beside it, where the estimator looks for it."""
    path = model.with_name(f"{model.stem}{TWIN}.onnx")
    precision = "fp32" if arguments.precision == "fp32" else "fp16"
    people = None
    if precision == "fp16" and arguments.calibration is not None:
        people = validation_crops(PoseFile(model), arguments.calibration, ROUNDED)
    found = write_image_graph(model, path, precision, people)
    said = PoseFile(path).metadata["precision"]
    print(f"{path}: {path.stat().st_size / 1e6:.1f} MB, {said}, SHA-256 {sha256_of(path)}")
    print(f"beside {model.name} on crops that the CPU cuts, of drawn people: {found}")
    return 0
