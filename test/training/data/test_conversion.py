"""Converting part by part: killed and continued, shuffled, refused, counted."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from metric_pose_ros.geometry.camera import Camera
from metric_pose_ros.skeleton import COCO_17
from test.training.data.scene import body, samples
from training.data.conversion import Ranges, Settings, Summary, convert, finished
from training.data.example import Example
from training.data.sets.data_set import NamedProblems
from training.data.shard_writer import join_tars
from training.data.shards import Problems

CAMERA = Camera.from_fov(64, 64, 50)
TRAIN = Settings("made-up", "train", 64, 4)
TEST = Settings("made-up", "test", 64, 4)


@dataclass(frozen=True)
class Part:
    """Made-up people.

    Attributes:
        number: of the part.
        count: of people.
        slow: seconds before each.
        fails: raises after the last one.
    """

    number: int
    count: int = 3
    slow: float = 0
    fails: bool = False

    @property
    def name(self) -> str:
        return f"part_{self.number}"

    def examples(self, problems: Problems) -> Iterator[Example]:
        for index in range(self.count):
            time.sleep(self.slow)
            pose = body(100 * self.number + index, 17, (0, 0, 3000), 200)
            image = np.full((64, 64, 3), 40 * self.number, np.uint8)
            yield Example(f"{self.name}_{index}", image, CAMERA, COCO_17, pose, np.array([10.0, 10, 50, 50]))
        if self.number == 1:
            problems.note("picture", "one that is missing")
        if self.fails:
            raise RuntimeError("the decoder choked")


PARTS = [Part(number) for number in range(4)]


def files(out: Path) -> dict[str, str]:
    """SHA-256 of every file below a folder."""
    return {
        str(path.relative_to(out)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(out.rglob("*"))
        if path.is_file()
    }


def run(out: Path, parts: list[Part] = PARTS, settings: Settings = TRAIN, workers: int = 1) -> Summary:
    return convert(list(parts), out, settings, workers, NamedProblems())


def test_shards_hold_every_example_once_and_leave_nothing_else_behind(tmp_path: Path) -> None:
    summary = run(tmp_path)
    assert (summary.examples, summary.shards, summary.parts) == (12, 3, 4)
    assert sorted(samples(tmp_path, "train")) == [f"part_{part}_{index}" for part in range(4) for index in range(3)]
    assert sorted(files(tmp_path)) == [
        "train-000000.tar", "train-000001.tar", "train-000002.tar", "train-problems.txt", "train.json"
    ]  # fmt: skip
    assert (tmp_path / "train-problems.txt").read_text() == "picture: one that is missing\n"


def test_training_is_shuffled_across_parts_and_the_test_is_not(tmp_path: Path) -> None:
    run(tmp_path / "train")
    run(tmp_path / "test", settings=TEST)
    in_order = [f"part_{part}_{index}" for part in range(4) for index in range(3)]
    assert list(samples(tmp_path / "test", "test")) == in_order
    shuffled = list(samples(tmp_path / "train", "train"))
    assert shuffled != in_order
    assert len({key.rsplit("_", 1)[0] for key in shuffled[:4]}) > 2


def test_several_workers_write_the_same_bytes_as_one(tmp_path: Path) -> None:
    run(tmp_path / "one")
    run(tmp_path / "two", workers=2)
    assert files(tmp_path / "one") == files(tmp_path / "two")


KILLED = """
import sys
from pathlib import Path
from test.training.data.test_conversion import Part, TRAIN, run
run(Path(sys.argv[1]), [Part(number, slow=0.1) for number in range(4)], TRAIN)
"""


def test_a_conversion_that_was_killed_goes_on_to_the_same_shards(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3]), "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path / "killed")], env=environment)
    told = tmp_path / "killed" / ".train-parts" / "part_1.json"
    deadline = time.monotonic() + 60
    while not told.is_file():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    done = files(tmp_path / "killed")
    assert not any(name.endswith("part_3.json") for name in done)
    before = told.stat().st_mtime_ns
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("training.data.conversion.join_tars", killed_after(1))
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path / "killed")
    assert told.stat().st_mtime_ns == before  # a part that was finished is not done again
    assert (tmp_path / "killed" / "train-000000.tar").is_file()
    assert not (tmp_path / "killed" / "train-000001.tar").exists()
    run(tmp_path / "killed")
    run(tmp_path / "whole")
    assert files(tmp_path / "killed") == files(tmp_path / "whole")


def killed_after(count: int) -> Callable[[Path, Ranges], None]:
    """`join_tars` that is interrupted after some files."""
    calls = iter(range(count))

    def join(path: Path, ranges: Ranges) -> None:
        if next(calls, None) is None:
            raise KeyboardInterrupt
        join_tars(path, ranges)

    return join


def test_a_part_that_breaks_keeps_what_it_had_and_the_others_go_on(tmp_path: Path) -> None:
    summary = run(tmp_path, [Part(0, fails=True), Part(2)])
    assert summary.examples == 6
    assert summary.problems.named == [("unreadable part", "part_0: RuntimeError: the decoder choked")]


def test_an_example_that_makes_no_sense_is_named_and_skipped(tmp_path: Path) -> None:
    @dataclass(frozen=True)
    class Odd(Part):
        def examples(self, problems: Problems) -> Iterator[Example]:
            for example in super().examples(problems):
                example.box[2:] = 0 if example.key.endswith("1") else 50
                yield example

    summary = run(tmp_path, [Odd(0)])
    assert summary.examples == 2
    ((kind, what),) = summary.problems.named
    assert kind == "unusable example"
    assert what == "part_0_1: the box [10.0, 10.0, 0.0, 0.0] is empty, expected x1 < x2 and y1 < y2"


def test_nothing_at_all_leaves_nothing_behind_so_that_it_can_be_tried_again(tmp_path: Path) -> None:
    assert run(tmp_path, [Part(0, count=0)]).examples == 0
    assert files(tmp_path) == {}
    assert run(tmp_path).examples == 12


def test_what_is_finished_is_told_and_not_mixed_with_something_else(tmp_path: Path) -> None:
    assert finished(tmp_path, TRAIN) is None
    run(tmp_path)
    again = finished(tmp_path, TRAIN)
    assert again is not None
    assert (again.examples, again.shards, again.parts) == (12, 3, 4)
    assert again.problems.counts == {"picture": 1}
    with pytest.raises(ValueError, match="give another --out"):
        finished(tmp_path, Settings("another", "train", 64, 4))
    assert finished(tmp_path, TEST) is None


def test_a_folder_with_shards_of_another_making_is_refused(tmp_path: Path) -> None:
    (tmp_path / "train-000000.tar").write_bytes(b"synthetic people")
    with pytest.raises(ValueError, match=r"already holds train-000000\.tar, which this command did not write"):
        finished(tmp_path, TRAIN)


def test_other_settings_do_not_continue_what_was_begun(tmp_path: Path) -> None:
    folder = tmp_path / ".train-parts"
    folder.mkdir()
    (folder / ".settings.json").write_text('{"data_set": "made-up", "split": "train", "side": 32, "shard_size": 4}')
    with pytest.raises(ValueError, match="'side': 32"):
        run(tmp_path)
