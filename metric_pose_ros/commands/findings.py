"""One line of `metric-pose doctor`'s report."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """What was found.

    Attributes:
        state: ``ok``, ``note`` (works, but worth knowing) or ``FAIL``.
        text: what was found, and what to do about it.
    """

    state: str
    text: str
