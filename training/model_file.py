"""Exported models, run in ONNX Runtime on the CPU: what the robot runs is what is measured."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime

METADATA_KEY = "metric_pose_ros"


def cpu_session(file: bytes | str, threads: int = 1) -> onnxruntime.InferenceSession:
    """An ONNX Runtime session on `threads` CPU threads; `file` is a path or a file's content."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])


class PoseFile:
    """A pose model file.

    Args:
        file: path or content.
        threads: of the CPU.

    Attributes:
        metadata: what the file says of itself; empty while it is being made.
        outputs: names of what it puts out.
    """

    def __init__(self, file: bytes | str | Path, threads: int = 1) -> None:
        self._session = cpu_session(str(file) if isinstance(file, Path) else file, threads)
        said = self._session.get_modelmeta().custom_metadata_map.get(METADATA_KEY, "{}")
        self.metadata: dict[str, Any] = json.loads(said)
        self.outputs = tuple(output.name for output in self._session.get_outputs())

    def run(self, crops: npt.NDArray[np.float32], intrinsics: npt.NDArray[np.float32]) -> dict[str, npt.NDArray[Any]]:
        """Crops (N, 3, S, S) RGB 0..1 and intrinsics (N, 3, 3) to the outputs by name."""
        found = self._session.run(list(self.outputs), {"crops": crops, "intrinsics": intrinsics})
        return dict(zip(self.outputs, found, strict=True))
