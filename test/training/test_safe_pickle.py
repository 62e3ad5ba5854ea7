"""Reading pickles without running them: data arrives, programs do not."""

from __future__ import annotations

import collections
import io
import pickle
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from training.safe_pickle import Foreign, RefusedPickleError, load_pickle


class JointInfo:
    """As somebody else's package might have it."""

    def __init__(self, names: list[str]) -> None:
        self.names = names
        self.edges = np.array([[0, 1]])


class Calls:
    """Pickles into a call of `function`."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self._reduced: tuple[Any, ...] = function, arguments

    def __reduce__(self) -> tuple[Any, ...]:
        return self._reduced


def read(data: bytes, foreign: tuple[str, ...] = ()) -> Any:
    return load_pickle(io.BytesIO(data), foreign)


ARRAYS = {
    "float32": np.arange(6, dtype=np.float32).reshape(2, 3),
    "fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "big_endian": np.arange(3, dtype=">i4"),
    "empty": np.zeros((0, 3)),
    "scalar array": np.array(2.5),
    "names": np.array(["neck", "lhip"]),
    "bytes": np.array([b"ab", b"c"]),
    "truth": np.array([True, False]),
    "objects": np.array([{"a": 1}, [2, 3], None], dtype=object),
}


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("name", ARRAYS)
def test_arrays_come_back_as_they_were(name: str, protocol: int) -> None:
    data = pickle.dumps({"first": ARRAYS[name], "again": [ARRAYS[name]]}, protocol)
    found, usual = read(data), pickle.loads(data)  # noqa: S301 - made two lines above
    for array in (found["first"], found["again"][0]):
        assert type(array) is np.ndarray
        assert array.dtype == usual["first"].dtype
        np.testing.assert_array_equal(array, ARRAYS[name])


@pytest.mark.parametrize("protocol", range(6))
def test_containers_and_numbers_come_back_as_they_were(protocol: int) -> None:
    value = {
        "number": 2**70, "text": "Gelenk µ", "bytes": b"\x00\xff", "pair": (1, (2.5, None)), "set": {1, 2},
        "ordered": collections.OrderedDict(a=np.float32(1.5)), "grouped": collections.defaultdict(list, a=[1]),
    }  # fmt: skip
    assert read(pickle.dumps(value, protocol)) == value


def test_an_array_of_python_2_is_read() -> None:
    # What Python 2.7 with NumPy 1.11 writes for {'m': numpy.array([1.5, -2.0])}: byte strings in the opcode U.
    values = struct.pack("<2d", 1.5, -2.0)
    data = (
        b"\x80\x02}U\x01mcnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R(K\x01K\x02\x85"
        b"cnumpy\ndtype\nU\x02f8K\x00K\x01\x87R(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89"
        b"U\x10" + values + b"tbs."
    )
    np.testing.assert_array_equal(read(data)["m"], [1.5, -2.0])


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("name", ["JointInfo", f"{__name__}.JointInfo"])
def test_objects_of_named_classes_become_holders_of_their_attributes(name: str, protocol: int) -> None:
    found = read(pickle.dumps(JointInfo(["neck", "lhip"]), protocol), (name,))
    assert isinstance(found, Foreign)
    assert found.class_name == f"{__name__}.JointInfo"
    assert vars(found)["names"] == ["neck", "lhip"]
    np.testing.assert_array_equal(vars(found)["edges"], [[0, 1]])
    assert type(vars(found)["edges"]) is np.ndarray


def test_objects_of_other_classes_are_refused_by_name() -> None:
    with pytest.raises(RefusedPickleError, match=r"asks for .*JointInfo.*and objects of Skeleton"):
        read(pickle.dumps(JointInfo([])), ("Skeleton",))


@pytest.mark.parametrize("module", [b"os", b"posix", b"subprocess", b"builtins", b"__builtin__", b"numpy.f2py"])
@pytest.mark.parametrize("function", [b"system", b"eval", b"exec", b"getattr", b"__import__", b"dict.fromkeys"])
def test_a_call_is_refused_and_never_made(module: bytes, function: bytes, tmp_path: Path) -> None:
    trap = tmp_path / "sprung"
    said = f"open({str(trap)!r}, 'w')".encode()
    with pytest.raises(RefusedPickleError, match=function.decode()):
        read(b"c" + module + b"\n" + function + b"\n(X" + struct.pack("<I", len(said)) + said + b"tR.")
    assert not trap.exists()


def test_a_dotted_name_of_protocol_4_does_not_reach_into_a_known_class() -> None:
    with pytest.raises(RefusedPickleError, match=r"__init__\.__globals__"):
        read(b"\x80\x04\x8c\x0bcollections\x8c\x20OrderedDict.__init__.__globals__\x93.")


@pytest.mark.parametrize(
    "arguments",
    [
        (object, (0,), "b"),  # no array at all
        (np.ndarray, (10**15,), "b"),  # more memory than there is
        (np.ndarray, (2,), "O"),  # whatever lay in memory, as objects
    ],
)
def test_numpy_reconstruct_makes_nothing_but_empty_arrays(arguments: tuple[Any, ...]) -> None:
    with pytest.raises(RefusedPickleError, match="makes a NumPy array out of"):
        read(pickle.dumps(Calls(np.zeros(0).__reduce__()[0], *arguments), 2))


def test_the_array_class_cannot_be_called() -> None:
    with pytest.raises(ValueError, match="no pickle that can be read"):
        read(pickle.dumps(Calls(np.ndarray, (10**15,)), 2))


class ArrayWith:
    """Pickles into an array with a state of the test's choice."""

    def __init__(self, *state: Any) -> None:
        self._state = state

    def __reduce__(self) -> tuple[Any, ...]:
        reduced: Any = np.zeros(0).__reduce__()
        return (*reduced[:2], self._state)


@pytest.mark.parametrize(
    ("state", "complaint"),
    [
        ((1, (10**12,), np.dtype("f8"), False, b"12345678"), "8000000000000 bytes with 8 bytes"),
        ((1, (1,), np.dtype(object), False, b"12345678"), "without as many objects"),
        ((1, (-1,), np.dtype("f8"), False, b""), "shape"),
        ((1, (1,), "f8", False, b"12345678"), "without a dtype"),
        ((1, (1,), np.dtype([("a", "f8")]), False, b"12345678"), "dtype 'V8'"),
    ],
)
def test_an_array_is_what_its_state_can_hold(state: tuple[Any, ...], complaint: str) -> None:
    with pytest.raises(RefusedPickleError, match=complaint):
        read(pickle.dumps(ArrayWith(*state), 2))


def test_bytes_are_never_taken_for_addresses_of_objects() -> None:
    # An object dtype whose state says that its elements need no list: NumPy's own unpickling would believe it.
    dtype = Calls(np.dtype, "O8", False, True)
    dtype._reduced += ((3, "|", None, None, None, -1, -1, 0),)
    with pytest.raises(RefusedPickleError, match="without as many objects"):
        read(pickle.dumps(ArrayWith(1, (1,), dtype, False, b"\x41" * 8), 2))


@pytest.mark.parametrize("data", [b"", b"not a pickle", pickle.dumps([1, 2, 3])[:-4], b"\x80\x04R."])
def test_a_broken_file_is_named(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "broken.pkl"
    path.write_bytes(data)
    with pytest.raises(ValueError, match=r"broken\.pkl is no pickle that can be read"):
        load_pickle(path)


@pytest.mark.parametrize(
    "data",
    [
        b"clost\nThing\n.",
        b"cbuiltins\nlist\n.",
        b"(lp0\ncbuiltins\nint\na.",
        b"(dcnumpy.core.multiarray\n_reconstruct\nI1\ns.",
        b"(ccollections\nOrderedDict\nt.",
    ],
    ids=["stand-in", "class", "in a list", "function for a key", "in a tuple"],
)
def test_classes_and_functions_themselves_are_no_data(data: bytes) -> None:
    with pytest.raises(RefusedPickleError, match="itself, expected data"):
        read(data, ("Thing",))
