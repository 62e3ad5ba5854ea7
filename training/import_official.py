"""`python -m training import-official`: a network that the MeTRAbs authors released, as a model file of ours."""

from __future__ import annotations

import argparse
import datetime
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
import yaml
from torch import Tensor

from metric_pose_ros.model_hashes import state
from metric_pose_ros.skeleton import Skeleton
from training.checkpoint import write_checkpoint
from training.exporting.precision import PRECISIONS, store_weights_as_fp16, with_rounded_weights
from training.joint_space import find_skeleton
from training.model_file import METADATA_KEY, PoseFile
from training.networks.official import OfficialMetrabs, trainable
from training.networks.official_release import Release, read_release
from training.networks.pose_model import PoseOutput
from training.tracing import trace

LICENCE = "non-commercial research only"
ORIGIN = (
    "MeTRAbs by Istvan Sarandi et al., https://github.com/isarandi/metrabs, imported from the authors' PyTorch release"
)
TRAINED_ON = "data sets of other people, many for non-commercial research only; see the authors' page"
LARGEST_DIFFERENCE = {"joints2d": 0.01, "relative": 0.1, "absolute": 0.1, "std": 0.1}
"""Between the file in ONNX Runtime and torch: px for joints in the crop, and mm at distances up to a metre.

What lies farther outside or away may differ by as much more: poses of noise may lie anywhere.
"""
NEAREST_MM = 500.0
"""Depth from which projections are compared."""


def import_release(folder: Path, out: Path, name: str | None = None, opset: int = 18, precision: str = "fp32") -> Path:
    """Writes a release as ``<out>/<name>.onnx``, and a card beside it.

    Args:
        folder: of the release.
        out: folder for the model file; made if missing.
        name: of the model; that of the release's folder if not given.
        opset: of ONNX, 17 or 18.
        precision: ``fp32``, as the authors have it, or ``fp16-weights``, for half the file.

    Returns:
        where the model file is.

    Raises:
        FileNotFoundError: if the release lacks a file.
        ValueError: if it cannot be used, or the file differs from the network; nothing is written then.
    """
    release = read_release(folder)
    name = name or folder.resolve().name
    model = OfficialMetrabs(release).eval()
    model.network = model.network.fold()
    if precision == "fp16-weights":
        model.network = with_rounded_weights(model.network)
    inputs = inputs_to_try(release, 2)
    graph = onnx.load_from_string(trace(model, inputs, PoseOutput._fields, opset))
    if precision == "fp16-weights":
        store_weights_as_fp16(graph)
    entry = graph.metadata_props.add()
    entry.key, entry.value = METADATA_KEY, json.dumps(metadata(release, name) | {"precision": PRECISIONS[precision]})
    file = graph.SerializeToString()
    check_equal(model, file, inputs_to_try(release, 3))
    out.mkdir(parents=True, exist_ok=True)
    path = out / f"{name}.onnx"
    partial = path.with_suffix(".partial")
    partial.write_bytes(file)
    partial.rename(path)
    path.with_suffix(".md").write_text(card(path, release))
    return path


def save_trainable(folder: Path, path: Path, skeletons: tuple[str, ...]) -> Path:
    """Writes a release as a checkpoint that `python -m training fit --start-from` goes on from.

    Skeletons that only the release has are written beside it, as YAML files that the checkpoint refers to.

    Args:
        folder: of the release.
        path: of the checkpoint.
        skeletons: of the release's, which the model shall speak.

    Raises:
        FileNotFoundError: if the release lacks a file.
        ValueError: if it cannot be used, or has no such skeletons.
    """
    release = read_release(folder)
    model = trainable(release, skeletons)
    settings = release.settings
    path.parent.mkdir(parents=True, exist_ok=True)
    section = {
        "backbone": {"name": f"efficientnetv2_{settings.size}", "centered_stride": settings.centered_stride},
        "head": {
            "name": "metrabs",
            "depth": settings.depth,
            "cells": settings.geometry.cells,
            "perspective": "weak" if settings.weak_perspective else "full",
        },
        "skeletons": [_named_or_written(skeleton, path) for skeleton in model.space.skeletons],
        "crop_side": settings.crop_side,
        "box_size_mm": settings.box_size_mm,
    }
    facts = {"origin": ORIGIN, "licence": LICENCE, "trained_on": TRAINED_ON}
    config = {"name": path.stem, "model": section, "facts": facts}
    write_checkpoint(path, {"config": config, "step": 0, "model": model.state_dict()})
    return path


def _named_or_written(skeleton: Skeleton, checkpoint: Path) -> str:
    """What a configuration calls a skeleton: a name that is known, or a file that is written for it."""
    try:
        if find_skeleton(skeleton.name) == skeleton:
            return skeleton.name
    except ValueError:
        pass  # nobody else has it
    path = checkpoint.with_name(f"{skeleton.name}.yaml").resolve()
    bones = [[skeleton.names[parent], skeleton.names[child]] for parent, child in skeleton.edges]
    path.write_text(yaml.safe_dump({"name": skeleton.name, "joints": list(skeleton.names), "bones": bones}))
    return str(path)


def metadata(release: Release, name: str) -> dict[str, Any]:
    """What the model file says of itself."""
    settings = release.settings
    return {
        "format": 1,
        "kind": "pose",
        "name": name,
        "version": "1.0.0",
        **release.metadata(),
        "crop_side": settings.crop_side,
        "crop_scale": 1.0,  # the authors' crops end where the detector's box does
        "box_size_mm": settings.box_size_mm,
        "stride": settings.stride,
        "calibrated": False,
        "origin": ORIGIN,
        "licence": LICENCE,
        "trained_on": TRAINED_ON,
        "created": datetime.date.today().isoformat(),
    }


def inputs_to_try(release: Release, count: int) -> dict[str, Tensor]:
    """Crops of noise and cameras of different focal lengths: (count, 3, S, S) and (count, 3, 3)."""
    side = release.settings.crop_side
    crops = torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(count))
    intrinsics = torch.eye(3).repeat(count, 1, 1)
    intrinsics[:, 0, 0] = intrinsics[:, 1, 1] = side * torch.linspace(1.5, 4.0, count)
    intrinsics[:, :2, 2] = (side - 1) / 2
    return {"crops": crops, "intrinsics": intrinsics}


def check_equal(model: OfficialMetrabs, file: bytes, inputs: dict[str, Tensor]) -> dict[str, float]:
    """Compares a model file in ONNX Runtime with the network.

    Returns:
        the largest differences by output, px and mm as in `LARGEST_DIFFERENCE`.

    Raises:
        ValueError: if one is larger than `LARGEST_DIFFERENCE` allows.
    """
    with torch.no_grad():
        expected = model(**inputs)
    assert expected.absolute is not None
    found = PoseFile(file).run(inputs["crops"].numpy(), inputs["intrinsics"].numpy())
    differences = {}
    for name in PoseOutput._fields:
        wanted = getattr(expected, name).numpy()
        usual = inputs["crops"].shape[-1] if name == "joints2d" else 1000.0
        off = np.abs(found[name] - wanted) / (np.linalg.norm(wanted, axis=-1, keepdims=True) / usual).clip(1.0)
        if name == "joints2d" and model.transforms:
            # Beside the camera, the projection of a joint jumps by any number of pixels.
            off[(model.mixed & (expected.absolute[..., 2:] < NEAREST_MM)).numpy()[..., 0]] = 0.0
        differences[name] = float(off.max())
    if not all(differences[name] <= most for name, most in LARGEST_DIFFERENCE.items()):
        raise ValueError(
            f"nothing is written: ONNX Runtime and torch differ by {differences}, at most {LARGEST_DIFFERENCE} is "
            "expected; please report which release it was"
        )
    return differences


def card(path: Path, release: Release) -> str:
    """What ``<model>.md`` says."""
    from training.model_card import END, MEASURED

    settings = release.settings
    spoken = ", ".join(f"`{skeleton.name}` ({len(skeleton)})" for _, skeleton in release.skeletons)
    rows = {
        "File": f"{path.name}, {path.stat().st_size / 1e6:.1f} MB",
        "SHA-256": f"`{state(path)}`",
        "Origin": ORIGIN,
        "Licence": f"{LICENCE}: the authors' weights come from data sets whose licences forbid commercial use",
        "Network": f"EfficientNetV2-{settings.size.upper()}, crops of {settings.crop_side} px, MeTRAbs head",
        "Joints": f"{len(release.everything)}, of which the network sees {len(release.seen)}",
        "Skeletons": f"{spoken}; the first is the default",
    }
    table = "\n".join(["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows.items())])
    return (
        f"# {path.stem}\n\n{table}\n\n"
        "The network's arithmetic is the authors'; poses are placed one by one, so that nobody depends on who else is "
        "in the image.\nThe stated uncertainty is the spread of the heatmaps and has not been calibrated.\n\n"
        f'Please cite: Sarandi et al., "MeTRAbs: Metric-Scale Truncation-Robust Heatmaps for Absolute 3D Human Pose '
        f'Estimation", T-BIOM 2021.\n\n{MEASURED}\n{END}\n'
    )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``python -m training import-official``."""
    parser.add_argument("folder", type=Path, help="unpacked PyTorch release: ckpt.pt, config.yaml, joint_info.npz, ...")
    parser.add_argument("--out", type=Path, default=Path("models"), help="folder of the ONNX file")
    parser.add_argument("--name", help="of the model; by default the folder's")
    parser.add_argument(
        "--checkpoint", type=Path, help="write this checkpoint for `fit --start-from` instead of a model file"
    )
    parser.add_argument("--skeletons", nargs="+", default=["smpl_24"], help="that the checkpoint's model speaks")
    parser.add_argument(
        "--precision", default="fp32", choices=("fp32", "fp16-weights"), help="fp16-weights halve the file"
    )
    parser.add_argument("--opset", type=int, default=18, choices=(17, 18))


def main(arguments: argparse.Namespace) -> int:
    """Imports a release and says what it speaks."""
    if arguments.checkpoint is not None:
        path = save_trainable(arguments.folder, arguments.checkpoint, tuple(arguments.skeletons))
        print(f"{path}: speaks {', '.join(arguments.skeletons)}; licence: {LICENCE}")
        return 0
    path = import_release(arguments.folder, arguments.out, arguments.name, arguments.opset, arguments.precision)
    said = PoseFile(path).metadata
    print(f"{path}: {path.stat().st_size / 1e6:.1f} MB, {len(said['joints'])} joints; licence: {said['licence']}")
    print(f"skeletons: {', '.join(said['skeletons'])}; the first is the default")
    return 0
