"""A place for the newest of something: the newcomer replaces who waits, and whoever takes never sees anything old."""

from __future__ import annotations

import threading
from typing import Generic, TypeVar

T = TypeVar("T")


class Latest(Generic[T]):
    """Hands the newest item from one thread to another.

    Attributes:
        received: items put so far.
        dropped: items replaced before anybody took them.
    """

    def __init__(self) -> None:
        self.received = 0
        self.dropped = 0
        self._item: T | None = None
        self._closed = False
        self._changed = threading.Condition()

    def put(self, item: T) -> None:
        """Stores the item; replaces one that nobody took."""
        with self._changed:
            self.received += 1
            self.dropped += self._item is not None
            self._item = item
            self._changed.notify()

    def take(self) -> T | None:
        """Waits for an item and removes it. None once closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._item is not None)
            item, self._item = self._item, None
            return None if self._closed else item

    def close(self) -> None:
        """Ends the waiting, now and later."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
