"""Asks PyPI, with pip-audit, whether vulnerabilities are known of anything that is locked: ``./run audit``.

Ends with 1 if there are. Where nobody answers (no network, or a package index that does not know), it says so and ends
with 0: not knowing is no reason to stop work.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
UNREACHABLE = re.compile(r"vulnerability feed|Connection|Timeout|HTTPError|SSLError")
"""What pip-audit ends with when nobody answers."""
_PINNED = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", re.MULTILINE)


class NoAnswerError(Exception):
    """Nobody could be asked; the message says why."""


def main() -> int:
    """Asks and reports; what the command ends with."""
    try:
        return report(ask(pinned(HERE)))
    except NoAnswerError as error:
        print(f"could not ask whether vulnerabilities are known: {error}")
        return 0


def pinned(folder: Path) -> dict[str, list[str]]:
    """Versions by package, of all locks and what is pinned beside them; what runs on a robot comes first."""
    versions: dict[str, list[str]] = defaultdict(list)
    for file in (
        *sorted((folder / "locks").glob("runtime*.txt")),
        *sorted(folder.glob("locks/*.txt")),
        folder / "torch.txt",
    ):
        for name, version in _PINNED.findall(file.read_text()):
            if version not in versions[name]:
                versions[name].append(version)
    return dict(versions)


def ask(versions: dict[str, list[str]], few: int = 10) -> list[dict[str, Any]]:
    """What pip-audit says of each version of each package.

    Args:
        versions: by package.
        few: packages that are asked about first; if none is known, the others are not asked about.

    Raises:
        NoAnswerError: if nobody answers.
    """
    first = {name: versions[name][0] for name in list(versions)[:few]}
    if not any("vulns" in answer for answer in _pip_audit(first)):
        raise NoAnswerError(f"the package index answers for none of {', '.join(first)}")
    answers = []
    # pip-audit takes one version of a package at a time.
    for turn in range(max(map(len, versions.values()))):
        answers += _pip_audit({name: known[turn] for name, known in versions.items() if turn < len(known)})
    return answers


def report(answers: list[dict[str, Any]]) -> int:
    """Prints what pip-audit says of packages; 1 if anything is known."""
    bad = [answer for answer in answers if answer.get("vulns")]
    for answer in bad:
        for known in answer["vulns"]:
            mended = ", ".join(known["fix_versions"]) or "no version yet"
            also = "".join(f", {alias}" for alias in known.get("aliases", []))
            print(f"{answer['name']} {answer['version']}: {known['id']}{also}; mended in {mended}")
    unasked = [answer["name"] for answer in answers if "vulns" not in answer]
    if unasked:
        print(f"could not ask about {', '.join(unasked)}: the package index does not know them")
    print(f"{len(answers) - len(unasked)} packages asked about, {len(bad)} with known vulnerabilities")
    return 1 if bad else 0


def _pip_audit(versions: dict[str, str]) -> list[dict[str, Any]]:
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.writelines(f"{name}=={version}\n" for name, version in versions.items())
        file.flush()
        command = [sys.executable, "-m", "pip_audit", "--no-deps", "--disable-pip", "--progress-spinner", "off"]
        ran = subprocess.run(
            [*command, "--format", "json", "-r", file.name], capture_output=True, text=True, check=False
        )
    try:
        return json.loads(ran.stdout)["dependencies"]
    except (json.JSONDecodeError, KeyError) as error:
        said = (ran.stderr.strip().splitlines() or ["pip-audit said nothing"])[-1]
        if UNREACHABLE.search(ran.stderr):
            raise NoAnswerError(said) from error
        raise RuntimeError(f"pip-audit ended with {ran.returncode}: {ran.stderr}") from error


if __name__ == "__main__":
    sys.exit(main())
