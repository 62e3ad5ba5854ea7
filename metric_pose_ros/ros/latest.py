"""A place for the newest of each of several things: newcomers replace who waits, and whoever takes sees nothing old."""

from __future__ import annotations

import threading
import time
from typing import Generic, TypeVar

T = TypeVar("T")


class Latest(Generic[T]):
    """Hands the newest items from threads to another.

    Attributes:
        received: items put so far.
        dropped: items replaced before anybody took them.
    """

    def __init__(self) -> None:
        self.received = 0
        self.dropped = 0
        self._items: dict[str, T] = {}
        self._closed = False
        self._changed = threading.Condition()

    def put(self, name: str, item: T) -> None:
        """Stores the item of a name; replaces one that nobody took."""
        with self._changed:
            self.received += 1
            self.dropped += name in self._items
            self._items[name] = item
            self._changed.notify()

    def take(self, not_before_s: float = 0.0) -> dict[str, T] | None:
        """Waits for an item and removes all that are there, by name. None once closed.

        Args:
            not_before_s: time of `time.monotonic` until which newer items may still replace those that came.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._closed, max(not_before_s - time.monotonic(), 0.0))
            self._changed.wait_for(lambda: self._closed or bool(self._items))
            items, self._items = self._items, {}
            return None if self._closed else items

    def close(self) -> None:
        """Ends the waiting, now and later."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
