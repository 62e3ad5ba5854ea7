"""Where the builders get their message classes from."""

from __future__ import annotations

import array
import importlib
from collections.abc import Callable
from functools import cache
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt


class MessageTypes(Protocol):
    """A source of message classes."""

    def make(self, name: str, /, **fields: Any) -> Any:
        """A message such as ``sensor_msgs/msg/Image``; fields that are not given are zero or empty."""
        ...

    def pack(self, values: npt.NDArray) -> Any:
        """Numbers as a message field holds them, row by row; without a loop in Python."""
        ...


class InstalledTypes:
    """The message classes of the ROS 2 that Python sees."""

    def make(self, name: str, /, **fields: Any) -> Any:
        return installed(name)(**fields)

    def pack(self, values: npt.NDArray) -> array.array:
        # Anything but array.array is checked element by element on assignment: 40 ms for a 720p image.
        packed = array.array(values.dtype.char)
        packed.frombytes(np.ascontiguousarray(values).data.cast("B"))
        return packed


@cache
def installed(name: str) -> type:
    """The class of a message such as ``sensor_msgs/msg/Image`` in the ROS 2 that Python sees."""
    package, kind, message = name.split("/")
    return getattr(importlib.import_module(f"{package}.{kind}"), message)


class RosbagsTypes:
    """The message classes of a rosbags typestore, for reading and writing bags without ROS.

    Args:
        typestore: as ``rosbags.typesys.get_typestore`` gives it.
    """

    def __init__(self, typestore: Any) -> None:
        self._typestore = typestore
        self._defaults: dict[str, dict[str, Callable[[], Any]]] = {}

    def make(self, name: str, /, **fields: Any) -> Any:
        if name not in self._defaults:
            _, definitions = self._typestore.fielddefs[name]
            self._defaults[name] = {field: self._default(kind) for field, kind in definitions}
        for field, default in self._defaults[name].items():
            if field not in fields:
                fields[field] = default()
        return self._typestore.types[name](**fields)

    def pack(self, values: npt.NDArray) -> npt.NDArray:
        return np.ascontiguousarray(values).ravel()

    def _default(self, kind: tuple[Any, Any]) -> Callable[[], Any]:
        """What an unset field of a kind, as rosbags describes it, is filled with."""
        node, detail = kind
        if node.name == "NAME":
            return lambda: self.make(detail)
        if node.name == "BASE":
            value = {"string": "", "bool": False, "float32": 0.0, "float64": 0.0}.get(detail[0], 0)
            return lambda: value
        (inner, inner_detail), length = detail
        if inner.name == "BASE" and inner_detail[0] not in ("string", "bool"):
            return lambda: np.zeros(length, inner_detail[0])
        element = self._default((inner, inner_detail))
        return lambda: [element() for _ in range(length)]
