"""Which engine a machine gets: the best that works, and why the better ones do not."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from types import ModuleType

import onnxruntime

from metric_pose_ros.engines.building import PRECISION, Progress, build_engine
from metric_pose_ros.engines.cache import EngineCache, EngineKey
from metric_pose_ros.engines.cuda import CudaError, Device, open_device
from metric_pose_ros.engines.onnxruntime import OnnxRuntimeEngine
from metric_pose_ros.engines.profiles import BATCHES, batched_inputs, profiles_for
from metric_pose_ros.engines.tensorrt import TensorRTEngine
from metric_pose_ros.model_hashes import sha256_of
from metric_pose_ros.models import ModelFile

logger = logging.getLogger(__name__)

BEST_FIRST = ("tensorrt", "tensorrt_rtx", "onnxruntime_cuda", "onnxruntime")
TITLES = {
    "tensorrt": "TensorRT",
    "tensorrt_rtx": "TensorRT-RTX",
    "onnxruntime_cuda": "ONNX Runtime CUDA",
    "onnxruntime": "ONNX Runtime CPU",
}
_TO_INSTALL = {
    "tensorrt": "it comes with JetPack, or pip install tensorrt",
    "tensorrt_rtx": "pip install tensorrt-rtx-cu13",
}


class NotHereError(ValueError):
    """An engine that this machine does not have; the message says what is missing."""


@dataclass(frozen=True)
class Options:
    """How to run a model.

    Attributes:
        threads: at most so many CPU threads.
        batches: crops of one batch at which a GPU engine is to be fastest; the last is the most it takes at once.
        cache: of built engines.
    """

    threads: int = 2
    batches: Sequence[int] = BATCHES
    cache: EngineCache | None = None


def missing(kind: str) -> str | None:
    """What an engine lacks on this machine, in words; None if it can be tried.

    Args:
        kind: one of `BEST_FIRST`.
    """
    if kind == "onnxruntime":
        return None
    try:
        open_device()
        if kind in _TO_INSTALL:
            load_tensorrt(kind)
        else:
            _check_provider()
    except (NotHereError, CudaError) as error:
        return str(error)
    return None


def load_tensorrt(kind: str) -> ModuleType:
    """The module ``tensorrt`` or ``tensorrt_rtx``.

    Raises:
        NotHereError: if it is not installed, or cannot be loaded.
    """
    try:
        trt = importlib.import_module(kind)
    except ModuleNotFoundError as error:
        raise NotHereError(f"not installed ({_TO_INSTALL[kind]})") from error
    except (ImportError, OSError, RuntimeError) as error:
        raise NotHereError(f"it is installed, but does not load: {str(error).splitlines()[0]}") from error
    if not hasattr(trt.NetworkDefinitionCreationFlag, "STRONGLY_TYPED"):
        raise NotHereError(f"version {trt.__version__} is too old, 10.0 is needed")
    return trt


def open_kind(kind: str, model: ModelFile, options: Options, reason: str) -> OnnxRuntimeEngine | TensorRTEngine:
    """Makes a model ready to run on one kind of engine.

    Args:
        kind: one of `BEST_FIRST`.
        model: to run.
        options: how.
        reason: why this one, for its description.

    Raises:
        NotHereError: if this machine does not have it.
        ValueError: if it cannot run this model.
        EngineFailure: if the GPU refuses.
    """
    if kind in _TO_INSTALL:
        trt, device = load_tensorrt(kind), open_device()
        cache = options.cache or EngineCache()
        key = engine_key(trt, device, model, options.batches)
        return TensorRTEngine(
            trt,
            built(trt, model, key, options.batches, cache),
            profiles_for(model, options.batches),
            batched_inputs(model),
            device,
            reason,
            cache.kernels_file(key),
        )
    if kind == "onnxruntime_cuda":
        _check_provider()
        return OnnxRuntimeEngine(model.path, options.threads, "cuda", reason)
    return OnnxRuntimeEngine(model.path, options.threads, "cpu", reason)


def open_spare(model: ModelFile, options: Options) -> OnnxRuntimeEngine:
    """What a model runs on when its engine on a GPU has failed.

    Raises:
        ValueError: if the file is no longer the one that the engine was made of.
        OSError: if it is gone.
    """
    if sha256_of(model.path) != model.sha256:
        raise ValueError(f"{model.path} is not the file any more that was loaded")
    return OnnxRuntimeEngine(model.path, options.threads, "cpu", "in place of a GPU")


def engine_key(trt: ModuleType, device: Device, model: ModelFile, batches: Sequence[int]) -> EngineKey:
    """What a model's engine depends on, on this machine."""
    return EngineKey(
        model=model.path.stem,
        model_sha256=model.sha256,
        runtime=f"{trt.__name__} {trt.__version__}",
        gpu=device.name,
        capability=device.capability,
        profile="; ".join(str(profile) for profile in profiles_for(model, batches)),
        precision=PRECISION,
    )


def built(trt: ModuleType, model: ModelFile, key: EngineKey, batches: Sequence[int], cache: EngineCache) -> bytes:
    """A model's engine, from the cache or built now.

    Raises:
        BuildError: if this TensorRT cannot build it.
    """
    timing = None if trt.__name__ == "tensorrt_rtx" else cache.timing_file(key)

    def build() -> bytes:
        progress = Progress(key.model, cache.seconds_before(key))
        return build_engine(trt, model.path, profiles_for(model, batches), progress, timing)

    return cache.get(key, build)


def open_best(model: ModelFile, options: Options) -> OnnxRuntimeEngine | TensorRTEngine:
    """The best engine that runs a model here; its description says why the better ones were passed over."""
    passed: list[tuple[str, str]] = []
    for kind in BEST_FIRST[:-1]:
        try:
            lacking = missing(kind)
            if lacking is None:
                return open_kind(kind, model, options, _why(passed))
        except Exception as error:  # a robot runs on what works; onnxruntime's exceptions share no public base class
            lacking = str(error).splitlines()[0]
            logger.warning("%s was to run %s, but: %s", TITLES[kind], model.path.name, lacking)
        passed.append((kind, lacking))
    return open_kind(BEST_FIRST[-1], model, options, _why(passed))


def _why(passed: list[tuple[str, str]]) -> str:
    """Why what was chosen was chosen, in words."""
    reasons: dict[str, list[str]] = {}
    for kind, reason in passed:
        reasons.setdefault(reason, []).append(TITLES[kind])
    told = "; ".join(f"{', '.join(kinds)}: {reason}" for reason, kinds in reasons.items())
    return f"auto; passed over: {told}" if told else "auto: the best there is"


def _check_provider() -> None:
    if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        raise NotHereError("this onnxruntime has no CUDA (pip install onnxruntime-gpu in its place)")
