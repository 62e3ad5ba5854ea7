"""TensorRT's messages in Python's log."""

from __future__ import annotations

import logging
from types import ModuleType
from typing import Any

logger = logging.getLogger(__name__)


class TensorRTLog:
    """Passes errors on, and remembers the last; what TensorRT warns of concerns those who export, so it is for them.

    Args:
        trt: the module ``tensorrt`` or ``tensorrt_rtx``.

    Attributes:
        sink: TensorRT's own kind of object, which can only be made once a TensorRT is there.
        last_error: what went wrong last.
    """

    def __init__(self, trt: ModuleType) -> None:
        outer = self
        self.last_error = "it does not say why"

        class Sink(trt.ILogger):  # type: ignore[name-defined]
            def __init__(self) -> None:
                trt.ILogger.__init__(self)

            def log(self, severity: Any, message: str) -> None:
                serious = severity in (trt.ILogger.Severity.ERROR, trt.ILogger.Severity.INTERNAL_ERROR)
                if serious:
                    outer.last_error = message
                logger.log(logging.ERROR if serious else logging.DEBUG, "%s: %s", trt.__name__, message)

        self.sink = Sink()
