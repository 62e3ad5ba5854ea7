"""Ending a node without a traceback when it is told to stop."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import rclpy
from rclpy.executors import ExternalShutdownException


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
