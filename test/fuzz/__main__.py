"""`./run fuzz`: knocks on every door with hostile input, and ends with a table of what came of it."""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from rich.console import Console
from rich.table import Table

from test.fuzz import doors
from test.fuzz.door import ROOT, judged
from test.fuzz.draw import FromBytes

AGAIN = 0.15
"""Of a door's time: what was found worth keeping is let in again and again, and the memory watched."""
_SHORTEST_S = 2.0
_TO_START_S = 120.0
"""Seconds that a process may take to start and to end, beside its time."""
LEAK = 20_000.0
"""Bytes per input that are taken for a leak, once `_LEAST_LEAK` in all have gone."""
_LEAST_LEAK = 24 << 20


@dataclass
class Result:
    """What came of a door.

    Attributes:
        executions: inputs that were let in.
        edges: of our own code that were reached; None where nobody counted.
        cpu_s: seconds of CPU time that it took.
        findings: how often each was seen, by its name.
        growth: bytes that stay behind per input; None if nobody looked.
    """

    executions: int = 0
    edges: int | None = None
    cpu_s: float = 0.0
    findings: dict[str, int] = field(default_factory=dict)
    growth: float | None = None


def main() -> int:
    """Runs the command; 1 if something was found."""
    parser = argparse.ArgumentParser(prog="./run fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="in all (default: %(default)s)")
    parser.add_argument("--door", action="append", default=[], metavar="NAME", help=f"of {', '.join(doors.TABLE)}")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="doors at once (default: the cores)")
    parser.add_argument(
        "--out", type=Path, default=ROOT / "out" / "fuzz", help="corpus and findings (default: out/fuzz)"
    )
    parser.add_argument("--seed", type=int, default=int(time.time()) % 10**6, help="(default: from the clock)")
    parser.add_argument("--replay", type=Path, nargs="+", metavar="FILE", help="let saved input in at --door again")
    arguments = parser.parse_args()
    names = arguments.door or doors.available()
    for name in names:
        if name not in doors.TABLE:
            parser.error(f"there is no door {name!r}; there are {', '.join(doors.TABLE)}")
    if arguments.replay:
        if len(arguments.door) != 1:
            parser.error("--replay needs the one --door that the files are for")
        return replay(names[0], arguments.replay)
    if not find_spec("atheris"):
        print("Atheris is not installed here: input is made at random, not guided by what it reaches", file=sys.stderr)
    return fuzz(names, arguments)


def fuzz(names: list[str], arguments: argparse.Namespace) -> int:
    """Knocks on doors, some at once, and prints the table."""
    shares = sum(doors.TABLE[name].share for name in names)
    second_per_share = arguments.minutes * 60 * min(arguments.jobs, len(names)) / shares

    def one(name: str) -> tuple[str, Result]:
        seconds = max(second_per_share * doors.TABLE[name].share, _SHORTEST_S)
        result = knock(name, arguments.out / name, seconds, arguments.seed)
        print(f"{name}: {result.executions} inputs, {len(result.findings)} findings", flush=True)
        return name, result

    with ThreadPoolExecutor(arguments.jobs) as pool:
        results = dict(pool.map(one, names))
    show(results, arguments.out)
    return 1 if any(result.findings for result in results.values()) else 0


def knock(name: str, folder: Path, seconds: float, seed: int) -> Result:
    """Fuzzes one door; a process that dies of an input is a finding, and another one goes on."""
    result = Result()
    ends = time.monotonic() + seconds * (1 - AGAIN)
    found = folder / f"run-{seed}"
    while (left := ends - time.monotonic()) > _SHORTEST_S / 2 or not result.executions:
        seed += 1
        died, edges = _process(name, found, folder / "corpus", ["--seed", str(seed)], max(left, _SHORTEST_S))
        result.edges = max(filter(None, (result.edges, edges)), default=None)
        _add(result, found)
        if died:
            result.findings[died] = result.findings.get(died, 0) + 1
        if died.startswith("does not start"):
            break
    died, _ = _process(name, found, folder / "corpus", ["--again"], max(seconds * AGAIN, _SHORTEST_S))
    _add(result, found)
    if died:
        result.findings[died] = result.findings.get(died, 0) + 1
    result.growth = _growth(found / "memory.json")
    if result.growth is not None and result.growth > LEAK:
        result.findings[f"leak of {result.growth:.0f} bytes per input"] = 1
    return result


def _process(name: str, folder: Path, corpus: Path, options: list[str], seconds: float) -> tuple[str, int | None]:
    """Runs a worker to its end; what killed it, and the edges that libFuzzer counted."""
    folder.mkdir(parents=True, exist_ok=True)
    for left in ("numbers.json", "memory.json"):
        (folder / left).unlink(missing_ok=True)
    before = set(folder.iterdir())
    in_memory = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with tempfile.TemporaryFile() as log, tempfile.TemporaryDirectory(dir=in_memory) as files:
        command = [
            sys.executable, "-m", "test.fuzz.worker", name, "--folder", str(folder), "--files", files,
            "--corpus", str(corpus), "--seconds", f"{seconds:.1f}", *options,
        ]  # fmt: skip
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        try:
            code = subprocess.run(
                command, cwd=ROOT, env=environment, stdout=log, stderr=log, timeout=seconds + _TO_START_S
            ).returncode
        except subprocess.TimeoutExpired:
            code = -9
        log.seek(0)
        text = log.read().decode(errors="replace")
    counted = re.findall(r"\bcov: (\d+)", text)
    edges = int(counted[-1]) if counted else None
    if code == 0:
        return "", edges
    (folder / "log.txt").write_text(text[-20_000:])
    new = sorted(path.name for path in set(folder.iterdir()) - before if path.name.startswith(("crash-", "timeout-")))
    if new:
        return f"{new[0][:20]} ended the process", edges
    return (f"ended with {code}" if (folder / "numbers.json").is_file() else "does not start: see log.txt"), edges


def _add(result: Result, folder: Path) -> None:
    try:
        said = json.loads((folder / "numbers.json").read_text())
    except FileNotFoundError:
        return
    result.executions += said["executions"]
    result.cpu_s += said["cpu_s"]
    for name, count in said["found"].items():
        result.findings[name] = result.findings.get(name, 0) + count


def _growth(path: Path) -> float | None:
    """Bytes per input over the second half of the time; 0 where it is too little to tell."""
    if not path.is_file():
        return None
    looks = json.loads(path.read_text())
    half = looks[len(looks) // 2 :]
    if len(half) < 2 or half[-1][1] - half[0][1] < _LEAST_LEAK:
        return 0.0
    return (half[-1][1] - half[0][1]) / (half[-1][0] - half[0][0])


def show(results: dict[str, Result], out: Path) -> None:
    """Prints the table, and how to see each finding again."""
    table = Table("door", *(("inputs", "inputs/CPU s", "edges", "bytes kept/input", "findings")))
    for name, result in results.items():
        table.add_row(
            name,
            f"{result.executions:,}",
            f"{result.executions / max(result.cpu_s, 1e-9):,.0f}",
            "" if result.edges is None else str(result.edges),
            "" if result.growth is None else f"{result.growth:.0f}",
            str(len(result.findings)),
        )
    total = sum(result.executions for result in results.values())
    table.add_row("all", f"{total:,}", "", "", "", str(sum(len(result.findings) for result in results.values())))
    console = Console()
    console.print(table)
    for name, result in results.items():
        for finding, count in result.findings.items():
            print(f"{name}: {finding}, {count} times")
            for path in sorted((out / name).glob(f"run-*/{finding.split(' ')[0]}*")):
                if path.suffix != ".txt":
                    print(f"  ./run fuzz --door {name} --replay {path}")
                    break


def replay(name: str, paths: list[Path]) -> int:
    """Lets saved input in again; 1 if something is wrong with what happens."""
    found = 0
    with tempfile.TemporaryDirectory() as folder:
        door = doors.door(name)
        check = door.open(Path(folder))
        for path in paths:
            finding = judged(door, check, FromBytes(path.read_bytes()))
            print(f"{path}: {finding.kind if finding else 'nothing'}\n{finding.text if finding else ''}")
            found += finding is not None
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
