"""Pickle files read as data: nothing that a file names is ever imported or called.

A pickle is a program, and may call any function of any module. This reader knows plain containers and NumPy arrays, and
builds those itself; of classes that the caller names it makes inert holders of attributes; everything else is refused.
Files that Python 2 wrote are read too, byte strings as text in Latin-1.
"""

from __future__ import annotations

import collections
import math
import pickle
import re
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt


class RefusedPickleError(ValueError):
    """A pickle that asks for something that is not plain data; the message names it."""


class Foreign:
    """What stands for an object of a class that is not imported.

    Attributes:
        class_name: module and name of the class.
        arguments: that it was to be made with.
        items: of a class like a dictionary.
        elements: of a class like a list or set.

    What the object's ``__dict__`` held are attributes, too.
    """

    class_name = ""

    def __init__(self, *arguments: Any) -> None:
        self.arguments = arguments
        self.items: dict[Any, Any] = {}
        self.elements: list[Any] = []

    def __setstate__(self, state: Any) -> None:
        # Objects with slots hand over a pair: the dictionary and the slots.
        parts = state if isinstance(state, tuple) else (state,)
        for part in parts:
            if part is None:
                continue
            if not isinstance(part, dict):
                raise RefusedPickleError(f"an object of {self.class_name} has {type(part).__name__} for its state")
            for name, value in part.items():
                if not isinstance(name, str) or (name.startswith("__") and name.endswith("__")):
                    raise RefusedPickleError(f"an object of {self.class_name} has an attribute {name!r}")
                self.__dict__[name] = value

    def __setitem__(self, key: Any, value: Any) -> None:
        self.items[key] = value

    def append(self, element: Any) -> None:
        """Takes an element, as a list does."""
        self.elements.append(element)

    def extend(self, elements: list[Any]) -> None:
        """Takes elements, as a list does."""
        self.elements.extend(elements)


def load_pickle(file: Path | BinaryIO, foreign: Collection[str] = (), encoding: str = "latin1") -> Any:
    """Reads a pickle.

    Args:
        file: a path or an open file.
        foreign: classes that become `Foreign` objects: ``module.Class``, or ``Class`` of whatever module.
        encoding: of the byte strings of Python 2; ``bytes`` leaves them as they are.

    Returns:
        numbers, text, containers, NumPy arrays and `Foreign` objects.

    Raises:
        RefusedPickleError: if the file asks for anything else; the message names it.
        ValueError: if the file is no pickle, or is cut off.
        OSError: if it cannot be read.
    """
    if isinstance(file, Path):
        with file.open("rb") as opened:
            return load_pickle(opened, foreign, encoding)
    name = getattr(file, "name", "the pickle")
    try:
        return _Plain().convert(_Unpickler(file, frozenset(foreign), encoding).load())
    except RefusedPickleError as error:
        raise RefusedPickleError(f"{name} is not read: {error}") from error
    except (
        pickle.UnpicklingError, EOFError, AttributeError, ImportError, IndexError, KeyError, MemoryError, OverflowError,
        TypeError, UnicodeError, ValueError, RecursionError,
    ) as error:  # fmt: skip
        # A broken stream makes the unpickler fail in any of these ways.
        raise ValueError(f"{name} is no pickle that can be read: {type(error).__name__}: {error}") from error


class _Unpickler(pickle.Unpickler):
    """Looks every name up in a table instead of importing it."""

    def __init__(self, file: BinaryIO, foreign: frozenset[str], encoding: str) -> None:
        super().__init__(file, encoding=encoding)
        self._foreign = foreign
        self._made: dict[str, type[Foreign]] = {}

    def find_class(self, module: str, name: str) -> Any:
        """What stands for ``module.name``."""
        known = _KNOWN.get((module.replace("numpy._core", "numpy.core"), name))
        if known is not None:
            return known
        whole = f"{module}.{name}"
        if whole in self._foreign or name in self._foreign:
            if whole not in self._made:
                self._made[whole] = type("Foreign", (Foreign,), {"class_name": whole})
            return self._made[whole]
        raise RefusedPickleError(
            f"it asks for {whole}, and only containers, numbers and NumPy arrays are read"
            + (f", and objects of {', '.join(sorted(self._foreign))}" if self._foreign else "")
        )


class _Dtype:
    """A dtype in the making. NumPy's own would let a file set flags that make it take bytes for addresses."""

    def __init__(self, code: Any, align: Any = False, copy: Any = True) -> None:
        if not isinstance(code, str) or not re.fullmatch(r"[<>|=]?([biufcSU][0-9]{0,4}|O[48]?|[?])", code):
            raise RefusedPickleError(f"it has a NumPy array of dtype {code!r}, expected numbers, text or objects")
        self.dtype = np.dtype(object) if code.lstrip("<>|=").startswith("O") else np.dtype(code)

    def __setstate__(self, state: Any) -> None:
        _version, order, subdtype, names, fields = state[:5]
        if subdtype is not None or names is not None or fields is not None or order not in ("<", ">", "=", "|"):
            raise RefusedPickleError("it has a structured NumPy array, expected one of numbers, text or objects")
        self.dtype = self.dtype.newbyteorder(order)


class _Array(np.ndarray):
    """An array in the making: NumPy's own `__setstate__` is reached only with a dtype that was made here."""

    def __setstate__(self, state: Any) -> None:
        shape, dtype, fortran, data = state[-4:]
        shape = _checked_shape(shape)
        if not isinstance(dtype, _Dtype):
            raise RefusedPickleError("it has a NumPy array without a dtype")
        if dtype.dtype.hasobject:
            if not isinstance(data, list) or len(data) != math.prod(shape):
                raise RefusedPickleError(f"it has an array of objects of shape {shape} without as many objects")
        else:
            data = _raw(data, math.prod(shape) * dtype.dtype.itemsize)
        super().__setstate__((1, shape, dtype.dtype, bool(fortran), data))  # type: ignore[arg-type]


def _reconstruct(kind: Any, shape: Any, typecode: Any) -> _Array:
    """An empty array, which its state fills."""
    if kind is not _ARRAY or shape != (0,):
        raise RefusedPickleError(f"it makes a NumPy array out of {kind!r} and {shape!r}, expected ndarray and (0,)")
    return np.zeros(0, np.int8).view(_Array)


def _from_buffer(data: Any, dtype: Any, shape: Any, order: Any) -> npt.NDArray[Any]:
    """An array of pickle protocol 5."""
    if not isinstance(dtype, _Dtype) or dtype.dtype.hasobject or order not in ("C", "F"):
        raise RefusedPickleError(f"it has an array of a buffer with dtype {dtype!r} and order {order!r}")
    shape = _checked_shape(shape)
    raw = _raw(data, math.prod(shape) * dtype.dtype.itemsize)
    return np.frombuffer(raw, dtype.dtype).reshape(shape, order=order).copy()


def _scalar(dtype: Any, data: Any = b"") -> Any:
    """One NumPy number."""
    if not isinstance(dtype, _Dtype) or dtype.dtype.hasobject:
        raise RefusedPickleError(f"it has a NumPy scalar with dtype {dtype!r}")
    return np.frombuffer(_raw(data, dtype.dtype.itemsize), dtype.dtype)[0]


def _checked_shape(shape: Any) -> tuple[int, ...]:
    if not isinstance(shape, tuple) or not all(isinstance(side, int) and side >= 0 for side in shape):
        raise RefusedPickleError(f"it has a NumPy array of shape {shape!r}")
    return shape


def _raw(data: Any, size: int) -> bytes:
    """The bytes of an array; those that Python 2 wrote come as text."""
    raw = (
        data.encode("latin1") if isinstance(data, str) else bytes(data) if isinstance(data, bytes | bytearray) else b""
    )
    if len(raw) != size:
        raise RefusedPickleError(f"it has a NumPy array of {size} bytes with {len(raw)} bytes of data")
    return raw


def _encode(text: Any, encoding: Any = "latin1") -> bytes:
    """How protocols below 3 spell bytes."""
    if not isinstance(text, str) or encoding not in ("latin1", "latin-1"):
        raise RefusedPickleError(f"it asks for _codecs.encode with {encoding!r}")
    return text.encode("latin1")


def _no_bytes() -> bytes:
    """How protocols below 3 spell bytes where there are none."""
    return b""


def _new_object(kind: Any, base: Any, state: Any) -> Foreign:
    """How protocols below 2 make an object."""
    if not isinstance(kind, type) or not issubclass(kind, Foreign):
        raise RefusedPickleError(f"it makes an object out of {kind!r}")
    return kind() if state is None else kind(state)


class _Plain:
    """Turns the arrays in the making into NumPy's own, wherever they are."""

    def __init__(self) -> None:
        self._done: dict[int, tuple[Any, Any]] = {}

    def convert(self, value: Any) -> Any:
        """The same value without `_Array`; containers that may be changed stay the same objects."""
        if id(value) in self._done:
            return self._done[id(value)][1]
        if isinstance(value, _Array):
            if value.dtype.hasobject:
                flat = value.reshape(-1)
                for place, element in enumerate(flat):
                    flat[place] = self.convert(element)
            return self._keep(value, value.view(np.ndarray))
        if isinstance(value, _Dtype):
            return self._keep(value, value.dtype)
        if isinstance(value, dict):
            self._keep(value, value)
            for key in value:
                self.convert(key)
                value[key] = self.convert(value[key])
        elif isinstance(value, list):
            self._keep(value, value)
            value[:] = [self.convert(element) for element in value]
        elif isinstance(value, (set, frozenset)):
            for element in value:
                self.convert(element)
        elif isinstance(value, tuple):
            return self._keep(value, tuple(self.convert(element) for element in value))
        elif isinstance(value, Foreign):
            self._keep(value, value)
            for name, held in vars(value).items():
                vars(value)[name] = self.convert(held)
        elif callable(value):
            raise RefusedPickleError(f"it holds {value!r} itself, expected data")
        return value

    def _keep(self, old: Any, new: Any) -> Any:
        self._done[id(old)] = (old, new)  # holding the old one keeps its id from being given to another
        return new


_ARRAY = "numpy.ndarray"
"""Stands for the class where a pickle names it; it cannot be called."""

_CONTAINERS: dict[str, Callable[..., Any]] = {
    kind.__name__: kind for kind in (set, frozenset, list, dict, tuple, int, float, bool, complex, str, object)
}

_KNOWN: dict[tuple[str, str], Any] = {
    **{(module, name): kind for module in ("builtins", "__builtin__") for name, kind in _CONTAINERS.items()},
    ("__builtin__", "unicode"): str,
    ("__builtin__", "long"): int,
    ("collections", "OrderedDict"): collections.OrderedDict,
    ("collections", "defaultdict"): collections.defaultdict,
    ("builtins", "bytes"): _no_bytes,
    ("__builtin__", "bytes"): _no_bytes,
    ("_codecs", "encode"): _encode,
    ("copy_reg", "_reconstructor"): _new_object,
    ("copyreg", "_reconstructor"): _new_object,
    ("numpy", "ndarray"): _ARRAY,
    ("numpy", "dtype"): _Dtype,
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy.core.multiarray", "scalar"): _scalar,
    ("numpy.core.numeric", "_frombuffer"): _from_buffer,
}
