"""What is left out of a test run, and why; and which tests keep together when several workers share them."""

import signal
from importlib.util import find_spec
from pathlib import PurePosixPath
from typing import Any

import pytest

# With a sourced ROS, whose NumPy is too old for it, nothing for training is installed.
collect_ignore = [] if find_spec("torch") else ["training"]

TOGETHER = ("test/ros", "test/training/synthesis")
"""Folders for one worker: ROS tests watch the clock, so they come one at a time; the body model and the renderer are
built on first use, and that takes a minute."""

# A shell that starts us in the background lets us and our children ignore Ctrl+C, which some tests press.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Tests of one file go to one worker, since they share fixtures; so do those of the folders in `TOGETHER`."""
    from xdist.scheduler import LoadScopeScheduling

    class ByFile(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.split("::")[0]
            return next((str(folder) for folder in PurePosixPath(file).parents if str(folder) in TOGETHER), file)

    return ByFile(config, log)
