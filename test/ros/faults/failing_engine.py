"""The node as it is, on a made-up GPU that does what a file says: ``fine``, ``memory 1``, ``broken`` or ``hangs``."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

import numpy as np

from metric_pose_ros import engines
from metric_pose_ros.engines.choice import Options, open_best
from metric_pose_ros.engines.failures import EngineFailure, EngineOutOfMemory
from metric_pose_ros.engines.onnxruntime import OnnxRuntimeEngine
from metric_pose_ros.models import ModelFile
from metric_pose_ros.ros.node import main

FAULT = "ENGINE_FAULT"
"""Environment variable that names the file."""


class FailingGpu(OnnxRuntimeEngine):
    """Computes as it should, as long as it is let."""

    def __init__(self, model: ModelFile, options: Options) -> None:
        super().__init__(model.path, options.threads)
        self.on_gpu, self.description = True, "a GPU that fails"

    def run(self, **arrays: np.ndarray) -> dict[str, np.ndarray]:
        fault, _, number = Path(os.environ[FAULT]).read_text().partition(" ")
        if fault == "broken":
            raise EngineFailure("the GPU fell off the bus")
        if fault == "memory" and len(arrays["crops"]) > int(number):
            raise EngineOutOfMemory("out of memory")
        if fault == "hangs":
            threading.Event().wait()
        return super().run(**arrays)


def open_engine(model: ModelFile, options: Options) -> OnnxRuntimeEngine:
    """Stands in for `open_best`: the pose network gets the GPU."""
    return FailingGpu(model, options) if model.kind == "pose" else open_best(model, options)  # type: ignore[return-value]


if __name__ == "__main__":
    engines.open_best = open_engine  # type: ignore[assignment]
    sys.exit(main())
