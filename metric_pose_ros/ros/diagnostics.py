"""How the node is doing, for /diagnostics: rates, latencies per stage, drops, and what is wrong.

Latencies go by the names that Autoware's nodes give them: cyclic time, processing time and pipeline latency.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Collection, Mapping, Sequence

import numpy as np
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from std_msgs.msg import Header

from metric_pose_ros.complaints import Complaints

_WINDOW = 100
"""Frames over which rates and latencies are taken."""
LATENCIES = ("cyclic time", "processing time", "pipeline latency")
"""From one publication to the next, from an image's arrival to publication, and from its stamp to publication."""
_RECENT_S = 5.0
"""Seconds for which a complaint keeps the status from being OK, and without an image it is a warning."""


class Performance:
    """Times of the latest frames; written by the worker, read by the reporter."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._done: deque[float] = deque(maxlen=_WINDOW)
        self._latencies: dict[str, deque[float]] = {name: deque(maxlen=_WINDOW) for name in LATENCIES}
        self._stages: dict[str, deque[float]] = {}
        self.frames = 0
        self._idle_s = float("-inf")

    def record(self, stages: Mapping[str, float], processing_s: float, pipeline_s: float) -> None:
        """Notes a frame.

        Args:
            stages: seconds per stage, in the order they ran.
            processing_s: seconds from the arrival of the image until everything was published.
            pipeline_s: the same from the image's stamp, by ROS' clock.
        """
        with self._lock:
            self.frames += 1
            now = time.monotonic()
            taken = {"processing time": processing_s, "pipeline latency": pipeline_s}
            # A pause, as without images, is no cycle.
            if self._done and now - self._done[-1] < _RECENT_S:
                taken["cyclic time"] = now - self._done[-1]
            self._done.append(now)
            for name, seconds in taken.items():
                self._latencies[name].append(seconds)
            for stage, seconds in stages.items():
                self._stages.setdefault(stage, deque(maxlen=_WINDOW)).append(seconds)

    def idle(self) -> None:
        """Notes that an image came, but nobody wants to know who is in it."""
        self._idle_s = time.monotonic()

    @property
    def is_idle(self) -> bool:
        """Whether images come that nobody wants to know about."""
        return self._idle_s > time.monotonic() - _RECENT_S

    def values(self) -> dict[str, str]:
        """What to report, by name, in words with units."""
        with self._lock:
            recent = [when for when in self._done if when > time.monotonic() - _RECENT_S]
            span = recent[-1] - recent[0] if len(recent) > 1 else 0.0
            report = {"frames": str(self.frames), "fps": f"{(len(recent) - 1) / span:.1f}" if span > 0 else "0.0"}
            for name, seconds in self._latencies.items():
                if seconds:
                    report |= _statistics(name, seconds)
            # Means, since the detector works in every so-many-th frame only; so the stages add up, too.
            report |= {stage: f"{np.mean(seconds) * 1e3:.1f} ms" for stage, seconds in self._stages.items()}
        return report

    def seconds_since_frame(self) -> float:
        """Since the latest frame was done; infinite before the first."""
        with self._lock:
            return time.monotonic() - self._done[-1] if self._done else float("inf")


def _statistics(name: str, seconds: Collection[float]) -> dict[str, str]:
    numbers = np.array(seconds) * 1e3
    median, late = np.percentile(numbers, [50, 95])
    found = {"mean": numbers.mean(), "median": median, "p95": late, "max": numbers.max()}
    return {f"{name} {kind}": f"{milliseconds:.1f} ms" for kind, milliseconds in found.items()}


def report(
    stamp: Time,
    node_name: str,
    model: str,
    state: str,
    performance: Performance,
    further: Mapping[str, int | str],
    complaints: Complaints,
    warnings: Sequence[str] = (),
) -> DiagnosticArray:
    """The message for /diagnostics.

    Args:
        stamp: now.
        node_name: full name of the node.
        model: what runs, on what.
        state: of the lifecycle.
        performance: times of the latest frames.
        further: what else to report, such as dropped frames.
        complaints: about what was wrong.
        warnings: about what is wrong now.
    """
    recent_s = time.monotonic() - _RECENT_S
    if complaints.latest_error_s > recent_s:
        level, message = DiagnosticStatus.ERROR, "; ".join([complaints.latest_error, *warnings])
    elif complaints.latest_s > recent_s:
        level, message = DiagnosticStatus.WARN, "; ".join([complaints.latest, *warnings])
    elif state.endswith("disabled"):
        level, message = DiagnosticStatus.WARN, f"{state}: ask ~/enable to see people"
    elif state != "active":
        level, message = DiagnosticStatus.WARN, f"{state}: activate the node to see people"
    elif warnings:
        level, message = DiagnosticStatus.WARN, "; ".join(warnings)
    elif performance.is_idle:
        level, message = DiagnosticStatus.OK, "idle: nobody subscribes"
    elif performance.seconds_since_frame() > _RECENT_S:
        level, message = DiagnosticStatus.WARN, f"no image for {_RECENT_S:.0f} s"
    else:
        level, message = DiagnosticStatus.OK, "running"
    values = {"state": state, "model": model, **performance.values(), **{name: str(it) for name, it in further.items()}}
    values["complaints"] = str(complaints.count)
    if complaints.count:
        values["latest complaint"] = complaints.latest
    status = DiagnosticStatus(
        level=level,
        name=f"{node_name}: people",
        message=message,
        hardware_id=model,
        values=[KeyValue(key=key, value=value) for key, value in values.items()],
    )
    return DiagnosticArray(header=Header(stamp=stamp), status=[status])
