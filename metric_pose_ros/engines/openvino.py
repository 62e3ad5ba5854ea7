"""OpenVINO: the fastest engine on CPUs that multiply matrices of bfloat16 (Intel's with AMX, some of Arm's).

It is not among those that ``auto`` takes: it rounds where the CPU can, and has to be installed. Its optimiser has been
seen to break graphs that are right (2026.4 multiplies sums before it has written them), so ONNX Runtime says first what
a model should say.
"""

from __future__ import annotations

import threading
from types import ModuleType

import numpy as np
import numpy.typing as npt

from metric_pose_ros.engines.failures import failure
from metric_pose_ros.engines.onnxruntime import OnnxRuntimeEngine
from metric_pose_ros.engines.shapes import check_inputs
from metric_pose_ros.models import ModelFile

_COMPARED = ("joints2d", "relative")
_ROUNDING = 0.1
"""Of the largest value, how far bfloat16 may be off in a picture of noise."""


class OpenVinoEngine:
    """Runs an ONNX file on the CPU, in the precision that OpenVINO finds best for it.

    Args:
        openvino: the module.
        model: to run.
        threads: at most so many CPU threads.
        reason: why this engine was chosen, for the description.

    Raises:
        ValueError: if OpenVINO cannot run this model or gives something else than ONNX Runtime, or the thread count is
            not positive.
    """

    on_gpu = False

    def __init__(self, openvino: ModuleType, model: ModelFile, threads: int, reason: str) -> None:
        if threads < 1:
            raise ValueError(f"{threads} threads were given, expected at least 1")
        if "crops" not in model.inputs:
            raise ValueError(f"{model.path.name} takes no crops: OpenVINO runs pose models alone")
        settings = {
            "PERFORMANCE_HINT": "LATENCY",
            "NUM_STREAMS": "1",
            "INFERENCE_NUM_THREADS": str(threads),
            # The cores it would choose are as likely the camera driver's.
            "ENABLE_CPU_PINNING": "NO",
        }
        try:
            compiled = openvino.Core().compile_model(str(model.path), "CPU", settings)
            self._request = compiled.create_infer_request()
            precision = compiled.get_property("INFERENCE_PRECISION_HINT").to_string()
        except Exception as error:  # OpenVINO says everything by RuntimeError and worse
            raise ValueError(f"OpenVINO does not take {model.path.name}: {_said(error)}") from error
        self._inputs, self._outputs = model.inputs, list(model.outputs)
        self._one_at_a_time = threading.Lock()
        version = openvino.__version__.split("-")[0]
        self.description = f"OpenVINO {version} in {precision}, {threads} thread{'s'[: threads > 1]} ({reason})"
        self._compare(model, version)

    def run(self, **arrays: npt.NDArray) -> dict[str, npt.NDArray]:
        check_inputs(arrays, self._inputs)
        for name, array in arrays.items():
            if array.dtype not in (np.float32, np.uint8):
                raise ValueError(f"input {name} is {array.dtype}, expected float32")
        with self._one_at_a_time:
            try:
                results = self._request.infer(arrays)
            except Exception as error:
                raise failure(f"OpenVINO failed: {_said(error)}") from error
            return {name: np.array(results[name]) for name in self._outputs}

    def _compare(self, model: ModelFile, version: str) -> None:
        """Refuses a model of which this engine makes something else than it is."""
        side = int(model.inputs["crops"][-1] or 0)
        noise = np.random.default_rng(0).random((1, 3, side, side), np.float32)
        intrinsics = np.array([[[2 * side, 0, side / 2], [0, 2 * side, side / 2], [0, 0, 1]]], np.float32)
        given = {"crops": noise, "intrinsics": intrinsics}
        found, expected = self.run(**given), OnnxRuntimeEngine(model.path, 1).run(**given)
        for name in _COMPARED:
            apart = np.abs(found[name] - expected[name]).max()
            if not apart <= _ROUNDING * np.abs(expected[name]).max():
                raise ValueError(
                    f"OpenVINO {version} gives another {name} for {model.path.name} than ONNX Runtime, by up to "
                    f"{apart:.3g}: export it again, or take engine 'onnxruntime'"
                )


def _said(error: Exception) -> str:
    """The last line, which says what the matter is; those before it say where in OpenVINO's source."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
