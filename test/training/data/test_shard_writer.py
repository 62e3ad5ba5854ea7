"""Tar files of samples: whole or not at all."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from training.data.shard_writer import Files, join_tars, write_tar

SAMPLES = [(f"key_{number}", {"json": b"x" * number, "mask.png": bytes(1000 * number)}) for number in range(1, 5)]


def entries(path: Path) -> dict[str, bytes]:
    with tarfile.open(path) as archive:
        return {entry.name: read.read() for entry in archive if (read := archive.extractfile(entry)) is not None}


def test_tar_reads_back_what_was_written(tmp_path: Path) -> None:
    write_tar(tmp_path / "new" / "a.tar", SAMPLES)
    expected = {f"{key}.{ending}": content for key, files in SAMPLES for ending, content in files.items()}
    assert entries(tmp_path / "new" / "a.tar") == expected


def test_samples_can_be_taken_out_at_their_offsets_and_joined_in_another_order(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    offsets = write_tar(path, SAMPLES)
    ranges = [(path, begin, end) for begin, end in pairwise(offsets)]
    join_tars(tmp_path / "b.tar", [ranges[2], ranges[0]])
    assert list(entries(tmp_path / "b.tar")) == ["key_3.json", "key_3.mask.png", "key_1.json", "key_1.mask.png"]
    join_tars(tmp_path / "c.tar", ranges)
    assert entries(tmp_path / "c.tar") == entries(path)


def test_a_writer_that_fails_leaves_no_file_and_what_was_there_before(tmp_path: Path) -> None:
    def failing() -> Iterator[tuple[str, Files]]:
        yield SAMPLES[0]
        raise RuntimeError("no more")

    path = tmp_path / "a.tar"
    with pytest.raises(RuntimeError, match="no more"):
        write_tar(path, failing())
    assert list(tmp_path.iterdir()) == []
    write_tar(path, SAMPLES)
    before = path.read_bytes()
    with pytest.raises(RuntimeError, match="no more"):
        write_tar(path, failing())
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_the_same_samples_make_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.tar", "b.tar"):
        write_tar(tmp_path / name, SAMPLES)
    assert (tmp_path / "a.tar").read_bytes() == (tmp_path / "b.tar").read_bytes()


def test_nothing_at_all_is_an_empty_tar(tmp_path: Path) -> None:
    assert write_tar(tmp_path / "a.tar", []) == [0]
    assert entries(tmp_path / "a.tar") == {}
