"""What runs a network: one small protocol, and the choice between its implementations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy.typing as npt

from metric_pose_ros.engines.choice import BEST_FIRST, Options, open_best, open_kind, open_spare
from metric_pose_ros.engines.enduring import EnduringEngine
from metric_pose_ros.engines.failures import EngineFailure, EngineOutOfMemory
from metric_pose_ros.engines.profiles import BATCHES, batched_inputs
from metric_pose_ros.models import ModelFile

__all__ = [
    "BATCHES",
    "ENGINES",
    "Engine",
    "EngineFailure",
    "EngineOutOfMemory",
    "open_best",
    "open_engine",
    "open_kind",
]

ENGINES = ("auto", *BEST_FIRST)


class Engine(Protocol):
    """A network that is ready to run."""

    @property
    def description(self) -> str:
        """What runs it, on what, and why that was chosen; printed at start."""
        ...

    def run(self, **arrays: npt.NDArray) -> dict[str, npt.NDArray]:
        """Inputs by name -> outputs by name, as NumPy arrays.

        Raises:
            ValueError: if an input is missing, unknown or of the wrong shape or type.
            EngineOutOfMemory: if memory does not suffice for these inputs; with fewer crops it may.
            EngineFailure: if the engine failed otherwise.
        """
        ...


def open_engine(model: ModelFile, engine: str = "auto", threads: int = 2, batches: Sequence[int] = BATCHES) -> Engine:
    """Makes a model ready to run.

    An engine on a GPU that fails later is helped by fewer crops and by the CPU, see `EnduringEngine`.

    With TensorRT this may build an engine first, which takes from seconds to minutes and is said in the log.

    Args:
        model: to run.
        engine: one of `ENGINES`; ``auto`` takes the best that this machine has.
        threads: at most so many CPU threads.
        batches: crops of one batch at which a GPU engine is to be fastest; the last is the most it takes at once.

    Raises:
        ValueError: for an unknown engine, or one that this machine does not have.
    """
    if engine not in ENGINES:
        raise ValueError(f"unknown engine {engine!r}; known are {', '.join(ENGINES)}")
    options = Options(threads, batches)
    try:
        opened = open_best(model, options) if engine == "auto" else open_kind(engine, model, options, "asked for")
    except EngineFailure as error:
        raise ValueError(f"engine {engine} does not run here: {error}; engine 'auto' takes what does") from error
    if not opened.on_gpu:
        return opened
    return EnduringEngine(model.path.stem, opened, lambda: open_spare(model, options), batched_inputs(model))
