"""A process ends when it is told to, whatever its threads do."""

from __future__ import annotations

import subprocess
import sys

import pytest

_CODE = """
import sys, threading
from metric_pose_ros.ros import stopping
threading.Thread(target={work}).start()
print("ends", flush=True)
sys.exit(stopping.despite_threads(3))
"""


@pytest.mark.parametrize("work", ["threading.Event().wait", "lambda: threading.Event().wait(0.2)"])
def test_a_thread_that_hangs_does_not_keep_the_process(work: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _CODE.format(work=work)], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (3, "ends\n", "")
