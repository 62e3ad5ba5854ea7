"""Configuration files: YAML, one file per model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

SECTIONS = ("name", "model", "data", "fit")


def load_configuration(path: Path) -> dict[str, Any]:
    """Reads a configuration.

    Raises:
        ValueError: if it lacks a section.
        FileNotFoundError: if there is no such file.
    """
    config = yaml.safe_load(path.read_text())
    missing = [section for section in SECTIONS if section not in (config or {})]
    if missing:
        raise ValueError(f"{path} lacks {', '.join(missing)}; a configuration has {', '.join(SECTIONS)}")
    return config
