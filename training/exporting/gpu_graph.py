"""``python -m training export --target gpu``: an image and homographies in, joints out, in one graph.

It is made from an exported model file, so the weights are those that were measured. What is added looks at the image
(`training.exporting.gpu_sampling`); what is changed is the network's precision (`training.exporting.half_precision`).
"""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import torch

from training.exporting.gpu_sampling import Sampler
from training.exporting.half_precision import to_half
from training.model_file import METADATA_KEY, PoseFile, cpu_session

KIND = "pose_from_image"
PRECISIONS = {
    "fp16": "fp16 network, fp32 sampling, decoding and placement",
    "fp32": "fp32",
}


def gpu_graph(pose: onnx.ModelProto, precision: str = "fp16") -> onnx.ModelProto:
    """The graph for the GPU.

    Inputs: ``image`` (H, W, 3) uint8 BGR, ``homographies`` (N, 3, 3) from crop to image px, ``intrinsics`` (N, 3, 3) of
    the crops. Outputs: those of `pose`.

    Args:
        pose: an exported pose model; stays as it is.
        precision: one of `PRECISIONS`.

    Raises:
        ValueError: if it is no pose model, or the precision is not known.
    """
    if precision not in PRECISIONS:
        raise ValueError(f"unknown precision {precision!r}; known are {', '.join(PRECISIONS)}")
    said = next((entry.value for entry in pose.metadata_props if entry.key == METADATA_KEY), None)
    entries = json.loads(said) if said else {}
    if entries.get("kind") != "pose":
        raise ValueError(f"a model of kind {entries.get('kind')!r} was given, expected an exported pose model")
    network = onnx.ModelProto()
    network.CopyFrom(pose)
    if precision == "fp16":
        to_half(network)
    sampling = onnx.load_from_string(_traced(Sampler(entries["crop_side"]), network.opset_import[0].version))
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
    entry.value = json.dumps({**entries, "kind": KIND, "image": "bgr8", "precision": PRECISIONS[precision]})
    onnx.checker.check_model(merged)
    return merged


def write_gpu_graph(source: Path, target: Path, precision: str = "fp16") -> dict[str, float]:
    """Writes the GPU graph of a model file beside it or elsewhere.

    Args:
        source: an exported pose model.
        target: where the graph goes; it appears there when it is whole.
        precision: one of `PRECISIONS`.

    Returns:
        what `differences` says of both files.
    """
    content = gpu_graph(onnx.load(source), precision).SerializeToString()
    found = differences(source.read_bytes(), content)
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_suffix(".partial")
    partial.write_bytes(content)
    partial.rename(target)
    return found


def differences(pose: bytes, graph: bytes) -> dict[str, float]:
    """Largest differences between the network's outputs in both files on the same smooth picture, by output (px, mm).

    The picture is exactly as large as a crop, so that sampling changes nothing and precision alone is compared.
    """
    model = PoseFile(pose)
    side = int(model.metadata["crop_side"])
    random = np.random.default_rng(3)
    coarse = torch.from_numpy(random.random((1, 3, 12, 12), np.float32))
    picture = torch.nn.functional.interpolate(coarse, (side, side), mode="bicubic").clamp(0, 1)[0]
    image = (picture.permute(1, 2, 0) * 255).round().to(torch.uint8).numpy()
    intrinsics = np.array([[[800, 0, (side - 1) / 2], [0, 800, (side - 1) / 2], [0, 0, 1]]], np.float32)
    crops = np.ascontiguousarray(image[..., ::-1].transpose(2, 0, 1)[None].astype(np.float32) / 255)
    expected = model.run(crops, intrinsics)
    found = run(graph, image, np.eye(3, dtype=np.float32)[None], intrinsics)
    return {name: float(np.abs(found[name] - expected[name]).max()) for name in expected}


def run(
    graph: bytes | str, image: npt.NDArray[np.uint8], homographies: npt.NDArray, intrinsics: npt.NDArray
) -> dict[str, npt.NDArray[Any]]:
    """Runs a GPU graph in ONNX Runtime on the CPU, for checks.

    Args:
        graph: content or path of the file.
        image: (H, W, 3) BGR.
        homographies: (N, 3, 3) from crop to image px.
        intrinsics: (N, 3, 3) of the crops.
    """
    session = cpu_session(graph)
    names = [output.name for output in session.get_outputs()]
    arrays = {
        "image": image,
        "homographies": homographies.astype(np.float32),
        "intrinsics": intrinsics.astype(np.float32),
    }
    return dict(zip(names, session.run(names, arrays), strict=True))


def _traced(sampler: Sampler, opset: int) -> bytes:
    """The sampling part as an ONNX file with a free number of crops and a free image size."""
    target = io.BytesIO()
    torch.onnx.export(
        sampler.eval(),
        (torch.zeros(96, 128, 3, dtype=torch.uint8), torch.eye(3).repeat(2, 1, 1)),
        target,  # type: ignore[arg-type]
        input_names=["image", "homographies"],
        output_names=["crops"],
        dynamic_axes={"image": {0: "height", 1: "width"}, "homographies": {0: "batch"}, "crops": {0: "batch"}},
        opset_version=opset,
        dynamo=False,
    )
    return target.getvalue()
