"""One door's fuzzing in a process of its own: `python -m test.fuzz.worker`, which `python -m test.fuzz` starts.

With Atheris, libFuzzer makes bytes out of those that have reached new code; without, they are random.
"""

from __future__ import annotations

import argparse
import itertools
import json
import logging
import math
import os
import random
import resource
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

WATCHED = ("metric_pose_ros", "training")
"""Packages whose lines are watched, so that input that reaches new ones is kept. It costs a multiple of the time."""
_MORE_MEMORY = 2 << 30
"""Bytes that a door may take beyond what it has once it is open."""
LONGEST_INPUT = 768
_PLANTED = 40
_LOOKS = 40
_STUCK_S = 20
"""Wall-clock seconds after which libFuzzer ends a process that no longer answers."""


class Run:
    """A door, what has come through it, and what was found.

    Args:
        name: of the door.
        folder: where findings and numbers go.
        files: an empty folder for what the door reads.
        seconds: to run for.

    Attributes:
        folder: as above.
    """

    def __init__(self, name: str, folder: Path, files: Path, seconds: float) -> None:
        from test.fuzz.doors import door

        self.folder, self._name = folder, name
        self.door = door(name)
        self.check = self.door.open(files)
        self._ends, self._next_note = time.monotonic() + seconds, 0.0
        self._executions = 0
        self._found: dict[str, int] = {}
        resource.setrlimit(resource.RLIMIT_AS, (memory()[0] + _MORE_MEMORY, resource.RLIM_INFINITY))

    def __call__(self, data: bytes) -> None:
        """Lets one input in; ends the process when the time is over."""
        from test.fuzz.door import judged
        from test.fuzz.draw import FromBytes

        finding = judged(self.door, self.check, FromBytes(data))
        if finding is not None and finding.kind == "hang":
            # Another process may have held this one up: once more.
            finding = judged(self.door, self.check, FromBytes(data))
        self._executions += 1
        if finding is not None:
            if finding.name not in self._found:
                self.folder.mkdir(parents=True, exist_ok=True)
                (self.folder / f"{finding.name}.input").write_bytes(data)
                text = f"{finding.kind} at the door {self._name}: {finding.where}\n\n{finding.text}"
                (self.folder / f"{finding.name}.txt").write_text(text)
            self._found[finding.name] = self._found.get(finding.name, 0) + 1
        now = time.monotonic()
        if now >= self._next_note:
            self.note()
            self._next_note = now + 0.5
        if now >= self._ends:
            self.note()
            os._exit(0)  # libFuzzer never returns

    def note(self) -> None:
        """Writes down how far it is."""
        said = {"executions": self._executions, "found": self._found, "cpu_s": time.process_time()}
        partial = self.folder / f"{os.getpid()}.partial"
        partial.write_text(json.dumps(said))
        partial.rename(self.folder / "numbers.json")


def memory() -> tuple[int, int]:
    """Bytes that this process has asked for, and those that it uses."""
    pages = Path("/proc/self/statm").read_text().split()
    return int(pages[0]) * resource.getpagesize(), int(pages[1]) * resource.getpagesize()


def main() -> None:
    """Fuzzes a door, or looks for memory that is not given back."""
    parser = argparse.ArgumentParser()
    parser.add_argument("door")
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--files", type=Path, required=True, help="an empty folder for what the door reads")
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--again", action="store_true", help="let the corpus in again and again and watch the memory")
    arguments = parser.parse_args()
    for each in (arguments.folder, arguments.corpus):
        each.mkdir(parents=True, exist_ok=True)
    plant(arguments.corpus, arguments.seed)
    logging.disable()  # millions of inputs are complained about
    if arguments.again:
        again(Run(arguments.door, arguments.folder, arguments.files, math.inf), arguments.corpus, arguments.seconds)
    elif find_spec("atheris"):
        guided(arguments)
    else:
        blind(Run(arguments.door, arguments.folder, arguments.files, arguments.seconds), arguments.seed)


def plant(corpus: Path, seed: int) -> None:
    """Gives a new corpus some random inputs to begin with; from nothing, libFuzzer takes long to come to long ones."""
    if any(corpus.iterdir()):
        return
    source = random.Random(seed)
    for number in range(_PLANTED):
        (corpus / f"planted{number}").write_bytes(source.randbytes(source.randint(4, 120)))


def guided(arguments: argparse.Namespace) -> None:
    """Lets libFuzzer make input."""
    import atheris

    with atheris.instrument_imports(include=list(WATCHED)):
        run = Run(arguments.door, arguments.folder, arguments.files, arguments.seconds)
    options = [
        f"-max_len={LONGEST_INPUT}", f"-timeout={_STUCK_S}", f"-artifact_prefix={arguments.folder}/",
        f"-seed={arguments.seed}", "-rss_limit_mb=0", "-reload=0", "-len_control=0",
    ]  # fmt: skip
    atheris.Setup(["fuzz", *options, str(arguments.corpus)], run)
    atheris.Fuzz()


def blind(run: Callable[[bytes], None], seed: int) -> None:
    """Makes random input; most of it short, since every byte more is one more thing that is wrong."""
    source = random.Random(seed)
    while True:
        run(source.randbytes(min(int(source.expovariate(1 / 40)), LONGEST_INPUT)))


def again(run: Run, corpus: Path, seconds: float) -> None:
    """Lets what is in the corpus in, round after round, and notes the memory now and then."""
    inputs = itertools.cycle([path.read_bytes() for path in sorted(corpus.iterdir())])
    began, next_look = time.monotonic(), 0.0
    looks: list[tuple[int, int]] = []
    for done, data in enumerate(inputs):
        now = time.monotonic() - began
        if now >= next_look:
            looks.append((done, memory()[1]))
            next_look += seconds / _LOOKS
        if now >= seconds:
            break
        run(data)
    run.note()
    (run.folder / "memory.json").write_text(json.dumps(looks))


if __name__ == "__main__":
    main()
