"""Ends a run in order: at a signal, or when its time is up."""

from __future__ import annotations

import signal
import time
from types import FrameType, TracebackType

import torch

from training.fitting.devices import Fabric

AGREE_EVERY = 10
"""Steps between two agreements of several processes, which cost time."""


class Stop:
    """Notices Ctrl+C, SIGTERM and the end of the time; a second Ctrl+C ends the process at once. Use as a context.

    Args:
        fabric: whose processes must agree.
        minutes: how long to go on; None for ever.

    Attributes:
        reason: why to stop; empty until then.
        status: what the process should end with: 0 when the time is up, else 128 + the signal's number.
    """

    def __init__(self, fabric: Fabric, minutes: float | None) -> None:
        self.fabric, self.reason, self.status = fabric, "", 0
        self._end = None if minutes is None else time.monotonic() + 60 * minutes
        self._before: dict[int, object] = {}

    def __enter__(self) -> Stop:
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._notice)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def _notice(self, number: int, frame: FrameType | None) -> None:
        if self.reason and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.reason, self.status = signal.Signals(number).name, 128 + number

    def now(self, step: int) -> bool:
        """Whether to stop after this step; the same answer in all processes."""
        if not self.reason and self._end is not None and time.monotonic() > self._end:
            self.reason = "the time limit"
        if self.fabric.world_size == 1:
            return bool(self.reason)
        if step % AGREE_EVERY:
            return False
        wishes = torch.tensor(float(bool(self.reason)), device=self.fabric.device)
        wanted = float(self.fabric.all_reduce(wishes, reduce_op="sum")) > 0  # type: ignore[arg-type]
        if wanted and not self.reason:
            self.reason = "another process"
        return wanted
