"""A frame that never ends must not end the node: its worker is given up, and another gets networks of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from rclpy.clock import Clock, ClockType
from rclpy.node import Node

from metric_pose_ros.complaints import Complaints
from metric_pose_ros.pipeline import Streams
from metric_pose_ros.ros.worker import Worker
from metric_pose_ros.settings import Settings

_LOOK_EVERY_S = 0.25
_ENDING_S = 3.0
"""Given to a frame to end in when the worker is told to stop."""
_MOST_STUCK = 3
"""Workers that hang at the same time; each keeps its networks' memory, so more are not begun."""
_AGAIN_S = 1.0
"""Until networks that could not be loaded are tried again."""
_SLOWER, _SLOWEST = 2, 8
"""What the limit is multiplied by after each worker given up, so that what is only slow gets through; and at most."""
_CALM_S = 600.0
"""Without such an event, after which the limit is what it was."""


class Watchdog:
    """Keeps a worker at work.

    A thread cannot be ended from outside. So one that is stuck is left behind, without a voice, and what it used is
    left to it: a new worker gets new networks, which a thread of their own loads.

    Args:
        node: whose timers and log are used.
        settings: gives those of now.
        complaints: is told.
        start: begins a worker with these streams.
        load: opens new streams.
        retire: is told of each worker that is no longer at work, and whether it is stuck.

    Attributes:
        worker: at work now, if any.
        streams: that the worker uses, or the next will; None before the first, and while they are loaded anew.
        restarts: how often a worker was given up.
    """

    def __init__(
        self,
        node: Node,
        settings: Callable[[], Settings],
        complaints: Complaints,
        start: Callable[[Streams], Worker],
        load: Callable[[], Streams],
        retire: Callable[[Worker, bool], object],
    ) -> None:
        self.worker: Worker | None = None
        self.streams: Streams | None = None
        self.restarts = 0
        self._node, self._settings, self._complaints = node, settings, complaints
        self._start, self._load, self._retire = start, load, retire
        self._wanted = False
        self._stuck: list[Worker] = []
        self._loading: _Loading | None = None
        self._slower, self._calm_since_s = 1, 0.0
        # Not the node's clock, which stands still while a simulation does.
        self._timer = node.create_timer(_LOOK_EVERY_S, self._look, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def begin(self) -> None:
        """Starts the worker, at once or as soon as there are networks for it."""
        self._wanted = True
        if self.streams is not None:
            self.worker = self._start(self.streams)
        elif self._loading is None:
            self._loading = _Loading(self._load)

    def end(self) -> None:
        """Stops the worker, if there is one."""
        self._wanted = False
        self._dismiss(_ENDING_S)

    def release(self) -> None:
        """Lets the streams go; those of a worker that is stuck are its own."""
        if self.streams is not None:
            self.streams.close()
        self.streams, self._loading = None, None

    @property
    def warning(self) -> str:
        """What is not as it should be, in words; empty if all is well."""
        if self._wanted and self.worker is None:
            return "the networks are being loaded again, after a frame that did not end"
        if self.worker is not None and self.worker.busy_s > max(self._limit_s / 4, 1.0):
            return f"a frame has taken {self.worker.busy_s:.0f} s so far"
        return ""

    @property
    def _limit_s(self) -> float:
        return self._settings().hang_timeout * self._slower

    def _look(self) -> None:
        self._stuck = [worker for worker in self._stuck if worker.alive]
        if self._slower > 1 and time.monotonic() - self._calm_since_s > _CALM_S:
            self._slower = 1
        if self.worker is not None:
            if 0 < self._limit_s < self.worker.busy_s:
                self._give_up(self.worker.busy_s)
        elif self._wanted:
            self._go_on()

    def _give_up(self, seconds: float) -> None:
        self._complaints.error(
            f"a frame has not ended for {seconds:.1f} s (hang_timeout): its thread is given up, and the networks "
            "are loaded again"
        )
        self.restarts += 1
        self._slower, self._calm_since_s = min(_SLOWER * self._slower, _SLOWEST), time.monotonic()
        self._dismiss(0.0)
        self._go_on()

    def _dismiss(self, patience_s: float) -> None:
        """Lets the worker go; one that does not end is left alone, with what it uses."""
        worker, self.worker = self.worker, None
        if worker is None:
            return
        stuck = not worker.close(patience_s)
        if stuck:
            self._stuck.append(worker)
            self.streams = None
        self._retire(worker, stuck)

    def _go_on(self) -> None:
        """Begins again, as far as that can be done by now."""
        if self.streams is None and self._loading is None:
            if len(self._stuck) >= _MOST_STUCK:
                self._complaints.error(
                    f"{len(self._stuck)} threads hang in frames that do not end, so no more are begun: restart the node"
                )
                return
            self._loading = _Loading(self._load)
        if self._loading is not None:
            if not self._loading.done:
                return
            loading, self._loading = self._loading, None
            if loading.error is not None:
                self._complaints.error(f"the networks cannot be loaded again: {loading.error}")
                self._loading = _Loading(self._load, _AGAIN_S)
                return
            self.streams = loading.streams
        try:
            self.begin()
        except Exception as error:  # such as a camera's file that is gone
            self._complaints.error(f"cannot begin again: {error}")
            return
        self._node.get_logger().info("works again, with new networks")


class _Loading:
    """Loads streams on a thread of its own, since that may take long, or not end.

    Attributes:
        streams: that were loaded.
        error: why they were not.
    """

    def __init__(self, load: Callable[[], Streams], after_s: float = 0.0) -> None:
        self.streams: Streams | None = None
        self.error: Exception | None = None
        self._load, self._after_s = load, after_s
        self._thread = threading.Thread(target=self._run, name="loading", daemon=True)
        self._thread.start()

    @property
    def done(self) -> bool:
        """Whether it has ended, well or not."""
        return not self._thread.is_alive()

    def _run(self) -> None:
        time.sleep(self._after_s)
        try:
            self.streams = self._load()
        except Exception as error:
            self.error = error
