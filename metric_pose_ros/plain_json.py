"""JSON from files of others."""

from __future__ import annotations

import json
from typing import Any


def loads(text: str | bytes) -> Any:
    """What a text says.

    Raises:
        ValueError: if it is no JSON, or has more brackets in brackets than Python follows.
    """
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("it has too many brackets in brackets") from error
