"""A bag that is read: its topics, its messages in order, and an error that says what is wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

from rosbags.interfaces import Connection
from rosbags.rosbag2 import Reader

from metric_pose_ros.bags.types import typestore


class BagError(ValueError):
    """A bag that cannot be used; the message says why and what to do."""


class Recorded(NamedTuple):
    """A message as a bag holds it.

    Attributes:
        connection: where it came from.
        time_ns: when it was recorded.
        data: CDR bytes.
    """

    connection: Connection
    time_ns: int
    data: bytes

    def message(self) -> Any:
        """The message itself.

        Raises:
            BagError: if the bytes are not of the topic's type.
        """
        try:
            return typestore().deserialize_cdr(self.data, self.connection.msgtype)
        except Exception as error:  # whatever rosbags stumbles over when bytes are missing
            raise BagError(
                f"a message on {self.connection.topic} is no {self.connection.msgtype} ({error}): the bag is damaged"
            ) from error


class Source:
    """A bag of ROS 2: a folder as ``ros2 bag record`` makes it, or a single .mcap or .db3 file.

    Args:
        path: of the bag.

    Attributes:
        name: of the bag, for its result.
        storage: ``mcap`` or ``sqlite3``.
        custom: what somebody noted in the bag's metadata.

    Raises:
        FileNotFoundError: if there is nothing.
        BagError: if it is no bag, or a part of one.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = path.stem if path.suffix in (".mcap", ".db3") else path.name
        if not path.exists():
            raise FileNotFoundError(f"no bag {path}")
        if path.suffix == ".bag":
            raise BagError(f"{path} is a bag of ROS 1: convert it with `rosbags-convert --src {path} --dst NAME` first")
        if path.is_dir() and not (path / "metadata.yaml").is_file():
            raise BagError(
                f"{path} has no metadata.yaml: it is no bag of ROS 2, or its recorder was killed; then "
                f"`ros2 bag reindex {path}` mends it"
            )
        with self._explained():
            self._reader = Reader(path)
            self._reader.open()
        self.custom: dict[str, str] = dict(self._reader.storage.metadata.custom or {})
        files = list(path.iterdir()) if path.is_dir() else [path]
        self.storage = "sqlite3" if any(".db3" in file.name for file in files) else "mcap"

    def __enter__(self) -> Source:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Lets the bag go."""
        self._reader.close()

    @property
    def connections(self) -> list[Connection]:
        """Topics with their types; one per publisher of a topic, perhaps."""
        return self._reader.connections

    @property
    def extent(self) -> tuple[int, int, int]:
        """How many messages there are, and the times of the first and the last one, ns."""
        return self._reader.message_count, self._reader.start_time, self._reader.end_time

    def topics(self, *kinds: str) -> list[str]:
        """Names of topics of these types on which something was recorded."""
        return sorted({each.topic for each in self.connections if each.msgtype in kinds and each.msgcount})

    def count(self, topic: str) -> int:
        """How many messages of a topic there are."""
        return sum(each.msgcount for each in self.connections if each.topic == topic)

    def messages(self, wanted: Callable[[Connection], bool] = lambda _: True) -> Iterator[Recorded]:
        """The messages in the order in which they were recorded.

        Args:
            wanted: whether messages of a connection are needed.

        Raises:
            BagError: where the bag is damaged.
        """
        connections = [each for each in self.connections if wanted(each)]
        if not connections:
            return
        messages = self._reader.messages(connections)
        while True:
            with self._explained():
                found = next(messages, None)
            if found is None:
                return
            yield Recorded(*found)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """A bag that was cut off fails inside rosbags in many ways."""
        try:
            yield
        except Exception as error:
            if isinstance(error, OSError) and error.errno is not None:
                said = f"{self.path} cannot be read: {error.strerror}"
                raise OSError(error.errno, said, error.filename) from error
            reason = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
            raise BagError(
                f"{self.path} cannot be read ({reason.rstrip('.')}): it is no bag, or truncated or damaged. "
                "`mcap recover` mends .mcap files, `sqlite3 FILE .recover` .db3 files"
            ) from error
