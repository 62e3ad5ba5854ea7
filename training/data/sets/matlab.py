"""Matlab files up to version 7, read in a process of their own: SciPy's reader crashes on some that are damaged."""

from __future__ import annotations

import multiprocessing
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import scipy.io


def load(path: Path, variable: str) -> Any:
    """A variable of a file.

    Returns:
        structs as objects with attributes, cells and vectors as arrays, without axes of length 1.

    Raises:
        KeyError: if there is no such variable.
        ValueError: if the file cannot be read; the message says what became of it.
    """
    # A server that has read this module forks for each file, which takes 20 ms; threads of this process do not matter.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    ours, theirs = context.Pipe(duplex=False)
    reader = context.Process(target=_send, args=(theirs, str(path), variable), daemon=True)
    reader.start()
    theirs.close()
    try:
        found, answer = ours.recv()
    except EOFError:
        reader.join()
        raise ValueError(f"reading it ended the process with {reader.exitcode}") from None
    finally:
        ours.close()
    reader.join()
    if not found:
        raise answer
    return answer


def _send(to: Connection, path: str, variable: str) -> None:
    """In the other process: sends whether the variable was found, and it or the error."""
    try:
        content = scipy.io.loadmat(path, struct_as_record=False, squeeze_me=True, variable_names=[variable])
        answer = (True, content[variable])
    except KeyError as error:
        answer = (False, KeyError(*error.args))
    except Exception as error:  # SciPy's reader fails in many ways on a broken file
        answer = (False, ValueError(f"{type(error).__name__}: {error}"))
    to.send(answer)
