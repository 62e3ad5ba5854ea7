"""Ending a node without a traceback when it is told to stop."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import rclpy
from rclpy.executors import ExternalShutdownException

_ENDING_S = 2.0
"""Given to threads to end in."""


@contextmanager
def quietly() -> Iterator[None]:
    """Within it, Ctrl+C and a request to terminate are the end and no error."""
    try:
        yield
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    except Exception:
        # Whatever is being waited for or published when ROS goes down fails in a way of its own.
        if rclpy.ok():
            raise


def despite_threads(code: int) -> int:
    """Returns the exit code of the process, or ends it at once if threads hang that Python would wait for."""
    deadline = time.monotonic() + _ENDING_S
    others = [each for each in threading.enumerate() if each is not threading.current_thread() and not each.daemon]
    for thread in others:
        thread.join(max(deadline - time.monotonic(), 0.0))
    if any(thread.is_alive() for thread in others):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    return code
