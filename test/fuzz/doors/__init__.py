"""Every door through which input comes, and the module that knocks on it.

A module is imported only by who needs its doors: a fuzzer must first arrange that it can watch what is imported.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import NamedTuple

from test.fuzz.door import Door


class Row(NamedTuple):
    """A door of the table.

    Attributes:
        module: of this package, with the door in its `DOORS`.
        share: of the time, beside others' 1.
        training: whether it needs what only training needs.
    """

    module: str
    share: float = 1.0
    training: bool = False


TABLE = {
    "image": Row("images"),
    "compressed_image": Row("images"),
    "camera_info": Row("cameras"),
    "camera_yaml": Row("cameras"),
    "detections": Row("detections"),
    "transforms": Row("detections"),
    "network": Row("network", 2.0),
    "parameters": Row("parameters"),
    "model": Row("models"),
    "model_metadata": Row("models"),
    "engine_cache": Row("engines"),
    "bag_message": Row("bags"),
    "bag_mcap": Row("bags", 2.0),
    "bag_sqlite": Row("bags", 2.0),
    "data_set": Row("data_sets", 2.0, training=True),
    "shard": Row("shards", training=True),
    "pickle": Row("pickles", training=True),
    "checkpoint": Row("pickles", training=True),
    "motion": Row("assets", training=True),
    "assets": Row("assets", training=True),
}


def available() -> list[str]:
    """Names of the doors that can be knocked on here."""
    return [name for name, row in TABLE.items() if not row.training or find_spec("torch")]


def door(name: str) -> Door:
    """A door by its name.

    Raises:
        ValueError: if there is none; the message lists them.
    """
    if name not in TABLE:
        raise ValueError(f"there is no door {name!r}; there are {', '.join(TABLE)}")
    return import_module(f"test.fuzz.doors.{TABLE[name].module}").DOORS[name]
