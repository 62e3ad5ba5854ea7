"""What a reader of a data set looks like to the converter."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from training.data.example import Example, FrameExample
from training.data.shards import Problems


class Part(Protocol):
    """What one worker converts in one go: a video, a sequence, some hundred pictures. It travels between processes."""

    @property
    def name(self) -> str:
        """Unique in its split: letters, digits, ``_`` and ``-``."""
        ...

    def examples(self, problems: Problems) -> Iterator[Example | FrameExample]:
        """Reads the part, in order. What is missing or corrupt is noted in `problems`, and the rest goes on."""
        ...


@dataclass(frozen=True)
class DataSet:
    """A data set that `python -m training convert` knows.

    Attributes:
        name: on the command line, and the ``data_set`` among a sample's facts.
        splits: that it has, the first one if none is asked for.
        layout: the folders and files that ``--data-root`` must hold, to be printed.
        parts: (data root, split, problems) -> the parts of the split, always in the same order; files that are
            missing as a whole are noted in `problems`.
        details: what else decides what comes out, for telling one conversion from another.
    """

    name: str
    splits: tuple[str, ...]
    layout: str
    parts: Callable[[Path, str, Problems], list[Part]]
    details: str = ""


@dataclass
class NamedProblems(Problems):
    """Problems that are kept by name instead of being logged: workers bring them home.

    Attributes:
        named: (kind, what) of every problem.
    """

    named: list[tuple[str, str]] = field(default_factory=list)

    def note(self, kind: str, what: str) -> None:
        self.counts[kind] += 1
        self.named.append((kind, what))

    def add(self, named: list[tuple[str, str]]) -> None:
        """Notes the problems of another."""
        for kind, what in named:
            self.note(kind, what)
