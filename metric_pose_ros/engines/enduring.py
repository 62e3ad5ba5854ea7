"""An engine that keeps going: with fewer crops at once where memory is short, and on the CPU where a GPU fails."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from typing import Protocol

import numpy as np
import numpy.typing as npt

from metric_pose_ros.engines.failures import EngineFailure, EngineOutOfMemory

logger = logging.getLogger(__name__)

Arrays = Mapping[str, npt.NDArray]

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 10.0, 640.0
"""Until what failed is tried again; twice as long after each time that it failed again."""


class Running(Protocol):
    """What an engine has to offer here; see `metric_pose_ros.engines.Engine`."""

    description: str
    on_gpu: bool

    def run(self, **arrays: npt.NDArray) -> dict[str, npt.NDArray]: ...


class EnduringEngine:
    """Runs on the best engine as long as that works, and says once what does not.

    What fails is tried again after a pause, which grows: memory that another program took may be given back, and a
    GPU's driver may come back to its senses.

    Args:
        model: name of the network, for texts.
        best: the engine to run on.
        open_spare: makes the one that runs when that fails; asked for once, and again if it failed.
        batched: inputs whose first axis is the crops of a batch; empty if there is no batch to make smaller.
        now: seconds of a clock that only goes forward.

    Attributes:
        trouble: what does not work and what is done instead, in words; empty while everything works.
    """

    def __init__(
        self,
        model: str,
        best: Running,
        open_spare: Callable[[], Running],
        batched: frozenset[str],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.trouble = ""
        self._model, self._best, self._batched = model, best, batched
        self._open_spare = open_spare
        self._spare: Running | None = None
        self._resting = False
        self._most: int | None = None
        self._now = now
        self._again_s, self._pause_s = float("inf"), _FIRST_PAUSE_S

    @property
    def description(self) -> str:
        """What runs now, and why."""
        if self._resting and self._spare is not None:
            return f"{self._spare.description}; {self.trouble}"
        return f"{self._best.description}; {self.trouble}" if self.trouble else self._best.description

    @property
    def on_gpu(self) -> bool:
        """Whether the best engine runs on a GPU."""
        return self._best.on_gpu

    def run(self, **arrays: npt.NDArray) -> dict[str, npt.NDArray]:
        """As `metric_pose_ros.engines.Engine` has it; raises only if the spare engine fails as well."""
        count = len(arrays[min(self._batched)]) if self._batched else 1
        # Whether fewer crops than failed would work says nothing.
        again = self._now() >= self._again_s and (self._resting or count > (self._most or 0))
        if again:
            self._most = None
        if again or not self._resting:
            try:
                outputs = self._in_parts(arrays, count)
            except EngineFailure as error:
                self._rest(error)
            else:
                if again:
                    self._recover()
                return outputs
        return self._on_spare(arrays)

    def _in_parts(self, arrays: Arrays, count: int) -> dict[str, npt.NDArray]:
        """Runs all crops, so many at once as memory allows."""
        parts: list[dict[str, npt.NDArray]] = []
        start = 0
        while start < count:
            taken = min(self._most or count, count - start)
            try:
                parts.append(self._best.run(**self._part(arrays, start, taken)))
                start += taken
            except EngineOutOfMemory as error:
                if taken == 1:
                    raise
                self._most = -(-taken // 2)
                self._say(f"{self._model} is given at most {self._most} crops at once: {_line(error)}")
        if len(parts) == 1:
            return parts[0]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def _part(self, arrays: Arrays, start: int, count: int) -> dict[str, npt.NDArray]:
        return {
            name: array[start : start + count] if name in self._batched else array for name, array in arrays.items()
        }

    def _on_spare(self, arrays: Arrays) -> dict[str, npt.NDArray]:
        try:
            self._spare = self._spare or self._open_spare()
            return self._spare.run(**arrays)
        except Exception as error:  # of whatever opens it
            raise EngineFailure(f"{self.trouble}; and that fails as well: {_line(error)}") from error

    def _rest(self, error: EngineFailure) -> None:
        self._resting, self._most = True, None
        self._say(f"{self._model} runs on the CPU, since its engine failed: {_line(error)}")

    def _say(self, trouble: str) -> None:
        """Notes what is wrong, and when to try again; the log has it once, however often it is tried."""
        if self.trouble:
            self._pause_s = min(2 * self._pause_s, _LONGEST_PAUSE_S)
        if trouble != self.trouble:
            logger.warning("%s; the whole is tried again in %.0f s", trouble, self._pause_s)
        self.trouble = trouble
        self._again_s = self._now() + self._pause_s

    def _recover(self) -> None:
        """Notes that the best engine runs, if it takes all crops at once."""
        self._resting = False
        if self._most is not None:
            return
        logger.warning("%s works again as before: %s", self._model, self._best.description)
        self.trouble, self._again_s, self._pause_s = "", float("inf"), _FIRST_PAUSE_S


def _line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
