"""Errors for the person reading the log: each said once in a while, all of them counted."""

from __future__ import annotations

import re
import threading
import time
from typing import Any

_MOST_KINDS = 100
_LONGEST = 2000
"""Letters of a complaint; messages may hold names of any length."""


class Complaints:
    """Logs what is wrong without flooding the log.

    Args:
        logger: of the node.
        every_s: seconds before the same complaint, numbers aside, is logged again.

    Attributes:
        count: complaints so far, logged or not.
        latest: text of the latest one.
        latest_error: text of the latest error, as against something that is only waited for.
        latest_s, latest_error_s: when they came, in seconds of `time.monotonic`; minus infinity before the first.
    """

    def __init__(self, logger: Any, every_s: float = 5.0) -> None:
        self.count = 0
        self.latest = self.latest_error = ""
        self.latest_s = self.latest_error_s = float("-inf")
        self._logger = logger
        self._every_s = every_s
        self._said: dict[str, float] = {}
        self._lock = threading.Lock()

    def error(self, text: str, details: str = "") -> None:
        """Something given to the node is wrong; `details` are for the log alone."""
        text = _shortened(text)
        if self._due(text, is_error=True):
            self._logger.error(f"{text}\n{details}" if details else text)

    def warning(self, text: str) -> None:
        """Something the node waits for is missing."""
        text = _shortened(text)
        if self._due(text, is_error=False):
            self._logger.warning(text)

    def _due(self, text: str, is_error: bool) -> bool:
        # Texts that differ in numbers alone are the same complaint, such as an image cut at another byte each time.
        kind = re.sub(r"\d+", "#", text)
        now = time.monotonic()
        with self._lock:
            self.count += 1
            self.latest, self.latest_s = text, now
            if is_error:
                self.latest_error, self.latest_error_s = text, now
            if now - self._said.get(kind, float("-inf")) < self._every_s:
                return False
            if len(self._said) >= _MOST_KINDS:
                self._said.clear()
            self._said[kind] = now
            return True


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} ... ({len(text)} letters)"
