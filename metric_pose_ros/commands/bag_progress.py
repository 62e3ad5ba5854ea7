"""Progress of several bags on the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


class BagProgress:
    """A bar for each bag that is worked on; nothing where nobody looks, as in a file.

    Args:
        names: of the bags.
    """

    def __init__(self, names: Sequence[str]) -> None:
        console = Console(stderr=True)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._progress = Progress(*columns, console=console, disable=not console.is_terminal)
        self._bars = [self._progress.add_task(name, total=None, visible=False) for name in names]

    def __enter__(self) -> BagProgress:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def update(self, number: int, done: int, total: int) -> None:
        """Shows that so many images of a bag are done."""
        self._progress.update(self._bars[number], completed=done, total=total, visible=True)
