"""What engines raise when they fail at something that was asked for rightly."""

from __future__ import annotations

import re

_OUT_OF_MEMORY = re.compile(r"out.?of.?memory|allocate.{0,20}memory|bad.?alloc|MemoryError", re.IGNORECASE)
"""What CUDA, TensorRT and ONNX Runtime say when memory is short; they have no error codes for it that Python sees."""


class EngineFailure(RuntimeError):  # noqa: N818 - an event on a robot, not a mistake of the caller
    """An engine failed at inputs that it should take; the same call may succeed later, or on another engine."""


class EngineOutOfMemory(EngineFailure):
    """There was not enough memory, on the GPU or the host, for these inputs; fewer crops at once may fit."""


def failure(message: str) -> EngineFailure:
    """The error for what a library says, by whether it says that memory is short; to be raised by the caller."""
    return (EngineOutOfMemory if _OUT_OF_MEMORY.search(message) else EngineFailure)(message)
