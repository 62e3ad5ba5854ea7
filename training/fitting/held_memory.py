"""Memory that a training process has once got, it keeps: each step on a CPU needs the same gigabyte again.

The C library gives large blocks back to the system as soon as they are free, and gets them anew, zeroed page by page,
in the next layer: up to half of the time of a step.
"""

from __future__ import annotations

import ctypes
import os

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX = -1, -2, -4
"""Numbers of glibc's mallopt(3)."""
_STEP_BYTES = 256 * 2**20


def hold_memory() -> bool:
    """Tells the C library to keep what is freed, and torch to ask for large pages; call it before anything large.

    Returns:
        whether this C library can be told so (glibc).
    """
    # Read by torch when it first needs memory on the CPU.
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    wishes = ((_MMAP_MAX, 0), (_TRIM_THRESHOLD, 2**31 - 1), (_TOP_PAD, _STEP_BYTES))
    return all(mallopt(option, value) == 1 for option, value in wishes)
