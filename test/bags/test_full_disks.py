"""A disk that is full, or cannot be written to, while a bag is written: said, and nothing half done is left."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from test.bags import recorded
from test.little_disk import lock_up, mounted

ROOT = Path(__file__).parents[2]


def command(
    *arguments: object, before: Callable[[], object] | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Runs `metric-pose bag` with the tests' estimator."""
    words = [sys.executable, "-m", "test.bags.people_bag", *map(str, arguments)]
    return subprocess.run(
        words, cwd=ROOT, env={**os.environ, **environment}, preexec_fn=before, capture_output=True, text=True
    )


def no_file_above(size: int) -> Callable[[], None]:
    """Lets writing fail from so many bytes on, as a full disk does."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


@pytest.fixture(scope="module")
def bag(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return recorded.write(tmp_path_factory.mktemp("bags") / "in", recorded.camera_bag([1] * 40))


@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
def test_when_no_more_can_be_written_it_is_said_and_nothing_is_left(bag: Path, tmp_path: Path, storage: str) -> None:
    done = command(bag, tmp_path / "out", "--storage", storage, before=no_file_above(100_000))
    assert done.returncode == 2
    assert f"{tmp_path / 'out'} cannot be written: " in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_one_bag_that_does_not_fit_leaves_the_others_alone(bag: Path, tmp_path: Path) -> None:
    small = recorded.write(tmp_path / "small", recorded.camera_bag([1]))
    done = command(bag, small, tmp_path / "out", "--jobs", 2, before=no_file_above(100_000))
    assert done.returncode == 2
    assert f"{tmp_path / 'out' / 'in'} cannot be written: " in done.stderr
    assert [folder.name for folder in (tmp_path / "out").iterdir()] == ["small"]


@pytest.fixture
def little_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 200 kB, where whoever tests may have one."""
    with mounted(tmp_path / "disk", "200k") as folder:
        yield folder


def test_a_disk_that_is_full_says_so(bag: Path, little_disk: Path) -> None:
    done = command(bag, little_disk / "out")
    assert done.returncode == 2
    assert f"{little_disk / 'out'} cannot be written: " in done.stderr
    assert "No space left on device" in done.stderr
    assert list(little_disk.iterdir()) == []


def test_a_disk_that_cannot_be_written_to_says_so_and_the_bag_there_stays(bag: Path, little_disk: Path) -> None:
    lock_up(little_disk)
    done = command(bag, little_disk / "out")
    assert done.returncode == 2
    assert "Read-only file system" in done.stderr
    assert "Traceback" not in done.stderr
