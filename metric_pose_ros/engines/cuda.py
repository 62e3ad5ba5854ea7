"""The few calls of the CUDA driver that an engine needs, through ctypes.

``libcuda.so.1`` comes with every NVIDIA driver, on a desktop as on a Jetson, and its functions keep their signatures
over CUDA 11 to 13. So there is nothing to install that would have to match the CUDA version or Python's.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ctypes import byref, c_char_p, c_float, c_int, c_size_t, c_uint, c_ulonglong, c_void_p
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from metric_pose_ros.engines.failures import EngineFailure, EngineOutOfMemory

_LIBRARY = "libcuda.so.1"
_MAJOR, _MINOR = 75, 76  # CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR and _MINOR
_OUT_OF_MEMORY = 2  # CUDA_ERROR_OUT_OF_MEMORY
_WAIT_ASLEEP = 4  # CU_CTX_SCHED_BLOCKING_SYNC
_APART_FROM_THE_DEFAULT_STREAM = 1  # CU_STREAM_NON_BLOCKING
_THIS_THREAD_ONLY = 1  # CU_STREAM_CAPTURE_MODE_THREAD_LOCAL


class CudaError(EngineFailure):
    """The driver refused something, or there is none; the message says what."""


class CudaMemoryError(CudaError, EngineOutOfMemory):
    """The driver has no memory left to give."""


class Device:
    """One GPU, and the memory and streams on it.

    Args:
        index: of the GPU.

    Attributes:
        name: such as ``NVIDIA H100 80GB HBM3``.
        capability: compute capability, such as ``9.0``.
        driver: the newest CUDA that the driver knows, such as ``13.0``.
        memory_bytes: of the GPU, or of the whole board where both share it.

    Raises:
        CudaError: if there is no driver or no such GPU.
    """

    def __init__(self, index: int = 0) -> None:
        self._cuda = _library()
        self._call("cuInit", c_uint(0))
        count = c_int()
        self._call("cuDeviceGetCount", byref(count))
        if index >= count.value:
            raise CudaError(f"the driver sees {count.value} GPUs, so there is no number {index}")
        handle = c_int()
        self._call("cuDeviceGet", byref(handle), c_int(index))
        text = ctypes.create_string_buffer(256)
        self._call("cuDeviceGetName", text, c_int(len(text)), handle)
        self.name = text.value.decode()
        self.capability = ".".join(str(self._attribute(handle, number)) for number in (_MAJOR, _MINOR))
        # Waiting asleep leaves the core to others. Refused where this process uses the GPU already: as it has it, then.
        self._cuda.cuDevicePrimaryCtxSetFlags_v2(handle, c_uint(_WAIT_ASLEEP))
        self._context = c_void_p()
        self._call("cuDevicePrimaryCtxRetain", byref(self._context), handle)
        version = c_int()
        self._call("cuDriverGetVersion", byref(version))
        self.driver = f"{version.value // 1000}.{version.value % 1000 // 10}"
        self.memory_bytes = self._memory()[1]

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Makes this the calling thread's GPU."""
        self._call("cuCtxSetCurrent", self._context)
        yield

    def free_bytes(self) -> int:
        """Memory on the GPU that nobody uses."""
        return self._memory()[0]

    def allocate(self, size: int) -> int:
        """The address of `size` bytes on the GPU; give it to `free` at the end."""
        address = c_ulonglong()
        self._call("cuMemAlloc_v2", byref(address), c_size_t(size))
        return address.value

    def free(self, address: int) -> None:
        """Gives memory on the GPU back."""
        self._call("cuMemFree_v2", c_ulonglong(address))

    def allocate_pinned(self, size: int) -> npt.NDArray[np.uint8]:
        """(size,) bytes of host memory that the GPU copies from and to by itself; give it to `free_pinned`."""
        address = c_void_p()
        self._call("cuMemHostAlloc", byref(address), c_size_t(size), c_uint(0))
        assert address.value is not None
        return np.ctypeslib.as_array((ctypes.c_uint8 * size).from_address(address.value))

    def free_pinned(self, memory: npt.NDArray[np.uint8]) -> None:
        """Gives pinned memory back."""
        self._call("cuMemFreeHost", c_void_p(memory.ctypes.data))

    def stream(self) -> int:
        """A new stream: what is put into it happens in order, beside other streams."""
        handle = c_void_p()
        self._call("cuStreamCreate", byref(handle), c_uint(_APART_FROM_THE_DEFAULT_STREAM))
        assert handle.value is not None
        return handle.value

    def upload(self, address: int, memory: npt.NDArray[np.uint8], stream: int) -> None:
        """Copies pinned bytes to the GPU, in the stream's turn."""
        self._call(
            "cuMemcpyHtoDAsync_v2",
            c_ulonglong(address),
            c_void_p(memory.ctypes.data),
            c_size_t(memory.nbytes),
            c_void_p(stream),
        )

    def download(self, memory: npt.NDArray[np.uint8], address: int, stream: int) -> None:
        """Copies from the GPU to pinned bytes, in the stream's turn."""
        self._call(
            "cuMemcpyDtoHAsync_v2",
            c_void_p(memory.ctypes.data),
            c_ulonglong(address),
            c_size_t(memory.nbytes),
            c_void_p(stream),
        )

    def wait(self, stream: int) -> None:
        """Returns when everything in the stream is done."""
        self._call("cuStreamSynchronize", c_void_p(stream))

    def record(self, stream: int, work: Callable[[], None]) -> int:
        """A CUDA graph of what `work` puts into the stream, which is recorded and not done.

        Raises:
            CudaError: if something in it cannot be recorded.
        """
        self._call("cuStreamBeginCapture_v2", c_void_p(stream), c_int(_THIS_THREAD_ONLY))
        graph = c_void_p()
        try:
            work()
        except BaseException:
            # The stream must leave its recording whatever happened; the first error is the one to tell.
            self._cuda.cuStreamEndCapture(c_void_p(stream), byref(graph))
            raise
        self._call("cuStreamEndCapture", c_void_p(stream), byref(graph))
        ready = c_void_p()
        self._call("cuGraphInstantiateWithFlags", byref(ready), graph, c_ulonglong(0))
        self._call("cuGraphDestroy", graph)
        assert ready.value is not None
        return ready.value

    def replay(self, graph: int, stream: int) -> None:
        """Puts everything that was recorded into the stream at once."""
        self._call("cuGraphLaunch", c_void_p(graph), c_void_p(stream))

    def forget(self, graph: int) -> None:
        """Gives a graph back."""
        self._call("cuGraphExecDestroy", c_void_p(graph))

    def end(self, stream: int) -> None:
        """Gives a stream back."""
        self._call("cuStreamDestroy_v2", c_void_p(stream))

    def seconds(self, stream: int, work: Callable[[], None]) -> float:
        """How long the GPU takes for what `work` puts into the stream."""
        events = [c_void_p(), c_void_p()]
        for event in events:
            self._call("cuEventCreate", byref(event), c_uint(0))
        self._call("cuEventRecord", events[0], c_void_p(stream))
        work()
        self._call("cuEventRecord", events[1], c_void_p(stream))
        self._call("cuEventSynchronize", events[1])
        milliseconds = c_float()
        self._call("cuEventElapsedTime", byref(milliseconds), *events)
        for event in events:
            self._call("cuEventDestroy_v2", event)
        return milliseconds.value / 1000

    def _memory(self) -> tuple[int, int]:
        """Free and total bytes."""
        free, total = c_size_t(), c_size_t()
        with self.in_use():
            self._call("cuMemGetInfo_v2", byref(free), byref(total))
        return free.value, total.value

    def _attribute(self, handle: c_int, number: int) -> int:
        value = c_int()
        self._call("cuDeviceGetAttribute", byref(value), c_int(number), handle)
        return value.value

    def _call(self, name: str, *arguments: Any) -> None:
        status = getattr(self._cuda, name)(*arguments)
        if status:
            text = c_char_p()
            self._cuda.cuGetErrorString(c_int(status), byref(text))
            kind = CudaMemoryError if status == _OUT_OF_MEMORY else CudaError
            raise kind(f"{name} failed with {status}: {(text.value or b'unknown error').decode()}")


@lru_cache(maxsize=1)
def open_device() -> Device:
    """The first GPU, opened once per process.

    Raises:
        CudaError: if there is none.
    """
    return Device(0)


def memory_in_use() -> str:
    """How much of the first GPU's memory all programs together use, in words, or why that is not known."""
    try:
        device = open_device()
        return f"{(device.memory_bytes - device.free_bytes()) / 1e9:.2f} of {device.memory_bytes / 1e9:.1f} GB"
    except CudaError as error:
        return f"unknown: {error}"


def _library() -> ctypes.CDLL:
    try:
        return ctypes.CDLL(_LIBRARY)
    except OSError as error:
        raise CudaError(f"no NVIDIA driver here ({_LIBRARY})") from error
