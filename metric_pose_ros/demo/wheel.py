"""Fetches a wheel from PyPI as a file: nothing of it is installed or run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


class WheelUnavailableError(RuntimeError):
    """A wheel could not be fetched; the message is pip's reason."""


def download_wheel(requirement: str, folder: Path, sha256: str = "") -> Path:
    """Puts a wheel into a folder that holds no other.

    Args:
        requirement: pinned, such as ``pose2sim==0.10.49``.
        folder: where it goes.
        sha256: what the file must have; without, nothing is checked, since wheels differ from platform to platform.

    Raises:
        WheelUnavailableError: without network, or when what arrives is another file.
    """
    requirements = folder / "requirements.txt"
    requirements.write_text(f"{requirement} --hash=sha256:{sha256}\n" if sha256 else f"{requirement}\n")
    # Only the wheel as a file, so neither its needs nor, for a pinned one, its Python version matter.
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--only-binary", ":all:"]
    command += ["--ignore-requires-python", "--require-hashes"] if sha256 else []
    command += ["--timeout", "20", "--retries", "1", "-d", str(folder), "-r", str(requirements)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    wheels = list(folder.glob("*.whl"))
    if result.returncode or len(wheels) != 1:
        errors = [line for line in result.stderr.splitlines() if line.strip() and not line.startswith("WARNING")]
        raise WheelUnavailableError(" ".join(errors[-2:]) or "pip gave no reason")
    return wheels[0]
