"""A GPU and a TensorRT of plain memory, which do what they are told, in order, and remember it."""

from __future__ import annotations

import ctypes
import types
from collections.abc import Callable
from contextlib import contextmanager
from typing import Any

import numpy as np

from metric_pose_ros.engines.cuda import CudaError


class FakeDevice:
    """Stands in for `metric_pose_ros.engines.cuda.Device`.

    Work put into a stream is done at once, or kept while a graph is recorded, as CUDA does it.
    """

    name = "Fake GPU"
    capability = "9.9"

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.memory: dict[int, Any] = {}
        self.pinned = 0
        self.graphs: dict[int, list[Callable[[], None]]] = {}
        self.recording: list[Callable[[], None]] | None = None
        self.current = 0
        self.refuses_to_record = False
        self.log: Any = None
        self.refuses_to_run_because: str | None = None

    @contextmanager
    def in_use(self):
        self.current += 1
        yield

    def allocate(self, size: int) -> int:
        buffer = ctypes.create_string_buffer(size)
        address = ctypes.addressof(buffer)
        self.memory[address] = buffer
        return address

    def free(self, address: int) -> None:
        del self.memory[address]

    def allocate_pinned(self, size: int) -> np.ndarray:
        self.pinned += 1
        return np.full(size, 255, np.uint8)

    def free_pinned(self, memory: np.ndarray) -> None:
        self.pinned -= 1

    def stream(self) -> int:
        self.calls.append("stream")
        return 7

    def put(self, name: str, work: Callable[[], None]) -> None:
        self.calls.append(name)
        if self.recording is not None:
            self.recording.append(work)
        else:
            work()

    def upload(self, address: int, memory: np.ndarray, stream: int) -> None:
        assert stream == 7
        self.put("upload", lambda: ctypes.memmove(address, memory.ctypes.data, memory.nbytes))

    def download(self, memory: np.ndarray, address: int, stream: int) -> None:
        assert stream == 7
        self.put("download", lambda: ctypes.memmove(memory.ctypes.data, address, memory.nbytes))

    def wait(self, stream: int) -> None:
        self.calls.append("wait")

    def record(self, stream: int, work: Callable[[], None]) -> int:
        self.calls.append("record")
        if self.refuses_to_record:
            raise CudaError("cuStreamEndCapture failed")
        self.recording = []
        work()
        self.graphs[len(self.graphs) + 1] = self.recording
        self.recording = None
        return len(self.graphs)

    def replay(self, graph: int, stream: int) -> None:
        self.calls.append("replay")
        for work in self.graphs[graph]:
            work()

    def seconds(self, stream: int, work: Callable[[], None]) -> float:
        work()
        return 1.5

    def forget(self, graph: int) -> None:
        del self.graphs[graph]

    def end(self, stream: int) -> None:
        self.calls.append("end")


class FakeContext:
    """Computes ``total`` (N,), the sum of `values` (N, 3), plus `bias` (3,) of uint8."""

    def __init__(self, device: FakeDevice) -> None:
        self.device = device
        self.profile = -1
        self.shapes: dict[str, tuple[int, ...]] = {}
        self.addresses: dict[str, int] = {}

    def set_optimization_profile_async(self, number: int, stream: int) -> bool:
        self.profile = number
        return True

    def set_input_shape(self, name: str, shape: tuple[int, ...]) -> bool:
        self.shapes[name] = tuple(shape)
        return True

    def infer_shapes(self) -> list[str]:
        return [name for name in ("values", "bias") if name not in self.shapes]

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        return (self.shapes["values"][0],)

    def get_max_output_size(self, name: str) -> int:
        return (4, 16)[self.profile] * 4

    def set_tensor_address(self, name: str, address: int) -> bool:
        self.addresses[name] = address
        return True

    def execute_async_v3(self, stream: int) -> bool:
        if self.device.refuses_to_run_because is not None:
            self.device.log.log("error", self.device.refuses_to_run_because)
            return False
        count = self.shapes["values"][0]

        def work() -> None:
            values = np.ctypeslib.as_array((ctypes.c_float * (3 * count)).from_address(self.addresses["values"]))
            bias = np.ctypeslib.as_array((ctypes.c_uint8 * 3).from_address(self.addresses["bias"]))
            total = np.ctypeslib.as_array((ctypes.c_float * count).from_address(self.addresses["total"]))
            total[:] = values.reshape(count, 3).sum(axis=1) + bias.sum()

        self.device.put(f"execute {self.profile}", work)
        return True


class FakeEngine:
    """Two inputs, one output, two profiles."""

    num_io_tensors = 3

    def __init__(self, device: FakeDevice) -> None:
        self.device = device
        self.contexts: list[FakeContext] = []

    def get_tensor_name(self, number: int) -> str:
        return ("values", "total", "bias")[number]

    def get_tensor_mode(self, name: str) -> str:
        return "output" if name == "total" else "input"

    def get_tensor_dtype(self, name: str) -> Any:
        return types.SimpleNamespace(name="UINT8" if name == "bias" else "FLOAT")

    def create_execution_context(self) -> FakeContext:
        self.contexts.append(FakeContext(self.device))
        return self.contexts[-1]


def fake_tensorrt(device: FakeDevice, engine: FakeEngine | None) -> Any:
    """A module ``tensorrt`` that can only run."""
    runtime = types.SimpleNamespace(deserialize_cuda_engine=lambda content: engine)

    class ILogger:
        Severity = types.SimpleNamespace(ERROR="error", INTERNAL_ERROR="internal error")

    def make_runtime(log: Any) -> Any:
        device.log = log
        return runtime

    return types.SimpleNamespace(
        __name__="tensorrt",
        __version__="10.3.0",
        ILogger=ILogger,
        Runtime=make_runtime,
        TensorIOMode=types.SimpleNamespace(INPUT="input", OUTPUT="output"),
    )
