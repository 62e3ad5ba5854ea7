"""Who is who in messages: a name for frames and a number for markers, the same over frames."""

from __future__ import annotations

import re

from metric_pose_ros.people import Person


def name(person: Person, place: int) -> str:
    """The id that frame names end in; people whom no tracker has named are called by their place in the list."""
    return person.id or f"p{place + 1}"


def number(person: Person, place: int) -> int:
    """The number in an id such as ``p12``.

    Raises:
        ValueError: if the id has none.
    """
    digits = re.search(r"\d+$", name(person, place))
    if digits is None:
        raise ValueError(f"a person has the id {person.id!r}, expected letters followed by a number, such as p12")
    return int(digits.group())
