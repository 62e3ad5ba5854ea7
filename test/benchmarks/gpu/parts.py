"""The parts of the GPU benchmark."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from metric_pose_ros.engines.onnxruntime import OnnxRuntimeEngine
from metric_pose_ros.estimator import PoseEstimator
from metric_pose_ros.geometry.camera import Camera
from metric_pose_ros.image_graph.compose import image_graph
from metric_pose_ros.image_graph.parity import differences
from metric_pose_ros.image_network import TWIN, ImagePoseNetwork
from metric_pose_ros.models import ModelFile, find_model
from test.benchmarks.gpu.cases import Case, kept_of
from test.benchmarks.gpu.contestants import (
    CONTESTANTS,
    UnavailableError,
    batch_of,
    measure_ceiling,
    open_tensorrt,
)
from test.benchmarks.gpu.roofline import Ceiling, layers

SIZES = ((1280, 720), (1920, 1080))
PEOPLE = (1, 4, 8)
FRAMES = 500
_WARM_UP = 30
_CAMERA_HZ = 30.0
_MAKE_INT8 = "`python -m training export MODEL.onnx --precision int8 --target gpu --calibration SHARDS`"


def throughput(chosen: list[Case], folder: Path, results: dict[str, Any]) -> dict[str, Any]:
    """Crops per second at batch 1, 4, 8 and 16 in TensorRT, torch and ONNX Runtime, beside the roofline."""
    ceiling: Ceiling | None = None
    try:
        ceiling = measure_ceiling()
        results["ceiling"] = {"tflops": ceiling.flops_per_s / 1e12, "gb_per_s": ceiling.bytes_per_s / 1e9}
    except UnavailableError as error:
        print(f"  no roofline: {error}", file=sys.stderr)
    found: dict[str, Any] = {}
    for case in chosen:
        found[case.name] = {}
        for name, run in CONTESTANTS.items():
            print(f"  {case.name}, {name}", flush=True)
            try:
                seconds = run(case, folder)
            except Exception as error:  # one that fails must not take the others' figures
                found[case.name][name] = {"skipped": str(error).splitlines()[0][:200]}
                continue
            found[case.name][name] = rates(seconds)
        if ceiling is not None and "skipped" not in found[case.name]["TensorRT"]:
            graph = onnx.load(case.file(folder).path)
            add_roofline(found[case.name]["TensorRT"], graph, ceiling)
    return found


def rates(seconds: dict[int, float]) -> dict[str, dict[str, float]]:
    """Milliseconds and crops per second by batch, of seconds by batch."""
    return {str(count): {"ms": taken * 1e3, "crops_per_s": count / taken} for count, taken in seconds.items()}


def add_roofline(rows: dict[str, dict[str, float]], graph: onnx.ModelProto, ceiling: Ceiling) -> None:
    """Says of each batch what share of the best possible speed it has reached."""
    for count, row in rows.items():
        free = {
            size.dim_param: int(count)
            for value in graph.graph.input
            for size in value.type.tensor_type.shape.dim
            if size.dim_param
        }
        row["of_roofline"] = ceiling.seconds(layers(graph, free)) / (row["ms"] / 1e3)


def latency(chosen: list[Case], folder: Path, results: dict[str, Any]) -> dict[str, Any]:
    """Time from an image in memory to people in metres, for 1, 4 and 8 people at 1280x720 and 1920x1080 (heavy)."""
    path = folder / "heavy_gpu.onnx"
    heavy = find_model("heavy")
    onnx.save(image_graph(onnx.load(heavy), kept=kept_of(heavy)), path)
    return _image_to_people(path, folder)


def int8(chosen: list[Case], folder: Path, results: dict[str, Any]) -> dict[str, Any]:
    """As latency, of the heavy network in int8: of a file that is given, or made from shards."""
    try:
        path = int8_file(results.get("given", {}), folder)
    except UnavailableError as error:
        print(f"  no int8: {error}", file=sys.stderr)
        return {"heavy": {"skipped": str(error)}}
    return {"heavy": _image_to_people(path, folder)}


def int8_file(given: dict[str, str | None], folder: Path) -> Path:
    """The int8 graph for GPUs: ``given["int8"]``, or made from the shards in ``given["shards"]``.

    Raises:
        UnavailableError: if neither is given, or none can be made.
        ValueError: if the file is none.
    """
    if given.get("int8"):
        path = Path(str(given["int8"]))
        if not any(node.op_type == "QuantizeLinear" for node in onnx.load(path).graph.node):
            raise ValueError(f"{path} has no int8 in it: {_MAKE_INT8} makes such a file")
        return path
    if not given.get("shards"):
        raise UnavailableError(f"give --int8 FILE, which {_MAKE_INT8} makes, or --shards SHARDS to make it here")
    source = folder / "int8" / find_model("heavy").name
    source.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(find_model("heavy"), source)
    command = ["export", str(source), "--precision", "int8", "--target", "gpu", "--calibration", str(given["shards"])]
    done = subprocess.run([sys.executable, "-m", "training", *command], capture_output=True, text=True, check=False)
    if done.returncode:
        raise UnavailableError((done.stderr.strip().splitlines() or [f"the export ended with {done.returncode}"])[-1])
    return source.with_name(f"{source.stem}{TWIN}.onnx")


def _image_to_people(path: Path, folder: Path) -> dict[str, Any]:
    """Times of a graph from image to joints by image size and number of people."""
    model = ModelFile.open(path)
    network = ImagePoseNetwork(open_tensorrt(model, folder), model.pose_info())
    estimator = PoseEstimator(network, detector=None, only_plausible=False)
    found: dict[str, Any] = {}
    for width, height in SIZES:
        camera = Camera.from_fov(width, height, 70)
        image = np.random.default_rng(0).integers(0, 256, (height, width, 3)).astype(np.uint8)
        size = found[f"{width}x{height}"] = {}
        for count in PEOPLE:
            boxes = side_by_side(count, width, height)
            size[str(count)] = timed(lambda i=image, c=camera, b=boxes: estimator.estimate(i, c, b))
    return found


def side_by_side(count: int, width: int, height: int) -> np.ndarray:
    """(count, 4) boxes of people who stand in a row."""
    wide = width / count
    left = np.arange(count) * wide
    return np.stack(
        [left + 0.2 * wide, np.full(count, 0.2 * height), left + 0.8 * wide, np.full(count, 0.9 * height)], 1
    )


def timed(work: Callable[[], Any], frames: int = FRAMES) -> dict[str, float]:
    """Median and 99th percentile of a call's time, and the share of a core that it takes 30 times a second."""
    for _ in range(_WARM_UP):
        work()
    times = []
    processor = time.process_time()
    for _ in range(frames):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    processor = (time.process_time() - processor) / frames
    median, late = np.percentile(times, [50, 99]) * 1e3
    return {"median_ms": float(median), "p99_ms": float(late), "cpu_share_at_30_hz": processor * _CAMERA_HZ}


def precision(chosen: list[Case], folder: Path, results: dict[str, Any]) -> dict[str, Any]:
    """Joints and distances of the fp16 network on TensorRT against fp32 on the CPU, which rounds nowhere else."""
    found: dict[str, Any] = {}
    for case in chosen:
        if case.shipped is None:
            continue  # random weights say nothing of accuracy
        inputs = people_or_noise(folder)
        engine = open_tensorrt(case.file(folder), folder)
        half = engine.run(**inputs)
        engine.close()
        # On the GPU, fp32 convolutions would be rounded to TF32, which has no more bits than fp16.
        full = OnnxRuntimeEngine(case.file(folder, half=False).path, threads=2).run(**inputs)
        found[case.name] = difference(half, full)
    return found


def people_or_noise(folder: Path) -> dict[str, np.ndarray]:
    """Crops to compare precisions on: ``crops.npz`` (crops, intrinsics) in the folder if it is there, else noise."""
    file = folder / "crops.npz"
    if not file.is_file():
        print(f"  no {file}: noise instead, on which networks are less sure", file=sys.stderr)
        return batch_of(16)
    with np.load(file) as stored:
        return {name: stored[name].astype(np.float32) for name in ("crops", "intrinsics")}


def difference(found: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> dict[str, float]:
    """Mean distance of joints of centred poses, and the largest difference in the distance as a part of it."""
    apart, off = differences(found, expected)
    return {"relative_mm": float(apart.mean()), "distance": float(off.max())}
