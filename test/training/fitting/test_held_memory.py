"""Memory that was freed and is kept, as the kernel counts it."""

import subprocess
import sys

import pytest

MEASURE = """
import resource, sys
import numpy as np
from training.fitting.held_memory import hold_memory

def resident():
    return int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize()

assert sys.argv[1] == "plain" or hold_memory()
before = resident()
block = np.ones(10**7)
del block
print(resident() - before)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's malloc")
@pytest.mark.parametrize(("way", "kept"), [("plain", False), ("held", True)])
def test_a_freed_block_stays_with_the_process(way, kept):
    done = subprocess.run([sys.executable, "-c", MEASURE, way], capture_output=True, text=True, check=True)
    assert (int(done.stdout) > 70e6) == kept
