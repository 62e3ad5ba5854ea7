"""Who runs the networks: each says how long the GPU takes for one batch that lies there already."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from metric_pose_ros.engines.cache import EngineCache
from metric_pose_ros.engines.choice import Options, load_tensorrt, missing, open_kind
from metric_pose_ros.engines.tensorrt import TensorRTEngine
from metric_pose_ros.models import ModelFile
from test.benchmarks.gpu.cases import BATCHES, Case
from test.benchmarks.gpu.roofline import Ceiling

REPEATS = 50
_SETTLING = 10


class UnavailableError(RuntimeError):
    """A contestant that is not here; the message says what is missing."""


def batch_of(count: int, side: int = 256) -> dict[str, np.ndarray]:
    """Crops and intrinsics as the networks take them."""
    crops = np.random.default_rng(0).random((count, 3, side, side), np.float32)
    intrinsics = np.tile(np.array([[800, 0, 127.5], [0, 800, 127.5], [0, 0, 1]], np.float32), (count, 1, 1))
    return {"crops": crops, "intrinsics": intrinsics}


def tensorrt_kind() -> str:
    """The TensorRT that is here.

    Raises:
        UnavailableError: if there is none.
    """
    reasons = {kind: missing(kind) for kind in ("tensorrt", "tensorrt_rtx")}
    for kind, reason in reasons.items():
        if reason is None:
            load_tensorrt(kind)
            return kind
    raise UnavailableError("; ".join(f"{kind}: {reason}" for kind, reason in reasons.items()))


def open_tensorrt(model: ModelFile, folder: Path) -> TensorRTEngine:
    """A model on TensorRT, with engines kept in a folder of the benchmark's own."""
    options = Options(threads=1, batches=BATCHES, cache=EngineCache(folder / "engines"))
    engine = open_kind(tensorrt_kind(), model, options, "benchmark")
    assert isinstance(engine, TensorRTEngine)
    return engine


def tensorrt(case: Case, folder: Path) -> dict[int, float]:
    """Seconds per batch, by batch."""
    engine = open_tensorrt(case.file(folder), folder)
    seconds = {count: engine.network_seconds(REPEATS, **batch_of(count)) for count in BATCHES}
    engine.close()
    return seconds


def torch_eager(case: Case, folder: Path) -> dict[int, float]:
    """As `tensorrt`, in torch with automatic fp16."""
    return _in_torch(case, lambda module: module)


def torch_compiled(case: Case, folder: Path) -> dict[int, float]:
    """As `tensorrt`, compiled by torch with CUDA graphs, in automatic fp16."""
    import torch

    return _in_torch(case, lambda module: torch.compile(module, mode="reduce-overhead"))


def onnxruntime_cuda(case: Case, folder: Path) -> dict[int, float]:
    """As `tensorrt`, in ONNX Runtime's CUDA provider, with the batch bound to memory on the GPU."""
    import onnxruntime

    reason = missing("onnxruntime_cuda")
    if reason is not None:
        raise UnavailableError(reason)
    session = onnxruntime.InferenceSession(str(case.file(folder).path), providers=["CUDAExecutionProvider"])
    if session.get_providers()[0] != "CUDAExecutionProvider":
        raise UnavailableError("ONNX Runtime could not start CUDA")
    seconds = {}
    for count in BATCHES:
        binding = session.io_binding()
        for name, array in batch_of(count).items():
            binding.bind_ortvalue_input(name, onnxruntime.OrtValue.ortvalue_from_numpy(array, "cuda", 0))
        for output in session.get_outputs():
            binding.bind_output(output.name, "cuda")

        def run(binding: Any = binding) -> None:
            session.run_with_iobinding(binding)

        seconds[count] = _host_seconds(run, binding.synchronize_outputs)
    return seconds


CONTESTANTS: dict[str, Callable[[Case, Path], dict[int, float]]] = {
    "TensorRT": tensorrt,
    "torch eager": torch_eager,
    "torch.compile": torch_compiled,
    "ONNX Runtime CUDA": onnxruntime_cuda,
}


def measure_ceiling() -> Ceiling:
    """What this GPU does at best: a large fp16 matrix product and a large copy, in torch.

    Raises:
        UnavailableError: without torch and CUDA.
    """
    torch = _torch()
    left, right = (torch.randn(8192, 8192, device="cuda", dtype=torch.float16) for _ in range(2))
    product = _torch_seconds(lambda: left @ right, 20)
    source = torch.empty(2**30, device="cuda", dtype=torch.uint8)
    target = torch.empty_like(source)
    copy = _torch_seconds(lambda: target.copy_(source), 20)
    return Ceiling(2 * 8192**3 / product, 2 * source.numel() / copy)


def _torch() -> Any:
    try:
        import torch
    except ImportError as error:
        raise UnavailableError("torch is not installed") from error
    if not torch.cuda.is_available():
        raise UnavailableError("torch here has no CUDA")
    return torch


def _in_torch(case: Case, prepare: Callable[[Any], Any]) -> dict[int, float]:
    torch = _torch()
    module = prepare(case.module().cuda())
    seconds = {}
    with torch.inference_mode(), torch.autocast("cuda", torch.float16):
        for count in BATCHES:
            crops, intrinsics = (torch.from_numpy(array).cuda() for array in batch_of(count).values())
            seconds[count] = _torch_seconds(lambda crops=crops, k=intrinsics: module(crops, k), REPEATS)
    return seconds


def _torch_seconds(work: Callable[[], Any], repeats: int) -> float:
    torch = _torch()
    for _ in range(_SETTLING):
        work()
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    start.record()
    for _ in range(repeats):
        work()
    end.record()
    end.synchronize()
    return start.elapsed_time(end) / 1000 / repeats


def _host_seconds(work: Callable[[], None], wait: Callable[[], None]) -> float:
    import time

    for _ in range(_SETTLING):
        work()
    wait()
    start = time.perf_counter()
    for _ in range(REPEATS):
        work()
    wait()
    return (time.perf_counter() - start) / REPEATS
