"""`python -m training convert`: turns a data set, as its owners distribute it, into shards; once, and resumable."""

from __future__ import annotations

import argparse
import importlib
import sys
from concurrent.futures import BrokenExecutor
from pathlib import Path

from rich.console import Console
from rich.table import Table

from training.data.conversion import Settings, Summary, convert, finished
from training.data.sets.data_set import DataSet, NamedProblems

DATA_SETS = {
    "h36m": "training.data.sets.h36m",
    "mpi-inf-3dhp": "training.data.sets.mpi_inf_3dhp",
    "muco": "training.data.sets.muco",
    "mupots": "training.data.sets.mupots",
    "3dpw": "training.data.sets.threedpw",
    "mpii": "training.data.sets.mpii",
    "coco": "training.data.sets.coco",
}
"""Name -> module with a `DATA_SET`."""
NAMED = 10
"""How many problems are printed one by one; a file beside the shards names them all."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds this command's options."""
    parser.add_argument("data_set", choices=DATA_SETS)
    parser.add_argument("--data-root", type=Path, required=True, help="folder with the data set as distributed")
    add_shard_arguments(parser)


def add_shard_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of whatever makes shards of other people's files."""
    parser.add_argument("--out", type=Path, required=True, help="folder of the shards: one for each data set")
    parser.add_argument("--split", help="train, validation or test; the data set's first one by default")
    parser.add_argument("--workers", type=int, default=2, help="processes, each with one thread")
    parser.add_argument(
        "--side", type=int, default=512, help="px of a stored picture: twice the side of the crops to be trained with"
    )
    parser.add_argument("--shard-size", type=int, default=1000, help="examples in a shard")


def main(arguments: argparse.Namespace) -> int:
    """Converts what is missing; returns 0, 1 if nothing could be converted, or 130 after Ctrl+C."""
    return run(
        importlib.import_module(DATA_SETS[arguments.data_set]).DATA_SET, f"convert {arguments.data_set}", arguments
    )


def run(data_set: DataSet, command: str, arguments: argparse.Namespace) -> int:
    """Makes the shards of a data set as the arguments of `add_shard_arguments` and ``data_root`` say.

    Args:
        data_set: that is read.
        command: what the user ran, for messages.
        arguments: of the command line.

    Returns:
        as `main` does.
    """
    split = arguments.split or data_set.splits[0]
    console = Console()
    try:
        _check(arguments, data_set, split)
        settings = Settings(data_set.name, split, arguments.side, arguments.shard_size, data_set.details)
        summary = finished(arguments.out, settings)
        if summary is None:
            problems = NamedProblems()
            parts = data_set.parts(arguments.data_root, split, problems)
            summary = convert(parts, arguments.out, settings, arguments.workers, problems)
        else:
            console.print(f"{arguments.out} already holds the whole split", soft_wrap=True)
    except (OSError, ValueError) as error:
        print(f"{command}: {error}", file=sys.stderr)
        return 1
    except BrokenExecutor:
        print(
            f"{command}: a worker died, perhaps for want of memory; the same command goes on where "
            "this one stopped, with fewer --workers if need be",
            file=sys.stderr,
        )
        return 1
    except KeyboardInterrupt:
        print(f"{command}: stopped; the same command goes on from here", file=sys.stderr)
        return 130
    return _report(console, arguments, data_set, split, summary, command)


def _check(arguments: argparse.Namespace, data_set: DataSet, split: str) -> None:
    if split not in data_set.splits:
        raise ValueError(f"it has no split {split!r}, only {', '.join(data_set.splits)}")
    if arguments.side < 64 or arguments.shard_size < 1:
        raise ValueError(f"--side {arguments.side} and --shard-size {arguments.shard_size} must be at least 64 and 1")
    if not arguments.data_root.is_dir():
        raise ValueError(f"there is no folder {arguments.data_root}; expected in it:\n{data_set.layout}")


def _report(
    console: Console, arguments: argparse.Namespace, data_set: DataSet, split: str, summary: Summary, command: str
) -> int:
    for kind, what in summary.problems.named[:NAMED]:
        console.print(f"skipped: {kind}: {what}", markup=False, highlight=False, soft_wrap=True)
    if not summary.examples:
        print(
            f"{command}: {arguments.data_root} held nothing of the {split} split "
            f"({summary.problems}); expected in it:\n{data_set.layout}",
            file=sys.stderr,
        )
        return 1
    table = Table("data set", "split", "examples", "shards", "parts")
    table.add_row(data_set.name, split, str(summary.examples), str(summary.shards), str(summary.parts))
    for kind, count in summary.problems.counts.most_common():
        table.add_row("", f"skipped: {kind}", str(count), "", "")
    console.print(table)
    where = f"; all of it in {arguments.out / f'{split}-problems.txt'}" if summary.problems.named else ""
    console.print(
        f"{summary.examples} examples in {summary.shards} shards in {arguments.out}; {summary.problems}{where}",
        soft_wrap=True,
    )
    return 0
