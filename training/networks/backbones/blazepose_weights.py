"""Weights of the BlazePose trunks out of MediaPipe's own files, and where to get those files.

The files are TFLite flatbuffers in the npm package ``@mediapipe/pose`` (Apache-2.0, Google). Their convolutions stand
in the order of execution, and so do ours, so the n-th convolution there is the n-th that `BlazePose.forward` calls.
Every shape is compared on the way.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import tarfile
import urllib.request
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from training.networks.backbones.blazepose import BlazePose
from training.tracing import crops_to_try

PACKAGE_URL = "https://registry.npmjs.org/@mediapipe/pose/-/pose-0.5.1675469404.tgz"
FILES = {
    "full": ("pose_landmark_full.tflite", "e9a5c5cb17f736fafd4c2ec1da3b3d331d6edbe8a0d32395855aeb2cdfd64b9f"),
    "heavy": ("pose_landmark_heavy.tflite", "59e42d71bcd44cbdbabc419f0ff76686595fd265419566bd4009ef703ea8e1fe"),
}
"""File name and SHA-256 of each network."""

Convolution = tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]


def load_blazepose(path: Path, variant: str, taps: tuple[str, ...]) -> BlazePose:
    """Builds a trunk with MediaPipe's weights.

    Args:
        path: ``pose_landmark_full.tflite`` or ``pose_landmark_heavy.tflite``.
        variant: ``full`` or ``heavy``.
        taps: which maps the trunk shall give.

    Raises:
        FileNotFoundError: if there is no such file; the message says how to get it.
        ValueError: if the file holds another network.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist: run `python -m training fetch-trunk {path.parent}`")
    everything = ("c16", "p16", "r8", "heatmaps", *(("r16",) if variant == "heavy" else ()))
    trunk = BlazePose(variant, everything).eval()
    ours = _in_order_of_execution(trunk)
    theirs = _convolutions(path.read_bytes(), str(path))
    if len(ours) != len(theirs):
        raise ValueError(f"{path} has {len(theirs)} convolutions up to the taps; the {variant} trunk has {len(ours)}")
    with torch.no_grad():
        for (name, module), (weight, bias) in zip(ours, theirs, strict=True):
            if tuple(module.weight.shape) != weight.shape:
                expected = tuple(module.weight.shape)
                raise ValueError(f"{path}: the weights for {name} have the shape {weight.shape}, expected {expected}")
            module.weight.copy_(torch.from_numpy(weight))
            assert module.bias is not None
            module.bias.copy_(torch.from_numpy(bias))
    trunk.select(taps)
    return trunk


def _in_order_of_execution(trunk: BlazePose) -> list[tuple[str, nn.Conv2d]]:
    called: list[tuple[str, nn.Conv2d]] = []
    hooks = []
    for name, module in trunk.named_modules():
        if isinstance(module, nn.Conv2d):

            def note(module: nn.Module, _inputs: object, _output: object, name: str = name) -> None:
                assert isinstance(module, nn.Conv2d)
                called.append((name, module))

            hooks.append(module.register_forward_hook(note))
    with torch.no_grad():
        trunk(crops_to_try(1))
    for hook in hooks:
        hook.remove()
    return called


def _convolutions(flatbuffer: bytes, where: str) -> list[Convolution]:
    """Weights (in torch's layout) and biases of the convolutions before the heatmaps and the last 8 x 8 x 288 map."""
    import tflite

    model = tflite.Model.GetRootAs(flatbuffer, 0)
    graph = model.Subgraphs(0)
    operators = [graph.Operators(i) for i in range(graph.OperatorsLength())]
    producer = {int(o.Outputs(0)): i for i, o in enumerate(operators)}
    shape = {
        i: tuple(graph.Tensors(i).ShapeAsNumpy())
        for i in range(graph.TensorsLength())
        if graph.Tensors(i).ShapeLength()
    }

    def code(operator) -> int:
        entry = model.OperatorCodes(operator.OpcodeIndex())
        return max(entry.BuiltinCode(), entry.DeprecatedBuiltinCode())

    def constant(tensor: int) -> npt.NDArray[np.float32]:
        while tensor in producer:
            operator = operators[producer[tensor]]
            if code(operator) != tflite.BuiltinOperator.DEQUANTIZE:
                raise ValueError(f"{where}: tensor {tensor} is computed, expected stored weights")
            tensor = int(operator.Inputs(0))
        stored = graph.Tensors(tensor)
        dtype = {tflite.TensorType.FLOAT16: np.float16, tflite.TensorType.FLOAT32: np.float32}[stored.Type()]
        values = model.Buffers(stored.Buffer()).DataAsNumpy().view(dtype)
        return values.reshape(shape[tensor]).astype(np.float32)

    heatmaps = [i for i, s in shape.items() if s == (1, 64, 64, 39)]
    regression = [i for i, s in shape.items() if s == (1, 8, 8, 288)]
    if not heatmaps or not regression:
        raise ValueError(f"{where} is no MediaPipe pose landmark network: it has no 64x64x39 or no 8x8x288 map")
    needed, todo = set(), [producer[heatmaps[-1]], max(producer[i] for i in regression)]
    while todo:
        index = todo.pop()
        if index in needed:
            continue
        needed.add(index)
        todo.extend(producer[int(t)] for t in operators[index].InputsAsNumpy() if int(t) in producer)

    found: list[Convolution] = []
    for index in sorted(needed):
        operator = operators[index]
        if code(operator) not in (tflite.BuiltinOperator.CONV_2D, tflite.BuiltinOperator.DEPTHWISE_CONV_2D):
            continue
        weight, bias = constant(int(operator.Inputs(1))), constant(int(operator.Inputs(2)))
        # CONV_2D stores (out, height, width, in), DEPTHWISE_CONV_2D (1, height, width, channels).
        axes = (0, 3, 1, 2) if code(operator) == tflite.BuiltinOperator.CONV_2D else (3, 0, 1, 2)
        found.append((np.ascontiguousarray(weight.transpose(axes)), bias))
    return found


def fetch_trunks(folder: Path) -> dict[str, Path]:
    """Puts MediaPipe's networks into `folder`, unless they are there already.

    Raises:
        ValueError: if a file is not the expected one.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = {variant: folder / name for variant, (name, _) in FILES.items()}
    if not all(path.is_file() for path in paths.values()):
        with urllib.request.urlopen(PACKAGE_URL, timeout=120) as answer:
            package = io.BytesIO(answer.read())
        with tarfile.open(fileobj=package) as archive:
            for variant, (name, _) in FILES.items():
                member = archive.extractfile(f"package/{name}")
                assert member is not None
                partial = paths[variant].with_suffix(".partial")
                partial.write_bytes(member.read())
                partial.rename(paths[variant])
    for variant, (_, expected) in FILES.items():
        digest = hashlib.sha256(paths[variant].read_bytes()).hexdigest()
        if digest != expected:
            raise ValueError(
                f"{paths[variant]} has the SHA-256 {digest}, expected {expected}: delete it and fetch again"
            )
    return paths


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``python -m training fetch-trunk``."""
    parser.add_argument("folder", type=Path, help="where the .tflite files go")


def main(arguments: argparse.Namespace) -> int:
    """Fetches the trunks."""
    for variant, path in fetch_trunks(arguments.folder).items():
        print(f"{variant}: {path}")
    return 0
