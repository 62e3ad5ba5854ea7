"""A bag that is written: whole under its name, or not there at all."""

from __future__ import annotations

import fcntl
import os
import shutil
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

from rosbags.interfaces import Connection
from rosbags.rosbag2 import StoragePlugin, Writer

from metric_pose_ros.bags.source import BagError, Source
from metric_pose_ros.bags.types import Definition, own, typestore

STORAGES = {"mcap": StoragePlugin.MCAP, "sqlite3": StoragePlugin.SQLITE3}
_VERSION: Literal[8] = 8
"""Of the metadata, the newest that Humble's ``ros2 bag`` reads as well as later ones."""
_REPLACED = "replaced"


class Result:
    """Writes a bag into a folder beside its final name, and moves it there when it is whole.

    A folder that a killed run left is cleared; one that a running one writes is left alone.

    Args:
        target: folder that the bag becomes.
        storage: ``mcap`` or ``sqlite3``.
        notes: kept in the bag's metadata: what it was made of.
        overwrite: whether a bag that is there already gives way.

    Raises:
        BagError: if it is there already, being written, or cannot be written.
    """

    def __init__(self, target: Path, storage: str, notes: Mapping[str, str], overwrite: bool) -> None:
        self._target = target
        self._part = target.with_name(f"{target.name}.part")
        with _writing(target):
            self._part.mkdir(parents=True, exist_ok=True)
        self._lock = os.open(self._part, os.O_RDONLY)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(self._lock)
            raise BagError(f"{target} is being written by another process: wait for it, or stop it") from error
        try:
            self._begin(storage, notes, overwrite)
        except BaseException:  # being told to end included
            shutil.rmtree(self._part, ignore_errors=True)
            os.close(self._lock)
            raise
        self._connections: dict[tuple[str, str], Connection] = {}

    def __enter__(self) -> Result:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                with _writing(self._target):
                    self._writer.close()
                    self._move()
            else:
                with suppress(OSError, sqlite3.Error):
                    self._writer.abort()
        finally:
            shutil.rmtree(self._part)
            os.close(self._lock)

    def _begin(self, storage: str, notes: Mapping[str, str], overwrite: bool) -> None:
        target = self._target
        if target.exists() and not overwrite:
            raise BagError(f"{target} exists already: give another name, or --overwrite to replace it")
        for leftover in (target.name, _REPLACED):
            shutil.rmtree(self._part / leftover, ignore_errors=True)
        self._writer = Writer(self._part / target.name, version=_VERSION, storage_plugin=STORAGES[storage])
        for key, value in notes.items():
            self._writer.set_custom_data(key, value)
        with _writing(target):
            self._writer.open()

    def _move(self) -> None:
        """Gives the bag its name; if that fails, the bag that has it now keeps it."""
        former = self._part / _REPLACED
        if self._target.exists():
            self._target.rename(former)
        try:
            (self._part / self._target.name).rename(self._target)
        except OSError:
            if former.exists():
                former.rename(self._target)
            raise

    def keep(self, connection: Connection, definition: Definition) -> None:
        """Makes place for the messages of another bag's connection, with its QoS."""
        key = connection.topic, connection.msgtype
        if key not in self._connections:
            self._connections[key] = self._writer.add_connection(
                *key,
                msgdef=definition.text,
                rihs01=definition.digest,
                offered_qos_profiles=connection.ext.offered_qos_profiles,  # type: ignore[union-attr]
            )

    def copy(self, connection: Connection, time_ns: int, data: bytes) -> None:
        """Writes a message of a connection that is kept, as it is."""
        with _writing(self._target):
            self._writer.write(self._connections[connection.topic, connection.msgtype], time_ns, data)

    def write(self, topic: str, time_ns: int, message: Any) -> None:
        """Writes a message of rosbags."""
        kind = message.__msgtype__
        if (topic, kind) not in self._connections:
            text, digest = own(kind)
            self._connections[topic, kind] = self._writer.add_connection(topic, kind, msgdef=text, rihs01=digest)
        data = typestore().serialize_cdr(message, kind)
        with _writing(self._target):
            self._writer.write(self._connections[topic, kind], time_ns, data)


@contextmanager
def _writing(target: Path) -> Iterator[None]:
    """Says which bag cannot be written, since what fails there only knows why."""
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        raise BagError(f"{target} cannot be written: {error}. Is there room left, and may it be written to?") from error


def is_made_of(target: Path, storage: str, notes: Mapping[str, str]) -> bool:
    """Whether there is a whole bag of this storage with these notes."""
    if not target.is_dir():
        return False
    try:
        with Source(target) as there:
            return there.storage == storage and all(there.custom.get(key) == value for key, value in notes.items())
    except (BagError, OSError):
        return False
