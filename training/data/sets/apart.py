"""Matlab files up to version 7 and CDF files, read in a process of their own.

SciPy's reader crashes on some Matlab files that are damaged, cdflib counts to billions in some CDF files.
"""

from __future__ import annotations

import multiprocessing
import resource
import signal
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import cdflib
import numpy as np
import scipy.io

CDF_LIMIT_S = 5
"""Of CPU time. Positions of 6,000 frames take 0.02."""


def matlab(path: Path, variable: str) -> Any:
    """A variable of a Matlab file.

    Returns:
        structs as objects with attributes, cells and vectors as arrays, without axes of length 1.

    Raises:
        KeyError: if there is no such variable.
        ValueError: if the file cannot be read; the message says what became of it.
    """
    return _apart(_matlab, path, variable)


def cdf(path: Path, variable: str) -> Any:
    """A variable of a CDF file, as an array of floats.

    Raises:
        ValueError: if the file cannot be read or has no such variable.
    """
    return _apart(_cdf, path, variable)


def _matlab(path: str, variable: str) -> Any:
    return scipy.io.loadmat(path, struct_as_record=False, squeeze_me=True, variable_names=[variable])[variable]


def _cdf(path: str, variable: str) -> Any:
    resource.setrlimit(resource.RLIMIT_CPU, (CDF_LIMIT_S, CDF_LIMIT_S + 1))
    return np.asarray(cdflib.CDF(path).varget(variable), float)


def _apart(read: Callable[[str, str], Any], path: Path, variable: str) -> Any:
    # A server that has read this module forks for each file, which takes 20 ms; threads of this process do not matter.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    ours, theirs = context.Pipe(duplex=False)
    reader = context.Process(target=_send, args=(theirs, read, str(path), variable), daemon=True)
    reader.start()
    theirs.close()
    try:
        found, answer = ours.recv()
    except EOFError:
        reader.join()
        raise ValueError(f"reading it ended the process with {_ending(reader.exitcode)}") from None
    finally:
        ours.close()
    reader.join()
    if not found:
        raise answer
    return answer


def _send(to: Connection, read: Callable[[str, str], Any], path: str, variable: str) -> None:
    """In the other process: sends whether the variable was found, and it or the error."""
    try:
        answer = (True, read(path, variable))
    except KeyError as error:
        answer = (False, KeyError(*error.args))
    except Exception as error:  # these readers fail in many ways on a broken file
        answer = (False, ValueError(f"{type(error).__name__}: {error}"))
    to.send(answer)


def _ending(exit_code: int | None) -> str:
    """Such as ``SIGXCPU``."""
    return signal.Signals(-exit_code).name if exit_code is not None and exit_code < 0 else str(exit_code)
