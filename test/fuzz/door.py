"""A door through which input comes, and the judgement on what happens behind it."""

from __future__ import annotations

import hashlib
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from test.fuzz.draw import Draw

ROOT = Path(__file__).resolve().parents[2]
_OWN = (str(ROOT / "metric_pose_ros"), str(ROOT / "training"))
_JUDGES = str(ROOT / "test" / "fuzz")
LONGEST_S = 1.0
"""Of CPU time; whatever takes longer hangs."""
_LEAST_SAID = 15
"""Letters of the shortest message that says what was given."""

Check = Callable[[Draw], None]
"""Makes input, hands it in, and asserts that what comes out is as it must be."""


@dataclass(frozen=True)
class Door:
    """Where input comes in.

    Attributes:
        open: makes the check; it is given an empty folder for files.
        refusals: errors that may answer wrong input, as far as our own code raises them.
    """

    open: Callable[[Path], Check]
    refusals: tuple[type[Exception], ...] = (ValueError,)


@dataclass(frozen=True)
class Finding:
    """Something that must not happen.

    Attributes:
        kind: ``crash``, ``hang``, ``wrong`` (an answer) or ``foreign error`` (not one of ours).
        where: source line that stands for it; findings of one kind and place are one.
        text: for people.
    """

    kind: str
    where: str
    text: str

    @property
    def name(self) -> str:
        """For files."""
        digest = hashlib.sha256(f"{self.kind} {self.where}".encode()).hexdigest()[:8]
        return f"{self.kind.replace(' ', '-')}-{digest}"


def judged(door: Door, check: Check, draw: Draw) -> Finding | None:
    """Lets one piece of input in; what is wrong with what happened, if anything."""
    started = time.process_time()
    error: BaseException | None = None
    try:
        check(draw)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as raised:  # pyo3's panics are no Exceptions
        error = raised
    seconds = time.process_time() - started
    if seconds > LONGEST_S:
        return Finding("hang", "input that takes too long", f"it took {seconds:.1f} s of CPU time")
    if error is None or _is_refusal(door, error):
        return None
    kind = "wrong" if isinstance(error, AssertionError) else "crash"
    if isinstance(error, door.refusals):
        kind = "foreign error"
    return Finding(kind, _place(error), "".join(traceback.format_exception(error)))


def _is_refusal(door: Door, error: BaseException) -> bool:
    """Whether it is an error of ours that says what was given."""
    file = _last(error.__traceback__).tb_frame.f_code.co_filename
    return isinstance(error, door.refusals) and file.startswith(_OWN) and len(str(error)) >= _LEAST_SAID


def _place(error: BaseException) -> str:
    """The innermost line of ours or of what judges it, and the type."""
    place, trace = "", error.__traceback__
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        if file.startswith((*_OWN, _JUDGES)) or not place:
            place = f"{Path(file).name}:{trace.tb_lineno}"
        trace = trace.tb_next
    return f"{type(error).__name__} at {place}"


def _last(trace: TracebackType | None) -> TracebackType:
    assert trace is not None
    while trace.tb_next is not None:
        trace = trace.tb_next
    return trace
