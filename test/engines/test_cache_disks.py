"""The engine cache on a disk that is full or cannot be written to: an engine is never lost for that."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from metric_pose_ros.engines.cache import EngineCache, read
from test.engines.test_cache import ENGINE, KEY, Builder
from test.little_disk import lock_up, mounted


@pytest.fixture
def little_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system with less room than an engine and its header take."""
    with mounted(tmp_path / "disk", "32k") as folder:
        yield folder


def test_without_room_the_engine_is_used_and_not_kept_and_nothing_half_is_left(little_disk, caplog):
    (little_disk / "other").write_bytes(bytes(16_000))
    cache = EngineCache(little_disk / "engines")
    assert cache.get(KEY, Builder()) == ENGINE
    assert "the engine of metric_pose_heavy cannot be kept: [Errno 28] No space left on device" in caplog.text
    assert cache.entries() == []
    assert [path.name for path in cache.folder.iterdir()] == ["locks"]
    (little_disk / "other").unlink()
    builder = Builder()
    assert [cache.get(KEY, builder) for _ in range(2)] == [ENGINE] * 2
    assert builder.times == 1


def test_what_lies_on_a_disk_that_cannot_be_written_to_is_found(little_disk):
    cache = EngineCache(little_disk / "engines")
    cache.get(KEY, Builder(ENGINE[:1000]))
    lock_up(little_disk)
    builder = Builder()
    assert cache.get(KEY, builder) == ENGINE[:1000]
    assert builder.times == 0


def test_what_is_damaged_there_is_built_for_this_time(little_disk, caplog):
    cache = EngineCache(little_disk / "engines")
    cache.get(KEY, Builder(ENGINE[:1000]))
    path = cache.folder / KEY.file_name
    path.write_bytes(path.read_bytes()[:-1])
    lock_up(little_disk)
    assert cache.get(KEY, Builder()) == ENGINE
    assert "is truncated" in caplog.text
    assert "engines cannot be kept in" in caplog.text


def test_a_folder_that_is_locked_up_while_an_engine_is_built_costs_the_keeping(little_disk, caplog):
    cache = EngineCache(little_disk / "engines")

    def build() -> bytes:
        lock_up(little_disk)
        return ENGINE

    assert cache.get(KEY, build) == ENGINE
    assert "cannot be kept: [Errno 30] Read-only file system" in caplog.text


def test_an_engine_that_goes_away_while_it_is_used_is_built_again(tmp_path):
    cache, builder = EngineCache(tmp_path / "engines"), Builder()
    cache.get(KEY, builder)
    (cache.folder / KEY.file_name).unlink()
    assert cache.get(KEY, builder) == ENGINE
    assert builder.times == 2
    assert read(cache.folder / KEY.file_name, KEY)[1] == ENGINE
