"""TensorRT: runs a built engine, with its own memory, its own stream, and a recorded graph for every input size.

One class for tensorrt 10 (JetPack 6), tensorrt 11 and tensorrt_rtx, over the calls that they share.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from metric_pose_ros.engines.cuda import CudaMemoryError, Device
from metric_pose_ros.engines.failures import EngineFailure, failure
from metric_pose_ros.engines.log import TensorRTLog
from metric_pose_ros.engines.profiles import Profile, Shape

_DTYPES: dict[str, np.dtype] = {
    "FLOAT": np.dtype(np.float32),
    "HALF": np.dtype(np.float16),
    "INT8": np.dtype(np.int8),
    "UINT8": np.dtype(np.uint8),
    "INT32": np.dtype(np.int32),
    "INT64": np.dtype(np.int64),
    "BOOL": np.dtype(np.bool_),
}
_MOST_GRAPHS = 64
"""Recorded graphs that are kept; a camera gives one image size and at most as many batch sizes as there are people."""


@dataclass(eq=False)
class _Tensor:
    """One input or output: its memory on both sides, as large as it can get.

    Attributes:
        dtype: of its values.
        address: on the GPU.
        host: pinned bytes.
    """

    dtype: np.dtype
    address: int
    host: npt.NDArray[np.uint8]

    def bytes_of(self, shape: Shape) -> npt.NDArray[np.uint8]:
        """The pinned bytes that a value of this shape takes."""
        return self.host[: int(np.prod(shape)) * self.dtype.itemsize]

    def array(self, shape: Shape) -> npt.NDArray:
        """The pinned value, without a copy."""
        return self.bytes_of(shape).view(self.dtype).reshape(shape)


@dataclass(eq=False)
class _Recorded:
    """What runs inputs of one combination of shapes.

    Attributes:
        graph: of copies and network; None where the engine cannot be recorded.
        outputs: shape by output.
    """

    graph: int | None
    outputs: dict[str, Shape]


class TensorRTEngine:
    """Runs a built engine.

    Args:
        trt: the module ``tensorrt`` or ``tensorrt_rtx``.
        engine: as built.
        profiles: that it was built with, in order.
        batched: inputs whose first axis may be longer than the profiles allow: they are then run in parts.
        device: the GPU.
        reason: why this engine was chosen, for the description.
        kernels: file for the kernels that tensorrt_rtx compiles when an engine first runs, so that it does so once.

    Raises:
        ValueError: if this GPU or this TensorRT cannot run the engine.
        EngineOutOfMemory: if there is not enough memory on the GPU.
    """

    def __init__(
        self,
        trt: ModuleType,
        engine: bytes,
        profiles: Sequence[Profile],
        batched: frozenset[str],
        device: Device,
        reason: str = "asked for",
        kernels: Path | None = None,
    ) -> None:
        self._kernels_file = kernels
        self._device = device
        self._profiles = tuple(profiles)
        self._batched = batched
        self._lock = threading.Lock()
        self._recorded: dict[tuple[Shape, ...], _Recorded] = {}
        with device.in_use():
            self._log = TensorRTLog(trt)
            self._runtime = trt.Runtime(self._log.sink)
            self._engine = self._runtime.deserialize_cuda_engine(engine)
            if self._engine is None:
                raise ValueError(
                    f"{trt.__name__} {trt.__version__} cannot run this engine on {device.name} (compute capability "
                    f"{device.capability}): {self._log.last_error}"
                )
            names = [self._engine.get_tensor_name(number) for number in range(self._engine.num_io_tensors)]
            inputs = {name for name in names if self._engine.get_tensor_mode(name) == trt.TensorIOMode.INPUT}
            self._outputs = [name for name in names if name not in inputs]
            self._inputs = [name for name in names if name in inputs]
            self._stream = device.stream()
            self._runtime_config, self._kernels = self._configure(trt)
            # One context per profile: changing the profile of a context would wait for it and undo its recordings.
            self._contexts = [self._context(number) for number in range(len(self._profiles))]
            for number, profile in enumerate(self._profiles):
                # Said now rather than at the first image: what cannot be known from the inputs' sizes.
                self._set_shapes(number, {name: sizes.most for name, sizes in profile.inputs.items()})
            self._tensors = {name: self._tensor(name) for name in names}
        self.on_gpu = True
        self.description = (
            f"{'TensorRT-RTX' if trt.__name__.endswith('rtx') else 'TensorRT'} {trt.__version__} on {device.name} "
            f"({reason})"
        )

    def run(self, **arrays: npt.NDArray) -> dict[str, npt.NDArray]:
        if set(arrays) != set(self._inputs):
            raise ValueError(f"inputs {', '.join(sorted(arrays))} were given, expected {', '.join(self._inputs)}")
        with self._lock, self._device.in_use():
            parts = [self._run(part) for part in self._parts(arrays)]
        if len(parts) == 1:
            return parts[0]
        return {name: np.concatenate([part[name] for part in parts]) for name in self._outputs}

    def network_seconds(self, repeats: int, **arrays: npt.NDArray) -> float:
        """How long the GPU takes for the network alone, with its inputs there already; the mean of some runs.

        Args:
            repeats: how many.
            arrays: inputs as in `run`, at most as long as one batch.
        """
        self.run(**arrays)
        shapes = {name: arrays[name].shape for name in self._inputs}
        number = next(index for index, profile in enumerate(self._profiles) if profile.hold(shapes))
        with self._lock, self._device.in_use():
            self._set_shapes(number, shapes)

            def once() -> None:
                self._contexts[number].execute_async_v3(self._stream)

            recorded = self._recorded[tuple(shapes.values())].graph is not None
            graph = self._device.record(self._stream, once) if recorded else None

            def all_of_them() -> None:
                for _ in range(repeats):
                    if graph is None:
                        once()
                    else:
                        self._device.replay(graph, self._stream)

            self._device.seconds(self._stream, all_of_them)
            taken = self._device.seconds(self._stream, all_of_them) / repeats
            if graph is not None:
                self._device.forget(graph)
        return taken

    def close(self) -> None:
        """Gives everything on the GPU back; the engine cannot run any more."""
        with self._lock, self._device.in_use():
            self._device.wait(self._stream)
            for recorded in self._recorded.values():
                if recorded.graph is not None:
                    self._device.forget(recorded.graph)
            for tensor in self._tensors.values():
                self._device.free(tensor.address)
                self._device.free_pinned(tensor.host)
            self._recorded, self._tensors, self._contexts = {}, {}, []
            self._runtime_config = self._kernels = self._engine = self._runtime = None
            self._device.end(self._stream)

    def _parts(self, arrays: Mapping[str, npt.NDArray]) -> Iterator[dict[str, npt.NDArray]]:
        """The inputs, in parts that the largest profile can take."""
        counts = {len(arrays[name]) for name in self._batched}
        if len(counts) > 1:
            shapes = ", ".join(f"{name} {list(arrays[name].shape)}" for name in sorted(self._batched))
            raise ValueError(f"the inputs of one batch have different lengths: {shapes}")
        count = counts.pop() if counts else 0
        most = self._profiles[-1].inputs[min(self._batched)].most[0] if self._batched else count
        if count <= most:
            yield dict(arrays)
            return
        for start in range(0, count, most):
            yield {
                name: array[start : start + most] if name in self._batched else array for name, array in arrays.items()
            }

    def _run(self, arrays: dict[str, npt.NDArray]) -> dict[str, npt.NDArray]:
        shapes = {name: arrays[name].shape for name in self._inputs}
        for name in self._inputs:
            tensor = self._tensors[name]
            if arrays[name].dtype != tensor.dtype:
                raise ValueError(f"input {name} has type {arrays[name].dtype}, expected {tensor.dtype}")
        number = next((index for index, profile in enumerate(self._profiles) if profile.hold(shapes)), None)
        if number is None:
            given = ", ".join(f"{name} {list(shape)}" for name, shape in shapes.items())
            raise ValueError(f"{given} was given, but the engine is built for {self._profiles[-1]}")
        for name, array in arrays.items():
            np.copyto(self._tensors[name].array(array.shape), array)
        key = tuple(shapes.values())
        recorded = self._recorded.get(key)
        if recorded is None:
            recorded = self._record(number, shapes)
            if len(self._recorded) >= _MOST_GRAPHS:
                oldest = self._recorded.pop(next(iter(self._recorded)))
                if oldest.graph is not None:
                    self._device.forget(oldest.graph)
            self._recorded[key] = recorded
        elif recorded.graph is not None:
            self._device.replay(recorded.graph, self._stream)
        else:
            self._set_shapes(number, shapes)
            self._enqueue(number, shapes, recorded.outputs)
        self._device.wait(self._stream)
        return {name: self._tensors[name].array(shape).copy() for name, shape in recorded.outputs.items()}

    def _record(self, number: int, shapes: Mapping[str, Shape]) -> _Recorded:
        """Runs inputs of new shapes once, and records how that is done."""
        outputs = self._set_shapes(number, shapes)
        # Whatever is loaded or compiled at the first run cannot be recorded, so this one is not.
        self._enqueue(number, shapes, outputs)
        self._device.wait(self._stream)
        capturable = getattr(self._contexts[number], "is_stream_capturable", None)
        if capturable is not None and not capturable(self._stream):
            return _Recorded(None, outputs)
        self._keep_kernels()
        try:
            graph = self._device.record(self._stream, lambda: self._enqueue(number, shapes, outputs))
        except EngineFailure:
            return _Recorded(None, outputs)
        return _Recorded(graph, outputs)

    def _set_shapes(self, number: int, shapes: Mapping[str, Shape]) -> dict[str, Shape]:
        """Tells a context the inputs' shapes and returns the outputs'."""
        context = self._contexts[number]
        for name, shape in shapes.items():
            if not context.set_input_shape(name, shape):
                raise ValueError(f"input {name} has shape {list(shape)}, which the engine refuses")
        missing = context.infer_shapes()
        if missing:
            raise ValueError(f"the engine wants more than the inputs' shapes: {', '.join(missing)}")
        outputs = {name: tuple(context.get_tensor_shape(name)) for name in self._outputs}
        for name, shape in outputs.items():
            if min(shape, default=1) < 0:
                raise ValueError(f"the size of output {name} depends on what is seen: export it with a fixed number")
        return outputs

    def _enqueue(self, number: int, shapes: Mapping[str, Shape], outputs: Mapping[str, Shape]) -> None:
        """Puts upload, network and download into the stream."""
        for name, shape in shapes.items():
            tensor = self._tensors[name]
            self._device.upload(tensor.address, tensor.bytes_of(shape), self._stream)
        if not self._contexts[number].execute_async_v3(self._stream):
            raise failure(f"the network did not start; TensorRT says: {self._log.last_error}")
        for name, shape in outputs.items():
            tensor = self._tensors[name]
            self._device.download(tensor.bytes_of(shape), tensor.address, self._stream)

    def _configure(self, trt: ModuleType) -> tuple[Any, Any]:
        """How tensorrt_rtx, which compiles kernels where they run, is to do that, and the cache of them; None else."""
        make = getattr(self._engine, "create_runtime_config", None)
        config: Any = make() if make is not None else None
        if not hasattr(config, "create_runtime_cache"):
            return None, None
        # Compiled at the first run of a size: a recording would keep the slower ones that stand in until then.
        config.dynamic_shapes_kernel_specialization_strategy = trt.DynamicShapesKernelSpecializationStrategy.EAGER
        cache = config.create_runtime_cache()
        if self._kernels_file is not None:
            with suppress(OSError):
                cache.deserialize(self._kernels_file.read_bytes())  # refuses what is not of this GPU and version
        config.set_runtime_cache(cache)
        return config, cache

    def _keep_kernels(self) -> None:
        """Writes what has been compiled so far."""
        if self._kernels is None or self._kernels_file is None:
            return
        with suppress(OSError):  # without it the next start compiles again, no more
            partial = self._kernels_file.with_name(f"{self._kernels_file.name}.{os.getpid()}.partial")
            partial.write_bytes(bytes(self._kernels.serialize()))
            partial.replace(self._kernels_file)

    def _context(self, number: int) -> Any:
        if self._runtime_config is None:
            context = self._engine.create_execution_context()
        else:
            context = self._engine.create_execution_context(self._runtime_config)
        if context is None:
            raise CudaMemoryError(
                f"there is not enough memory on {self._device.name} for {self._profiles[number]}: build for smaller "
                f"batches"
            )
        context.set_optimization_profile_async(number, self._stream)
        self._device.wait(self._stream)
        return context

    def _tensor(self, name: str) -> _Tensor:
        """Memory for a tensor at its largest, known to every context."""
        dtype = _DTYPES[self._engine.get_tensor_dtype(name).name]
        sizes = []
        for profile, context in zip(self._profiles, self._contexts, strict=True):
            if name in profile.inputs:
                sizes.append(int(np.prod(profile.inputs[name].most)) * dtype.itemsize)
            else:
                sizes.append(int(context.get_max_output_size(name)))
        size = max(*sizes, dtype.itemsize, 1)
        tensor = _Tensor(dtype, self._device.allocate(size), self._device.allocate_pinned(size))
        for context in self._contexts:
            context.set_tensor_address(name, tensor.address)
        return tensor
