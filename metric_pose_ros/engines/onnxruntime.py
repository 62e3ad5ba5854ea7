"""ONNX Runtime: the engine that runs everywhere."""

from __future__ import annotations

from pathlib import Path

import numpy.typing as npt
import onnxruntime
from onnxruntime.capi.onnxruntime_pybind11_state import InvalidArgument

from metric_pose_ros.engines.failures import failure


class OnnxRuntimeEngine:
    """Runs an ONNX file with a bounded number of threads.

    Args:
        path: of the ONNX file.
        threads: at most so many CPU threads.
        device: ``cpu`` or ``cuda``.
        reason: why this engine was chosen, for the description.

    Raises:
        ValueError: if the CUDA provider is asked for but not installed or does not start, or the thread count is not
            positive.
    """

    def __init__(self, path: Path, threads: int = 2, device: str = "cpu", reason: str = "asked for") -> None:
        if threads < 1:
            raise ValueError(f"{threads} threads were given, expected at least 1")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        # Threads that spin while a network runs make it a quarter faster; spinning on afterwards would take the cores
        # from the camera driver and everybody else for another 30 ms.
        options.add_session_config_entry("session.intra_op.allow_spinning", "1")
        options.add_session_config_entry("session.force_spinning_stop", "1")
        options.log_severity_level = 3
        providers = ["CPUExecutionProvider"]
        if device == "cuda":
            available = onnxruntime.get_available_providers()
            if "CUDAExecutionProvider" not in available:
                raise ValueError(
                    f"ONNX Runtime here has no CUDA ({', '.join(available)}): install onnxruntime-gpu or use engine "
                    f"'auto'"
                )
            if hasattr(onnxruntime, "preload_dlls"):
                onnxruntime.preload_dlls()  # where CUDA and cuDNN came as wheels, nothing else finds them
            providers.insert(0, "CUDAExecutionProvider")
        self._session = onnxruntime.InferenceSession(str(path), options, providers=providers)
        # Without CUDA's own libraries ONNX Runtime quietly takes the CPU.
        if device == "cuda" and self._session.get_providers()[0] != "CUDAExecutionProvider":
            raise ValueError("ONNX Runtime could not start CUDA: its CUDA and cuDNN libraries do not load here")
        self._outputs = [output.name for output in self._session.get_outputs()]
        self._inputs = {tensor.name: tuple(tensor.shape) for tensor in self._session.get_inputs()}
        used = self._session.get_providers()[0].removesuffix("ExecutionProvider")
        self.on_gpu = used == "CUDA"
        self.description = (
            f"ONNX Runtime {onnxruntime.__version__} on {used}, {threads} thread{'s'[: threads > 1]} ({reason})"
        )

    def run(self, **arrays: npt.NDArray) -> dict[str, npt.NDArray]:
        if set(arrays) != set(self._inputs):
            raise ValueError(
                f"inputs {', '.join(sorted(arrays))} were given, expected {', '.join(sorted(self._inputs))}"
            )
        for name, array in arrays.items():
            expected = self._inputs[name]
            if array.ndim != len(expected) or any(
                isinstance(want, int) and size != want for size, want in zip(array.shape, expected, strict=False)
            ):
                raise ValueError(f"input {name} has shape {list(array.shape)}, expected {list(expected)}")
        try:
            outputs = self._session.run(self._outputs, arrays)
        except InvalidArgument as error:
            raise ValueError(f"ONNX Runtime refuses the inputs: {error}") from error
        except Exception as error:  # onnxruntime's exceptions share no public base class
            raise failure(f"ONNX Runtime failed with {type(error).__name__}: {error}") from error
        return dict(zip(self._outputs, outputs, strict=True))
