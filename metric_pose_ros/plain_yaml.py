"""YAML files of settings: a screenful of names and values, and nothing that takes a second to read."""

from __future__ import annotations

from typing import Any

import yaml

_LONGEST = 50_000
_DEEPEST = 50


def load(content: bytes | str) -> Any:
    """What a YAML text says.

    PyYAML takes minutes for some thousand brackets, and a few references to references stand for more than memory
    holds; no file of settings has either.

    Args:
        content: UTF-8.

    Raises:
        ValueError: if it is not YAML, is longer than any such file, or has too many brackets, or has references; the
            message says which.
    """
    if len(content) > _LONGEST:
        raise ValueError(f"it has {len(content)} bytes, expected some hundred and at most {_LONGEST}")
    try:
        text = content if isinstance(content, str) else content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"not YAML: {error}") from error
    depth = _deepest(text)
    if depth > _DEEPEST:
        raise ValueError(f"it has brackets in brackets {depth} deep, expected at most {_DEEPEST}")
    try:
        return yaml.load(text, _Loader)  # noqa: S506 - a safe loader that lets less through
    except RecursionError as error:
        raise ValueError("not YAML that can be read: it is nested too deeply") from error
    # PyYAML makes numbers, dates and texts of what it finds, and each may fail in its own way.
    except Exception as error:
        raise ValueError(f"not YAML: {error}") from error


class _Loader(yaml.SafeLoader):
    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("it has a reference (*), which is not taken: write out what it stands for")
        return super().compose_node(parent, index)


def _deepest(text: str) -> int:
    """How deep brackets stand in brackets at most."""
    depth = deepest = 0
    for letter in text:
        if letter in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif letter in "]}":
            depth -= 1
    return deepest
