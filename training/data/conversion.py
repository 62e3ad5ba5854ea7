"""From the parts of a data set to shards, part by part: killed at any moment, it goes on where it stopped.

While it runs, ``OUT/.SPLIT-parts`` holds a tar file for each finished part and, beside it, what was skipped and where
the samples begin. When all parts are there, the samples are dealt out to ``OUT/SPLIT-000000.tar`` on: shuffled over all
parts for training, in order else. ``OUT/SPLIT.json`` comes last and says that the split is whole.
"""

from __future__ import annotations

import itertools
import json
import multiprocessing
import os
import shutil
import signal
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from metric_pose_ros import plain_json
from training.data.picture import encode
from training.data.sets.data_set import NamedProblems, Part
from training.data.shard_writer import Files, join_tars, write_tar, write_whole

Ranges = list[tuple[Path, int, int]]


@dataclass(frozen=True)
class Settings:
    """What decides what the shards of a split hold.

    Attributes:
        data_set: its name.
        split: ``train``, ``validation`` or ``test``.
        side: px of a person's picture.
        shard_size: samples in a shard.
        details: see `DataSet`.
    """

    data_set: str
    split: str
    side: int
    shard_size: int
    details: str = ""


@dataclass(frozen=True)
class Summary:
    """What came out.

    Attributes:
        examples: how many were written.
        shards: into how many files.
        parts: of the data set that were read.
        problems: what was skipped.
    """

    examples: int
    shards: int
    parts: int
    problems: NamedProblems


def finished(out: Path, settings: Settings) -> Summary | None:
    """What an earlier run wrote if it came to its end, else None.

    Raises:
        ValueError: if `out` holds this split of something else.
    """
    done = out / f"{settings.split}.json"
    if not done.is_file():
        strangers = sorted(out.glob(f"{settings.split}-*.tar"))
        if strangers and not _folder(out, settings).is_dir():
            raise ValueError(
                f"{out} already holds {strangers[0].name}, which this command did not write: give another --out"
            )
        return None
    said = plain_json.loads(done.read_text())
    if not _made_so(said["settings"], settings):
        raise ValueError(f"{out} already holds {said['settings']}, not {asdict(settings)}: give another --out")
    # Killed just before this, the run that wrote the split left its parts behind.
    shutil.rmtree(_folder(out, settings), ignore_errors=True)
    problems = NamedProblems()
    problems.add([(kind, what) for kind, what in said["problems"]])
    return Summary(said["examples"], said["shards"], said["parts"], problems)


def convert(parts: list[Part], out: Path, settings: Settings, workers: int, problems: NamedProblems) -> Summary:
    """Converts what is not converted yet.

    Args:
        parts: all parts of the split, in the order of the data set.
        out: folder of the shards.
        settings: the same as those of an earlier run that is to be continued.
        workers: processes; 1 does everything in this one.
        problems: what was already skipped; more is added.

    Raises:
        ValueError: if an earlier run in `out` was another one.
    """
    folder = _folder(out, settings)
    _begin(folder, settings)
    names = [part.name for part in parts]
    if len(set(names)) != len(names):
        raise ValueError(f"parts of the same name: {sorted(name for name in names if names.count(name) > 1)[:4]}")
    _convert_parts([part for part in parts if not _told(folder, part.name).is_file()], folder, settings, workers)
    ranges: Ranges = []
    for name in names:
        told = plain_json.loads(_told(folder, name).read_text())
        problems.add([(kind, what) for kind, what in told["problems"]])
        offsets = told["offsets"]
        ranges += [(folder / f"{name}.tar", begin, end) for begin, end in itertools.pairwise(offsets)]
    if not ranges:
        shutil.rmtree(folder)
        return Summary(0, 0, len(parts), problems)
    shards = _deal_out(ranges, out, settings)
    summary = Summary(len(ranges), shards, len(parts), problems)
    _finish(out, settings, summary)
    shutil.rmtree(folder)
    return summary


def _folder(out: Path, settings: Settings) -> Path:
    return out / f".{settings.split}-parts"


def _made_so(said: dict[str, Any], settings: Settings) -> bool:
    """Whether what is there was made with these settings; what is older says no details."""
    return {"details": "", **said} == asdict(settings)


def _told(folder: Path, name: str) -> Path:
    """What a finished part says of itself; it comes after the part's tar file."""
    return folder / f"{name}.json"


def _begin(folder: Path, settings: Settings) -> None:
    plan = folder / ".settings.json"
    if plan.is_file():
        begun = plain_json.loads(plan.read_text())
        if not _made_so(begun, settings):
            raise ValueError(f"{folder} was begun with {begun}, not with {asdict(settings)}: go on so, or delete it")
        return
    _write_json(plan, asdict(settings))


def _finish(out: Path, settings: Settings, summary: Summary) -> None:
    named = out / f"{settings.split}-problems.txt"
    named.unlink(missing_ok=True)
    if summary.problems.named:
        named.write_text("".join(f"{kind}: {what}\n" for kind, what in summary.problems.named))
    told = {
        "settings": asdict(settings),
        "examples": summary.examples,
        "shards": summary.shards,
        "parts": summary.parts,
        "problems": summary.problems.named,
    }
    _write_json(out / f"{settings.split}.json", told)
    for leftover in out.glob(f".{settings.split}-*.part"):
        leftover.unlink()


def _write_json(path: Path, content: object) -> None:
    write_whole(path, lambda file: (file.write(json.dumps(content, indent=1).encode()), None)[1])


def _convert_parts(parts: list[Part], folder: Path, settings: Settings, workers: int) -> None:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("parts, {task.fields[examples]} examples"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns) as progress:
        description = f"{settings.data_set} {settings.split}"
        task = progress.add_task(description, total=len(parts), examples=0)
        examples = 0
        for count in _counts(parts, folder, settings, workers):
            examples += count
            progress.update(task, advance=1, examples=examples)


def _counts(parts: list[Part], folder: Path, settings: Settings, workers: int) -> Iterator[int]:
    """How many examples each part had, as they are finished."""
    if workers <= 1 or len(parts) <= 1:
        for part in parts:
            yield _convert_part(part, folder, settings)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(workers, len(parts)), context, _start_worker) as pool:
        pending = [pool.submit(_convert_part, part, folder, settings) for part in parts]
        try:
            for done in as_completed(pending):
                yield done.result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _start_worker() -> None:
    # Ctrl+C ends a worker at once. By default it would only fail the part at hand and begin the next one.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = "1"
    cv2.setNumThreads(1)


def _convert_part(part: Part, folder: Path, settings: Settings) -> int:
    """Writes a part's tar file, then what it says of itself; returns how many examples it had."""
    problems = NamedProblems()
    offsets = write_tar(folder / f"{part.name}.tar", _encoded(part, settings, problems))
    _write_json(_told(folder, part.name), {"offsets": offsets, "problems": problems.named})
    return len(offsets) - 1


def _encoded(part: Part, settings: Settings, problems: NamedProblems) -> Iterator[tuple[str, Files]]:
    about = {"data_set": settings.data_set, "split": settings.split}
    try:
        for example in part.examples(problems):
            try:
                files = encode(example, settings.side, about)
            except (ValueError, ArithmeticError, cv2.error) as error:
                problems.note("unusable example", f"{example.key}: {error}")
                continue
            yield example.key, files
    # Whatever a corrupt file makes its decoder raise costs the rest of this part, never the run.
    except Exception as error:
        problems.note("unreadable part", f"{part.name}: {type(error).__name__}: {error}")


def _deal_out(ranges: Ranges, out: Path, settings: Settings) -> int:
    """Writes the shards that are missing; returns how many there are."""
    order = np.arange(len(ranges))
    if settings.split == "train":
        order = np.random.default_rng(0).permutation(len(ranges))
    starts = range(0, len(order), settings.shard_size)
    for number, start in enumerate(starts):
        path = out / f"{settings.split}-{number:06d}.tar"
        if not path.is_file():
            join_tars(path, (ranges[index] for index in order[start : start + settings.shard_size]))
    return len(starts)
