"""What the driver is told, by a driver of plain memory that looks at every argument."""
# ruff: noqa: N802  (the functions have the driver's names)

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
import pytest

from metric_pose_ros.engines import cuda
from metric_pose_ros.engines.cuda import CudaError, Device
from metric_pose_ros.engines.failures import EngineOutOfMemory

OUT_OF_MEMORY = 2


class Driver:
    """The functions of libcuda.so.1, with the argument order of CUDA's driver API."""

    def __init__(self, count: int = 1) -> None:
        self.count = count
        self.buffers: dict[int, Any] = {}
        self.recording: list[Any] | None = None
        self.graphs: dict[int, list[Any]] = {}
        self.fails: set[str] = set()
        self.contexts: list[int] = []

    def __getattr__(self, name: str) -> Any:
        function = getattr(type(self), f"_{name}", None)
        if function is None:
            raise AttributeError(f"libcuda has no {name}")

        def call(*arguments: Any) -> int:
            if name in self.fails:
                return OUT_OF_MEMORY
            return function(self, *arguments) or 0

        return call

    def _cuInit(self, flags: Any) -> None:
        assert flags.value == 0

    def _cuDeviceGetCount(self, count: Any) -> None:
        count._obj.value = self.count

    def _cuDeviceGet(self, device: Any, ordinal: Any) -> None:
        device._obj.value = 40 + ordinal.value

    def _cuDeviceGetName(self, text: Any, size: Any, device: Any) -> None:
        assert (size.value, device.value) == (256, 40)
        text.value = b"NVIDIA Test"

    def _cuDeviceGetAttribute(self, value: Any, attribute: Any, device: Any) -> None:
        value._obj.value = {75: 8, 76: 7}[attribute.value]

    def _cuDriverGetVersion(self, version: Any) -> None:
        version._obj.value = 12060

    def _cuDevicePrimaryCtxSetFlags_v2(self, device: Any, flags: Any) -> int:
        assert flags.value == 4
        return 708  # already in use: refused, and that is fine

    def _cuDevicePrimaryCtxRetain(self, context: Any, device: Any) -> None:
        context._obj.value = 77

    def _cuCtxSetCurrent(self, context: Any) -> None:
        self.contexts.append(context.value)

    def _cuMemGetInfo_v2(self, free: Any, total: Any) -> None:
        free._obj.value, total._obj.value = 3_000_000_000, 8_000_000_000

    def _cuMemAlloc_v2(self, address: Any, size: Any) -> None:
        address._obj.value = self._new(size.value)

    def _cuMemHostAlloc(self, address: Any, size: Any, flags: Any) -> None:
        assert flags.value == 0
        address._obj.value = self._new(size.value)

    def _cuMemFree_v2(self, address: Any) -> None:
        del self.buffers[address.value]

    def _cuMemFreeHost(self, address: Any) -> None:
        del self.buffers[address.value]

    def _cuStreamCreate(self, stream: Any, flags: Any) -> None:
        assert flags.value == 1
        stream._obj.value = 5

    def _cuMemcpyHtoDAsync_v2(self, device: Any, host: Any, size: Any, stream: Any) -> None:
        assert isinstance(device, ctypes.c_ulonglong)
        assert isinstance(host, ctypes.c_void_p)
        self._put(lambda: ctypes.memmove(device.value, host.value, size.value), stream)

    def _cuMemcpyDtoHAsync_v2(self, host: Any, device: Any, size: Any, stream: Any) -> None:
        assert isinstance(host, ctypes.c_void_p)
        assert isinstance(device, ctypes.c_ulonglong)
        self._put(lambda: ctypes.memmove(host.value, device.value, size.value), stream)

    def _cuStreamSynchronize(self, stream: Any) -> int:
        return 900 if self.recording is not None else 0

    def _cuStreamBeginCapture_v2(self, stream: Any, mode: Any) -> None:
        assert (stream.value, mode.value) == (5, 1)
        self.recording = []

    def _cuStreamEndCapture(self, stream: Any, graph: Any) -> None:
        graph._obj.value = 60
        self.graphs[60], self.recording = self.recording or [], None

    def _cuGraphInstantiateWithFlags(self, ready: Any, graph: Any, flags: Any) -> None:
        ready._obj.value = 61
        self.graphs[61] = self.graphs[graph.value]

    def _cuGraphDestroy(self, graph: Any) -> None:
        del self.graphs[graph.value]

    def _cuGraphExecDestroy(self, ready: Any) -> None:
        del self.graphs[ready.value]

    def _cuGraphLaunch(self, ready: Any, stream: Any) -> None:
        assert stream.value == 5
        for work in self.graphs[ready.value]:
            work()

    def _cuStreamDestroy_v2(self, stream: Any) -> None:
        assert stream.value == 5

    def _cuGetErrorString(self, status: Any, text: Any) -> None:
        text._obj.value = b"out of memory" if status.value == OUT_OF_MEMORY else b"not now"

    def _new(self, size: int) -> int:
        buffer = ctypes.create_string_buffer(size)
        self.buffers[ctypes.addressof(buffer)] = buffer
        return ctypes.addressof(buffer)

    def _put(self, work: Any, stream: Any) -> None:
        assert stream.value == 5
        if self.recording is None:
            work()
        else:
            self.recording.append(work)


@pytest.fixture
def driver(monkeypatch) -> Driver:
    made = Driver()
    monkeypatch.setattr(cuda, "_library", lambda: made)
    return made


def test_a_gpu_is_described(driver):
    device = Device()
    assert (device.name, device.capability, device.driver) == ("NVIDIA Test", "8.7", "12.6")
    assert (device.memory_bytes, device.free_bytes()) == (8_000_000_000, 3_000_000_000)
    assert set(driver.contexts) == {77}


def test_bytes_go_to_the_gpu_and_back(driver):
    device = Device()
    stream, address = device.stream(), device.allocate(100)
    there, back = device.allocate_pinned(100), device.allocate_pinned(100)
    there[:] = np.arange(100)
    device.upload(address, there, stream)
    device.download(back[:50], address, stream)
    device.wait(stream)
    assert np.array_equal(back[:50], np.arange(50))
    device.free(address)
    for memory in (there, back):
        device.free_pinned(memory)
    device.end(stream)
    assert driver.buffers == {}


def test_what_is_recorded_happens_when_it_is_replayed(driver):
    device = Device()
    stream, address, memory = device.stream(), device.allocate(10), device.allocate_pinned(10)
    there = driver.buffers[address]
    graph = device.record(stream, lambda: device.upload(address, memory, stream))
    memory[:] = 7
    assert there.raw == bytes(10)
    device.replay(graph, stream)
    assert there.raw == bytes([7] * 10)
    device.forget(graph)
    assert driver.graphs == {}


def test_a_failing_recording_ends_and_tells_its_own_error(driver):
    device = Device()
    stream = device.stream()
    with pytest.raises(CudaError, match="cuStreamSynchronize failed with 900: not now"):
        device.record(stream, lambda: device.wait(stream))
    device.wait(stream)  # not recording any more


def test_errors_name_the_call_and_the_reason(driver):
    device = Device()
    driver.fails.add("cuMemAlloc_v2")
    with pytest.raises(CudaError, match="cuMemAlloc_v2 failed with 2: out of memory") as caught:
        device.allocate(10**12)
    assert isinstance(caught.value, EngineOutOfMemory)


def test_a_gpu_that_is_not_there_is_named(driver):
    with pytest.raises(CudaError, match="the driver sees 1 GPUs, so there is no number 3"):
        Device(3)


def test_memory_in_use_is_told_in_words_whatever_the_driver_says(driver: Driver, monkeypatch) -> None:
    monkeypatch.setattr(cuda, "open_device", Device)
    assert cuda.memory_in_use() == "5.00 of 8.0 GB"
    device = Device()
    monkeypatch.setattr(cuda, "open_device", lambda: device)
    driver.fails.add("cuMemGetInfo_v2")
    assert cuda.memory_in_use().startswith("unknown: cuMemGetInfo_v2 failed with 2")
