"""What the node costs from time to time: a CSV file that is whole up to its last line whenever it is cut off."""

from __future__ import annotations

import csv
import os
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import psutil

_MB = 1e6


@dataclass(frozen=True)
class Sample:
    """The node at one moment, and its latest frames.

    Attributes:
        seconds: since the beginning.
        frames: answered or not, so far.
        unanswered: so many of them.
        rss_mb: resident memory, 10^6 bytes.
        own_mb: the part of it that is no file's, such as a library's, whose pages come and go with other programs.
        threads: of the process.
        descriptors: open ones.
        cpu_s: processor time so far.
        load: mean number of runnable processes on the machine in the last minute.
        cameras: camera processes started so far.
        listeners: subscriptions that the bench has now.
        entrances: people who have come into view so far.
        newest_id: highest number of an id so far.
        p50_ms: latency of the frames since the sample before, from publishing an image to its keypoints.
        p99_ms: the same, 99th percentile.
    """

    seconds: float
    frames: int
    unanswered: int
    rss_mb: float
    own_mb: float
    threads: int
    descriptors: int
    cpu_s: float
    load: float
    cameras: int
    listeners: int
    entrances: int
    newest_id: int
    p50_ms: float
    p99_ms: float


def process_values(process: psutil.Process) -> dict[str, Any]:
    """What a process costs now, by the names of `Sample`."""
    with process.oneshot():
        memory, times = process.memory_info(), process.cpu_times()
        return {
            "rss_mb": memory.rss / _MB,
            "own_mb": (memory.rss - memory.shared) / _MB,
            "threads": process.num_threads(),
            "descriptors": process.num_fds(),
            "cpu_s": times.user + times.system,
            "load": os.getloadavg()[0],
        }


def answer_values(answers: npt.NDArray, before: int) -> dict[str, Any]:
    """What the answers say, by the names of `Sample`.

    Args:
        answers: (N,) of `ANSWER`, all so far.
        before: how many there were at the sample before.
    """
    waited = answers["latency_ms"]
    recent = waited[before:][np.isfinite(waited[before:])]
    p50, p99 = np.percentile(recent, [50, 99]).tolist() if len(recent) else (np.nan, np.nan)
    return {
        "frames": len(answers),
        "unanswered": int(np.isnan(waited).sum()),
        "newest_id": int(answers["newest_id"].max(initial=0)),
        "p50_ms": p50,
        "p99_ms": p99,
    }


def append(file: Path, sample: Sample) -> None:
    """Adds a row, with the header before the first."""
    new = not file.is_file()
    with file.open("a", newline="", encoding="utf-8") as opened:
        writer = csv.DictWriter(opened, [field.name for field in fields(Sample)])
        if new:
            writer.writeheader()
        values = asdict(sample).items()
        writer.writerow({name: round(value, 3) if isinstance(value, float) else value for name, value in values})


def read(file: Path) -> dict[str, npt.NDArray[np.floating]]:
    """Columns by name; a last row that was cut off is left out."""
    with file.open(newline="", encoding="utf-8") as opened:
        header, *rows = list(csv.reader(opened))
    whole = [row for row in rows if len(row) == len(header)]
    table = np.array(whole, float).reshape(-1, len(header))
    return dict(zip(header, table.T, strict=True))
