"""What runs a network: one small protocol, and the choice between its implementations."""

from __future__ import annotations

from typing import Protocol

import numpy.typing as npt

from metric_pose_ros.engines.onnxruntime import OnnxRuntimeEngine
from metric_pose_ros.models import ModelFile

ENGINES = ("auto", "onnxruntime", "onnxruntime_cuda")


class Engine(Protocol):
    """A network that is ready to run.

    Attributes:
        description: what runs it, on what, and why that was chosen; printed at start.
    """

    description: str

    def run(self, **arrays: npt.NDArray) -> dict[str, npt.NDArray]:
        """Inputs by name -> outputs by name, as NumPy arrays.

        Raises:
            ValueError: if an input is missing, unknown or of the wrong shape.
        """
        ...


def open_engine(model: ModelFile, engine: str = "auto", threads: int = 2) -> Engine:
    """Makes a model ready to run.

    Args:
        model: to run.
        engine: one of `ENGINES`; ``auto`` takes the best that this machine has.
        threads: at most so many CPU threads.

    Raises:
        ValueError: for an unknown engine, or one that this machine does not have.
    """
    if engine == "auto":
        return OnnxRuntimeEngine(model.path, threads, "cpu", reason="auto: runs on any CPU")
    if engine == "onnxruntime":
        return OnnxRuntimeEngine(model.path, threads, "cpu", reason="asked for")
    if engine == "onnxruntime_cuda":
        return OnnxRuntimeEngine(model.path, threads, "cuda", reason="asked for")
    raise ValueError(f"unknown engine {engine!r}; known are {', '.join(ENGINES)}")
