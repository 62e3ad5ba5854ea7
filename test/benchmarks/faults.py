"""How soon people are published again after each fault: what the tests of `test/ros/faults` note while they run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


def measure() -> dict[str, Any]:
    """The longest time after each fault, seconds.

    Raises:
        RuntimeError: if a test fails.
    """
    from test.ros.faults.recovery import NOTES

    with tempfile.TemporaryDirectory() as folder:
        notes = Path(folder) / "times.jsonl"
        command = [sys.executable, "-m", "pytest", "-q", "test/ros/faults"]
        done = subprocess.run(command, cwd=ROOT, env={**os.environ, NOTES: str(notes)}, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"the tests of faults fail:\n{done.stdout[-2000:]}")
        noted = [json.loads(line) for line in notes.read_text().splitlines()]
    longest: dict[str, float] = {}
    for note in noted:
        longest[note["fault"]] = max(longest.get(note["fault"], 0.0), note["seconds"])
    return {"longest_s": longest}
