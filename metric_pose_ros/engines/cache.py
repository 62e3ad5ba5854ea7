"""Built engines on disk: built once, found again, and built anew when anything they depend on has changed.

An engine fits one TensorRT, one kind of GPU, one model, one set of sizes. A file holds a line of JSON that says which
(and the digest of what follows), then the engine. It appears under its name only when it is whole.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import logging
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from metric_pose_ros import plain_json

logger = logging.getLogger(__name__)

SUFFIX = ".engine"
GRAPHS = "graphs"
"""Folder of graphs that were made to build engines from, each in one of its own."""
_FORMAT = 1
_TIMES = "build_times.json"


@dataclass(frozen=True)
class EngineKey:
    """What an engine depends on.

    Attributes:
        model: name of the model, for people.
        model_sha256: of the ONNX file.
        runtime: library and version, such as ``tensorrt 10.3.0``.
        gpu: name of the GPU.
        capability: compute capability, such as ``8.7``.
        profile: the input sizes that it is built for.
        precision: of the arithmetic.
    """

    model: str
    model_sha256: str
    runtime: str
    gpu: str
    capability: str
    profile: str
    precision: str

    @property
    def file_name(self) -> str:
        """The name of the engine's file: the model's name for people, a digest for everything else."""
        digest = hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()
        return f"{_plain(self.model)}-{digest[:16]}{SUFFIX}"

    def differences(self, other: EngineKey) -> str:
        """What of `other` is not as here, in words."""
        words = []
        for row in fields(self):
            mine, others = getattr(self, row.name), getattr(other, row.name)
            if mine != others:
                short = slice(0, 12) if row.name == "model_sha256" else slice(None)
                words.append(f"{_WORDS[row.name]} was {others[short]} and is {mine[short]}")
        return ", ".join(words)


_WORDS = {
    "model": "the model",
    "model_sha256": "the model's SHA-256",
    "runtime": "the runtime",
    "gpu": "the GPU",
    "capability": "the compute capability",
    "profile": "the sizes",
    "precision": "the precision",
}


@dataclass(frozen=True)
class Entry:
    """One engine in the cache.

    Attributes:
        path: of the file.
        key: what it depends on.
        bytes: of the engine itself.
        seconds: that building took.
        built: when, seconds since 1970.
    """

    path: Path
    key: EngineKey
    bytes: int
    seconds: float
    built: float


class UnusableEngineError(ValueError):
    """A file that is no engine of ours, not a whole one, or not for this machine; the message says which."""


def default_folder() -> Path:
    """Where engines are kept: ``$METRIC_POSE_ENGINES``, else ``metric_pose_ros/engines`` in the user's cache folder."""
    given = os.environ.get("METRIC_POSE_ENGINES")
    if given:
        return Path(given).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "metric_pose_ros" / "engines"


class EngineCache:
    """A folder of engines, shared by every process of a user.

    Args:
        folder: that holds them; made when the first engine is built.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = default_folder() if folder is None else folder

    def get(self, key: EngineKey, build: Callable[[], bytes]) -> bytes:
        """The engine for a key, from the folder if it has it, else built and kept.

        While one process builds, others that want the same engine wait for it.

        Args:
            key: what the engine depends on.
            build: makes it; whatever it raises passes through, and leaves the folder as it was.
        """
        path = self.folder / key.file_name
        try:
            return read(path, key)[1]
        except OSError:
            pass  # not there
        except UnusableEngineError as error:
            logger.warning("%s: it is built again", error)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = (self.folder / "locks" / key.file_name).with_suffix(".lock")
            lock.parent.mkdir(exist_ok=True)
            lock.touch()
        except OSError as error:
            logger.warning("engines cannot be kept in %s (%s): this one is built at every start", self.folder, error)
            return build()
        with _alone(lock, f"another process builds the engine of {key.model}: waiting for it"):
            # It may have come while this process waited.
            try:
                return read(path, key)[1]
            except (OSError, UnusableEngineError):
                return self._build(path, key, build)

    def entries(self) -> list[Entry]:
        """Every whole engine in the folder, by name."""
        found = []
        for path in sorted(self.folder.glob(f"*{SUFFIX}")):
            try:
                found.append(read(path)[0])
            except (OSError, UnusableEngineError) as error:
                logger.warning("%s", error)
        return found

    def clear(self, model: str | None = None) -> list[Path]:
        """Removes engines, whole or not, and graphs, of one model or of all; returns the files that are gone.

        How long they took to build is remembered.
        """
        gone = []
        for path in self._files():
            if model is None or _model_of(path) == _plain(model):
                path.unlink(missing_ok=True)
                gone.append(path)
        for path in self._graphs():
            if model is None or path.stem == model:
                shutil.rmtree(path.parent, ignore_errors=True)
                gone.append(path)
        return gone

    def models(self) -> set[str]:
        """Names of the models of which `clear` would remove something."""
        return {*map(_model_of, self._files()), *(path.stem for path in self._graphs())}

    def seconds_before(self, key: EngineKey) -> float | None:
        """How long this model's engine took to build on this GPU before; None if it never was."""
        return self._times().get(_slot(key))

    def timing_file(self, key: EngineKey) -> Path:
        """Where TensorRT may remember which kernels are fastest on this GPU, for all models."""
        return self.folder / f"timing-{_plain(f'{key.runtime}-{key.gpu}-{key.capability}')}.cache"

    def kernels_file(self, key: EngineKey) -> Path:
        """Where TensorRT-RTX may keep the kernels that it compiles when this engine runs."""
        return (self.folder / key.file_name).with_suffix(".kernels")

    def _files(self) -> list[Path]:
        return sorted(path for ending in (SUFFIX, ".kernels", ".partial") for path in self.folder.glob(f"*{ending}"))

    def _graphs(self) -> list[Path]:
        return sorted((self.folder / GRAPHS).glob("*/*.onnx"))

    def _build(self, path: Path, key: EngineKey, build: Callable[[], bytes]) -> bytes:
        # Under this engine's lock nobody else writes it: what is there is unusable, or was left by a process that died.
        for left in [path, *self.folder.glob(f"{path.name}.*.partial")]:
            left.unlink(missing_ok=True)
        before = self.seconds_before(key)
        logger.warning(
            "building the engine of %s for %s with %s%s; %s",
            key.model,
            key.gpu,
            key.runtime,
            self._why(key),
            f"it took {before:.0f} s before" if before else "this takes minutes on a small GPU, and happens once",
        )
        start = time.monotonic()
        engine = build()
        seconds = time.monotonic() - start
        header = {
            "format": _FORMAT,
            "key": asdict(key),
            "bytes": len(engine),
            "sha256": hashlib.sha256(engine).hexdigest(),
            "seconds": round(seconds, 3),
            "built": time.time(),
        }
        try:
            _write(path, json.dumps(header).encode() + b"\n", engine)
            times = self._times() | {_slot(key): round(seconds, 3)}
            _write(self.folder / _TIMES, json.dumps(times, indent=1, sort_keys=True).encode())
        except OSError as error:  # a full disk must not stop a robot that has its engine in memory
            logger.warning("the engine of %s cannot be kept: %s", key.model, error)
        else:
            logger.warning("built %s, %.1f MB, in %.1f s", path, len(engine) / 1e6, seconds)
        return engine

    def _why(self, key: EngineKey) -> str:
        """Why an engine that is there for the same model does not do."""
        others = []
        for path in self.folder.glob(f"{_plain(key.model)}-*{SUFFIX}"):
            with suppress(OSError, UnusableEngineError):
                others.append(read(path)[0])
        if not others:
            return ""
        nearest = min(others, key=lambda entry: (len(key.differences(entry.key).split(", ")), -entry.built))
        return f" ({key.differences(nearest.key)})"

    def _times(self) -> dict[str, float]:
        try:
            times = plain_json.loads((self.folder / _TIMES).read_text(encoding="utf-8"))
            return {str(name): float(seconds) for name, seconds in times.items()}
        except (OSError, ValueError, AttributeError, TypeError, ArithmeticError):
            return {}


def read(path: Path, key: EngineKey | None = None) -> tuple[Entry, bytes]:
    """Reads an engine's file.

    Args:
        path: of the file.
        key: what it must be for, if anything.

    Raises:
        FileNotFoundError: if there is none.
        UnusableEngineError: if it is no engine of ours, truncated, altered, or not for `key`.
    """
    line, _, engine = path.read_bytes().partition(b"\n")
    try:
        header = plain_json.loads(line)
        version = header["format"]
        if version != _FORMAT:
            raise UnusableEngineError(f"{path} has format {version}, expected {_FORMAT}")
        if not all(isinstance(part, str) for part in header["key"].values()):
            raise ValueError("what the engine is for is not in words")
        found, digest = EngineKey(**header["key"]), str(header["sha256"])
        entry = Entry(path, found, int(header["bytes"]), float(header["seconds"]), float(header["built"]))
    except UnusableEngineError:
        raise
    # Numbers may be infinite, and brackets stand in brackets without end.
    except (ValueError, KeyError, TypeError, AttributeError, ArithmeticError) as error:
        raise UnusableEngineError(f"{path} is no engine of this package") from error
    if key is not None and found != key:
        raise UnusableEngineError(f"{path} is not for this ({key.differences(found)})")
    if len(engine) != entry.bytes:
        raise UnusableEngineError(f"{path} is truncated: it holds {len(engine)} of {entry.bytes} bytes")
    if hashlib.sha256(engine).hexdigest() != digest:
        raise UnusableEngineError(f"{path} is damaged: its content is not what was written")
    return entry, engine


def _plain(name: str) -> str:
    """A name without what file systems refuse."""
    return re.sub(r"[^A-Za-z0-9_.-]", "_", name)


def _model_of(path: Path) -> str:
    """The plain name of the model that an engine's file begins with."""
    return path.name.rpartition("-")[0]


def _slot(key: EngineKey) -> str:
    """What build times are remembered by: they hardly change with versions and weights."""
    return f"{key.model} on {key.gpu} with {key.runtime.partition(' ')[0]} for {key.profile}"


def _write(path: Path, *parts: bytes) -> None:
    """Writes a file that is either whole or not there, even if the power fails."""
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    try:
        with partial.open("wb") as file:
            for part in parts:
                file.write(part)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError:
        partial.unlink(missing_ok=True)
        raise


@contextmanager
def _alone(lock: Path, while_waiting: str) -> Iterator[None]:
    """Holds a lock that the kernel frees should this process die."""
    with lock.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            logger.warning(while_waiting)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
