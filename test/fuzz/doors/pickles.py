"""Pickles that are read as data, and checkpoints."""

from __future__ import annotations

import collections
import io
import pickle
from pathlib import Path

import numpy as np
import torch

from test.fuzz.door import Check, Door
from test.fuzz.draw import Draw
from training.checkpoint import read_checkpoint, write_checkpoint
from training.safe_pickle import Foreign, load_pickle

_TOKENS = (
    b"cos\nsystem\n(S'true'\ntR.",
    b"cbuiltins\neval\n",
    b"cnumpy\nndarray\n",
    b"cnumpy\ndtype\n",
    b"cnumpy.core.multiarray\n_reconstruct\n",
    b"R",
    b"b",
    b"o",
    b"\x81",
    b"0",
    b"2",
    b"}",
    b"]",
    b"(",
    b"t",
    b"\x8a\xff",
    b"S'\\x",
    b"I99999999999\n",
    b"j\xff\xff\xff\xff",
    b"\x8e\xff\xff\xff\xff\xff\xff\xff\x7f",
    b"B\xff\xff\xff\x7f",
    b"]" * 2000,
    b"]a" * 2000,
    b"cbuiltins\nlist\n",
    b"cbuiltins\nset\n",
    b"cbuiltins\nint\n",
    b"cbuiltins\nstr\n",
    b"cbuiltins\ntuple\n",
    b"ccollections\nOrderedDict\n",
    b"clost\nThing\n",
    b".",
)

PLAIN = (
    dict, list, tuple, set, frozenset, str, bytes, bytearray, int, float, complex, type(None), Foreign, np.ndarray,
    np.generic, np.dtype,
)  # fmt: skip
"""What may come out."""


def _pickles() -> list[bytes]:
    shared = [1, 2.5, "ä"]
    value = {
        "sequence": "walk",
        "cam": np.eye(3),
        "poses": [np.zeros((2, 72), np.float32), shared, shared],
        "names": np.array(["a", None, 3], object),
        "valid": (True, None, {1, 2}, b"raw", 10**30, 1 + 2j),
        "more": collections.OrderedDict(a=np.float64(2.0)),
    }
    return [pickle.dumps(value, protocol) for protocol in (2, 0, 3, 4, 5)]


def open_pickle(folder: Path) -> Check:
    """Pickles of every protocol."""
    files = _pickles()

    def check(draw: Draw) -> None:
        found = load_pickle(io.BytesIO(draw.mutated(draw.choice(files), _TOKENS)), foreign=("Thing",))
        assert not isinstance(found, type), f"{found} came out of a pickle"
        assert isinstance(found, PLAIN), f"{type(found)} came out of a pickle"

    return check


def open_checkpoint(folder: Path) -> Check:
    """Checkpoints of training."""
    path = folder / "last.ckpt"
    state = {
        "config": {"model": {"backbone": {"name": "resnet18"}}},
        "step": 3,
        "model": {"w": torch.arange(4.0)},
        "curve": [1.0],
    }
    write_checkpoint(path, state)
    good = path.read_bytes()

    def check(draw: Draw) -> None:
        path.write_bytes(draw.mutated(good, (*_TOKENS, b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06", b"data.pkl")))
        found = read_checkpoint(path)
        assert {"config", "step", "model"} <= set(found)

    return check


DOORS = {"pickle": Door(open_pickle), "checkpoint": Door(open_checkpoint)}
