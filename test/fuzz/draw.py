"""Choices that make hostile input: from a fuzzer's bytes, or from Hypothesis.

Whoever asks gets the first choice, or the usual value, where the bytes have come to their end: nothing at all makes
input that is as it should be, and every byte more may do harm.
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Sequence
from typing import TypeVar

from hypothesis import strategies

Item = TypeVar("Item")

NUMBERS = (
    0.0,
    -0.0,
    1.0,
    -1.0,
    math.nan,
    math.inf,
    -math.inf,
    1e308,
    -1e308,
    5e-324,
    1e-12,
    1e-3,
    0.5,
    1e3,
    1e6,
    1e12,
    1e39,
    math.pi,
    2**31,
    2**32,
    2**53,
    2**63,
)
TEXTS = ("", " ", "\x00", "person", "camera", "a" * 300, "ä€😀", "../../etc/passwd", "%s%n{}", "nan", "\n", "rgb8", "/")
WRITTEN = (
    b"0",
    b"-1",
    b"1e999",
    b"-1e999",
    b".nan",
    b".inf",
    b"NaN",
    b"Infinity",
    b"1e-999",
    b"99999999999999999999",
    b"",
    b"x",
    b"2147483648",
    b"65536",
    b"1_0",
    b"null",
    b"true",
    b'""',
    b"[]",
    b"{}",
)
"""What may stand in the place of a number in a text."""
_NUMBER = re.compile(rb"-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")
_MOST_BYTES = 1 << 17
"""Whatever is repeated, files stay below twice that: the fuzzer is after wrong answers, not after large files."""


class Draw:
    """A source of choices."""

    def integer(self, low: int, high: int) -> int:
        """A whole number of a range, both ends included."""
        raise NotImplementedError

    def raw(self, most: int) -> bytes:
        """At most so many bytes."""
        raise NotImplementedError

    def choice(self, options: Sequence[Item]) -> Item:
        """One of several; the first is the usual one."""
        return options[self.integer(0, len(options) - 1)]

    def sometimes(self, of: int = 4) -> bool:
        """Usually not; else once in so many."""
        return self.integer(0, of - 1) == of - 1

    def number(self, usual: float) -> float:
        """A number: the usual one, one near it, a dangerous one, or any."""
        kind = self.integer(0, 5)
        if kind <= 1:
            return usual
        if kind == 2:
            return self.choice(NUMBERS)
        if kind == 3:
            return float(usual * 10.0 ** self.integer(-12, 12))
        if kind == 4:
            return usual + self.integer(-1000, 1000) / 100
        return struct.unpack("<d", self.raw(8).ljust(8, b"\0"))[0]

    def whole(self, usual: int, low: int, high: int) -> int:
        """A whole number of a range: the usual one, one near it, a dangerous one, or any."""
        kind = self.integer(0, 4)
        near = usual + self.integer(-3, 3) if kind == 1 else usual
        if kind == 2:
            near = self.choice((low, high, 0, 1, 2**15, 2**16, 2**31 - 1, 2**31, 2**32 - 1))
        if kind == 3:
            return self.integer(low, high)
        return min(max(near, low), high)

    def text(self, usual: str, others: Sequence[str] = ()) -> str:
        """A text: the usual one, one of others, a nasty one, or any."""
        kind = self.integer(0, 4)
        if kind == 1 and others:
            return self.choice(others)
        if kind == 2:
            return self.choice(TEXTS)
        if kind == 3:
            return self.raw(32).decode("utf-8", "replace")
        return usual

    def mutated(self, content: bytes, tokens: Sequence[bytes] = (), most: int = 8) -> bytes:
        """A file with changes.

        Args:
            content: of the file as it should be.
            tokens: words of its format, or what is known to hurt.
            most: changes.
        """
        for _ in range(self.integer(0, most)):
            content = self._changed(content, tokens)[: 2 * _MOST_BYTES]
        return content

    def _changed(self, content: bytes, tokens: Sequence[bytes]) -> bytes:
        kind = self.integer(0, 9)
        if kind == 0:
            return self._renumbered(content)
        at = self.integer(0, len(content))
        if kind == 1:
            return content[:at]
        if kind == 2 and tokens:
            return content[:at] + self.choice(tokens) + content[at:]
        size = self.choice((1, 2, 4, 8))
        if kind == 3:
            value = self.choice((0, 1, -1, 127, 128, 255, 256, 2**15, 2**16, 2**31 - 1, 2**31, 2**32 - 1, 2**63))
            order = self.choice(("little", "big"))
            return content[:at] + (value % 256**size).to_bytes(size, order) + content[at + size :]
        if kind == 4:
            return content[:at] + self.raw(16) + content[at:]
        if kind == 5:
            return content[:at] + bytes([self.integer(0, 255)]) + content[at + 1 :]
        end = min(at + self.integer(1, 64) * size, len(content))
        if kind == 6:
            return content[:at] + content[end:]
        if kind == 7:
            times = self.choice((1, 2, 10, 1000)) if end - at < 200 else 1
            return content[:end] + content[at:end] * times + content[end:]
        if kind == 8 and tokens:
            return content[:at] + self.choice(tokens) + content[end:]
        to = self.integer(0, len(content))
        return content[:to] + content[at:end] + content[to + end - at :]

    def _renumbered(self, content: bytes) -> bytes:
        """One of the numbers that are written in it is another."""
        places = list(_NUMBER.finditer(content[:_MOST_BYTES]))
        if not places:
            return content
        place = self.choice(places)
        value = self.choice(WRITTEN) if self.integer(0, 1) == 0 else str(self.integer(-100, 100)).encode()
        return content[: place.start()] + value + content[place.end() :]


class FromBytes(Draw):
    """Choices that bytes make, from their beginning.

    Args:
        data: what the fuzzer gives.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def integer(self, low: int, high: int) -> int:
        size = ((high - low).bit_length() + 7) // 8
        return low + int.from_bytes(self.raw(size), "little") % (high - low + 1)

    def raw(self, most: int) -> bytes:
        part = self._data[self._at : self._at + most]
        self._at += most
        return part


class FromHypothesis(Draw):
    """Choices that Hypothesis makes, and makes simpler where something fails.

    Args:
        data: what ``strategies.data()`` gives a test.
    """

    def __init__(self, data: strategies.DataObject) -> None:
        self._data = data

    def integer(self, low: int, high: int) -> int:
        return self._data.draw(strategies.integers(low, high))

    def raw(self, most: int) -> bytes:
        return self._data.draw(strategies.binary(max_size=most))
