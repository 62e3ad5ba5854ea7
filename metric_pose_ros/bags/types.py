"""Message types as bags need them: those of ROS 2 Jazzy, and of the packages beside it that we write."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import NamedTuple

from rosbags.interfaces import Connection, MessageDefinitionFormat
from rosbags.typesys import Stores, get_types_from_idl, get_types_from_msg, get_typestore
from rosbags.typesys.store import Typestore

_DEFINITIONS = Path(__file__).parents[1] / "messages" / "definitions"


class Definition(NamedTuple):
    """What a bag must say of a type: its definition with all that it is made of, and its RIHS01 hash (REP-2016)."""

    text: str
    digest: str


@cache
def typestore() -> Typestore:
    """The types that are read and written here. They are the same in Humble, Jazzy and Kilted."""
    store = get_typestore(Stores.ROS2_JAZZY)
    for path in sorted(_DEFINITIONS.glob("*/msg/*.msg")):
        name = f"{path.parts[-3]}/msg/{path.stem}"
        store.register(get_types_from_msg(path.read_text(encoding="utf-8"), name))
    return store


def own(kind: str) -> Definition:
    """The definition of a type that `typestore` has."""
    return Definition(typestore().generate_msgdef(kind, ros_version=2)[0], typestore().hash_rihs01(kind))


def of_connection(connection: Connection) -> Definition | None:
    """The definition of what a bag holds; None if neither the bag nor `typestore` has it.

    Bags of Humble come without definitions, and MCAP files without hashes.
    """
    kind = connection.msgtype
    if connection.msgdef.format == MessageDefinitionFormat.NONE:
        return own(kind) if kind in typestore().fielddefs else None
    text = connection.msgdef.data
    if connection.digest:
        return Definition(text, connection.digest)
    if connection.msgdef.format == MessageDefinitionFormat.MSG:
        types = get_types_from_msg(text, kind)
    else:
        parts = [part.split("\n", 1)[1] if part.startswith("IDL: ") else part for part in text.split("=" * 80 + "\n")]
        types = {name: fields for part in parts if part for name, fields in get_types_from_idl(part).items()}
    store = get_typestore(Stores.EMPTY)
    store.register(types)
    return Definition(text, store.hash_rihs01(kind))
