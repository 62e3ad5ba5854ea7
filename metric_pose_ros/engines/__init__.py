"""What runs a network: one small protocol, and the choice between its implementations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy.typing as npt

from metric_pose_ros.engines.choice import BEST_FIRST, Options, open_best, open_kind
from metric_pose_ros.engines.failures import EngineFailure, EngineOutOfMemory
from metric_pose_ros.engines.profiles import BATCHES
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
    """A network that is ready to run.

    Attributes:
        description: what runs it, on what, and why that was chosen; printed at start.
    """

    description: str

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
    if engine == "auto":
        return open_best(model, options)
    try:
        return open_kind(engine, model, options, "asked for")
    except EngineFailure as error:
        raise ValueError(f"engine {engine} does not run here: {error}; engine 'auto' takes what does") from error
