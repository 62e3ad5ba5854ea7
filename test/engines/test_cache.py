"""The engine cache, with real files and real processes."""

import json
import logging
import multiprocessing
import os
import signal
import time
from dataclasses import asdict, replace

import pytest

from metric_pose_ros.engines.cache import EngineCache, EngineKey, UnusableEngineError, default_folder, read

KEY = EngineKey(
    model="metric_pose_heavy",
    model_sha256="ab" * 32,
    runtime="tensorrt 10.3.0",
    gpu="Orin",
    capability="8.7",
    profile="crops 1x3x256x256..16x3x256x256",
    precision="fp16",
)
ENGINE = bytes(range(256)) * 100


@pytest.fixture
def cache(tmp_path) -> EngineCache:
    return EngineCache(tmp_path / "engines")


@pytest.fixture
def log(caplog):
    caplog.set_level(logging.INFO)
    return caplog


class Builder:
    """Builds the same engine every time, and counts."""

    def __init__(self, engine: bytes = ENGINE) -> None:
        self.engine = engine
        self.times = 0

    def __call__(self) -> bytes:
        self.times += 1
        return self.engine


def test_an_engine_is_built_once_and_found_again(cache):
    build = Builder()
    assert [cache.get(KEY, build) for _ in range(3)] == [ENGINE] * 3
    assert build.times == 1
    (entry,) = EngineCache(cache.folder).entries()
    assert entry.key == KEY
    assert entry.bytes == len(ENGINE)


@pytest.mark.parametrize("entry", ["model_sha256", "runtime", "gpu", "capability", "profile", "precision"])
def test_whatever_an_engine_depends_on_gives_another_one(cache, log, entry):
    cache.get(KEY, Builder())
    changed = replace(KEY, **{entry: "another"})
    assert cache.get(changed, Builder(b"other")) == b"other"
    assert cache.get(KEY, Builder(b"")) == ENGINE
    line = [record.getMessage() for record in log.records if "building" in record.getMessage()][-1]
    assert "and is another" in line
    assert line.count(" was ") == 1


def test_building_says_for_what_and_how_long_it_took_before(cache, log):
    def slow() -> bytes:
        time.sleep(0.6)
        return ENGINE

    assert cache.seconds_before(KEY) is None
    cache.get(KEY, slow)
    assert "building the engine of metric_pose_heavy for Orin with tensorrt 10.3.0" in log.text
    assert "happens once" in log.text
    # A new version of the model takes about as long as the old one, even when that is long gone.
    cache.clear()
    newer = replace(KEY, model_sha256="cd" * 32, runtime="tensorrt 10.7.0")
    assert cache.seconds_before(newer) == pytest.approx(0.6, abs=0.3)
    cache.get(newer, Builder())
    assert "it took 1 s before" in log.text


def _truncated(content: bytes) -> bytes:
    return content[:-100]


def _altered(content: bytes) -> bytes:
    return content[:-50] + b"\0\1" + content[-48:]


def _foreign(content: bytes) -> bytes:
    header, engine = content.split(b"\n", 1)
    entries = json.loads(header)
    entries["key"]["gpu"] = "NVIDIA RTX 3090"
    return json.dumps(entries).encode() + b"\n" + engine


def _of_another_format(content: bytes) -> bytes:
    return content.replace(b'"format": 1', b'"format": 0')


def _nonsense(content: bytes) -> bytes:
    return b"\x80\x04 not ours"


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_truncated, "is truncated: it holds 25500 of 25600 bytes"),
        (_altered, "is damaged"),
        (_foreign, "the GPU was NVIDIA RTX 3090 and is Orin"),
        (_of_another_format, "has format 0, expected 1"),
        (_nonsense, "is no engine of this package"),
        (lambda content: b"", "is no engine of this package"),
    ],
)
def test_an_unusable_file_is_named_in_one_line_and_built_again(cache, log, spoil, said):
    cache.get(KEY, Builder())
    path = cache.folder / KEY.file_name
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(UnusableEngineError, match=said):
        read(path, KEY)
    log.clear()
    build = Builder()
    assert cache.get(KEY, build) == ENGINE
    assert build.times == 1
    lines = [record.getMessage() for record in log.records if said in record.getMessage()]
    assert len(lines) == 1
    assert str(path) in lines[0]
    assert "built again" in lines[0]
    assert cache.get(KEY, Builder(b"")) == ENGINE


def test_a_failing_build_leaves_nothing_behind(cache):
    def fail() -> bytes:
        raise RuntimeError("out of memory")

    with pytest.raises(RuntimeError, match="out of memory"):
        cache.get(KEY, fail)
    assert cache.entries() == []
    assert cache.get(KEY, Builder()) == ENGINE


def _build_in_another_process(folder, counts, started):
    def build() -> bytes:
        with (counts / f"{os.getpid()}").open("w"):
            pass
        time.sleep(0.5)
        return ENGINE

    started.wait()
    assert EngineCache(folder).get(KEY, build) == ENGINE


def test_processes_that_start_together_build_once(cache, tmp_path):
    counts = tmp_path / "builds"
    counts.mkdir()
    context = multiprocessing.get_context("fork")
    started = context.Event()
    processes = [
        context.Process(target=_build_in_another_process, args=(cache.folder, counts, started)) for _ in range(4)
    ]
    for process in processes:
        process.start()
    started.set()
    for process in processes:
        process.join(20)
    assert [process.exitcode for process in processes] == [0] * 4
    assert len(list(counts.iterdir())) == 1


def _write_half_and_hang(folder, ready):
    def build() -> bytes:
        # As a build that is killed while it writes: bytes are there, the name is not.
        (folder / f"{KEY.file_name}.1.partial").write_bytes(ENGINE[:100])
        ready.set()
        time.sleep(60)
        return ENGINE

    EngineCache(folder).get(KEY, build)


def test_a_kill_in_mid_build_breaks_nothing(cache):
    context = multiprocessing.get_context("fork")
    ready = context.Event()
    process = context.Process(target=_write_half_and_hang, args=(cache.folder, ready))
    process.start()
    assert ready.wait(20)
    os.kill(process.pid, signal.SIGKILL)
    process.join(20)
    assert cache.entries() == []
    start = time.monotonic()
    assert cache.get(KEY, Builder()) == ENGINE  # the dead builder's lock is free
    assert time.monotonic() - start < 20
    assert len(cache.entries()) == 1
    assert list(cache.folder.glob("*.partial")) == []


def test_one_that_waits_says_so_and_takes_the_others_engine(cache, log, tmp_path):
    context = multiprocessing.get_context("fork")
    ready = context.Event()

    def build_slowly():
        def build() -> bytes:
            ready.set()
            time.sleep(0.7)
            return ENGINE

        cache.get(KEY, build)

    process = context.Process(target=build_slowly)
    process.start()
    assert ready.wait(20)
    build = Builder(b"")
    assert cache.get(KEY, build) == ENGINE
    assert build.times == 0
    assert "another process builds the engine of metric_pose_heavy: waiting for it" in log.text
    process.join(20)


def test_a_folder_that_cannot_be_written_costs_the_keeping_not_the_engine(tmp_path, log):
    blocked = tmp_path / "a file"
    blocked.write_text("not a folder")
    assert EngineCache(blocked / "engines").get(KEY, Builder()) == ENGINE
    assert "this one is built at every start" in log.text


def test_clearing_takes_one_model_or_all(cache):
    other = replace(KEY, model="metric_pose")
    for key in (KEY, other):
        cache.get(key, Builder())
    assert cache.clear("metric_pose") == [cache.folder / other.file_name]
    assert [entry.key for entry in cache.entries()] == [KEY]
    assert len(cache.clear()) == 1
    assert cache.clear() == []


def test_the_folder_comes_from_the_environment_or_is_the_users_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("METRIC_POSE_ENGINES", str(tmp_path / "mine"))
    assert default_folder() == tmp_path / "mine"
    monkeypatch.delenv("METRIC_POSE_ENGINES")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_folder() == tmp_path / "metric_pose_ros" / "engines"


HEADER = {"format": 1, "key": asdict(KEY), "sha256": "", "bytes": 1, "seconds": 1.0, "built": 1.0}


@pytest.mark.parametrize(
    "header",
    [
        b"[" * 3000,
        b'{"format": 1, "key": []}',
        b'{"format": 1, "key": {"model": 1}, "sha256": "", "bytes": 1, "seconds": 1, "built": 1}',
        json.dumps({**HEADER, "key": {**asdict(KEY), "model_sha256": None}}).encode(),
        json.dumps(HEADER).replace('"bytes": 1', '"bytes": 1e999').encode(),
    ],
    ids=["brackets", "list for a key", "another key", "number for a hash", "endless"],
)
def test_a_file_that_makes_no_sense_is_built_again(cache, header):
    build = Builder()
    cache.get(KEY, build)
    path = cache.folder / KEY.file_name
    path.write_bytes(header + b"\n" + ENGINE)
    (cache.folder / "build_times.json").write_bytes(b"[" * 3000)
    assert cache.entries() == []
    assert cache.seconds_before(KEY) is None
    assert cache.get(KEY, build) == ENGINE
    assert build.times == 2
    assert len(cache.entries()) == 1
