"""Runs a module in a process that the kernel ends as soon as anything in it opens an internet socket.

``python -m test.without_network MODULE ARGUMENTS``: native libraries are held to it as well, which patching Python's
sockets would not do. Linux; a filter of the seccomp facility, see prctl(2) and linux/seccomp.h.
"""

from __future__ import annotations

import ctypes
import platform
import runpy
import socket
import struct
import sys

_SOCKET_CALL = {"x86_64": 41, "aarch64": 198}
_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _SECCOMP_MODE_FILTER = 38, 22, 2
_LOAD_WORD, _JUMP_IF_EQUAL, _RETURN = 0x20, 0x15, 0x06
_KILL_PROCESS, _ALLOW = 0x80000000, 0x7FFF0000
_CALL_AT, _FIRST_ARGUMENT_AT = 0, 16
"""Where struct seccomp_data has the system call's number, and its first argument (the socket's family)."""


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def forbid() -> None:
    """Lets the kernel end this process, and whatever it starts, with SIGSYS at its first internet socket.

    Raises:
        OSError: if the kernel does not take the filter.
    """
    instructions = b"".join(
        struct.pack("HBBI", code, if_true, if_false, value)
        for code, if_true, if_false, value in (
            (_LOAD_WORD, 0, 0, _CALL_AT),
            (_JUMP_IF_EQUAL, 0, 4, _SOCKET_CALL[platform.machine()]),
            (_LOAD_WORD, 0, 0, _FIRST_ARGUMENT_AT),
            (_JUMP_IF_EQUAL, 1, 0, socket.AF_INET),
            (_JUMP_IF_EQUAL, 0, 1, socket.AF_INET6),
            (_RETURN, 0, 0, _KILL_PROCESS),
            (_RETURN, 0, 0, _ALLOW),
        )
    )
    libc = ctypes.CDLL(None, use_errno=True)
    program = _Program(len(instructions) // 8, instructions)
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(
        _PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0
    ):
        raise OSError(ctypes.get_errno(), "the kernel takes no seccomp filter")


if __name__ == "__main__":
    forbid()
    sys.argv = sys.argv[1:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
