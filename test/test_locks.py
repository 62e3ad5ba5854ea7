"""Locks: what is asked for is locked, by hash, and what is installed is what is locked."""

from __future__ import annotations

import importlib.metadata
import os
import re
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

REQUIREMENTS = Path(__file__).parents[1] / "requirements"
LOCKS = {lock.stem: lock for lock in sorted((REQUIREMENTS / "locks").glob("*.txt"))}
ASKED = {name: "test" if name == "test_sourced_ros" else name for name in LOCKS}
"""Which file asks for what a lock holds."""
WHEELS = ("runtime", "ros", "demo", "test", "training")
"""Locks of the environment with ROS 2 from PyPI."""
LIMIT = " (write the locks again: ./run lock)"


def asked(name: str, python: str = "") -> list[Requirement]:
    """What a file of requirements asks for, on a Python or on any."""
    lines = (REQUIREMENTS / f"{name}.txt").read_text().splitlines()
    found = [Requirement(line) for line in lines if line and not line.startswith("#")]
    return [one for one in found if not python or not one.marker or one.marker.evaluate({"python_version": python})]


def locked(name: str) -> list[tuple[Requirement, list[str], str]]:
    """Requirement, hashes and whom it is for, of each package in a lock."""
    entries = re.split(r"^(?=[A-Za-z0-9])", LOCKS[name].read_text(), flags=re.MULTILINE)[1:]
    return [
        (
            Requirement(entry.split(" \\\n")[0]),
            re.findall(r"--hash=(\S+)", entry),
            " ".join(re.findall(r"# (.+)", entry)),
        )
        for entry in entries
    ]


def test_every_environment_has_a_lock():
    files = {file.stem for file in REQUIREMENTS.glob("*.txt")} - {"torch"}
    assert set(LOCKS) == files | {"test_sourced_ros"}


@pytest.mark.parametrize("name", LOCKS)
def test_all_that_is_asked_for_is_locked_in_that_version(name):
    versions = {(canonicalize_name(one.name), str(one.specifier)) for one, _, _ in locked(name)}
    wanted = asked(ASKED[name], "3.11" if name in WHEELS else "")
    missing = [str(one) for one in wanted if (canonicalize_name(one.name), str(one.specifier)) not in versions]
    assert not missing, f"{LOCKS[name].name} lacks {missing}{LIMIT}"


@pytest.mark.parametrize("name", LOCKS)
def test_nothing_is_locked_that_nobody_asks_for(name):
    wanted = {canonicalize_name(one.name) for one in asked(ASKED[name])}
    by_file = {canonicalize_name(one.name) for one, _, why in locked(name) if f"requirements/{ASKED[name]}.txt" in why}
    assert by_file == wanted, f"{LOCKS[name].name}{LIMIT}"
    assert all(why.startswith("via ") for _, _, why in locked(name))


@pytest.mark.parametrize("name", LOCKS)
def test_every_package_has_one_version_and_sha256_of_its_files(name):
    for one, hashes, _ in locked(name):
        assert re.fullmatch(r"==[^=*]+", str(one.specifier)), one
        assert hashes, one
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", digest) for digest in hashes), one


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_names_no_place_to_fetch_from(name):
    text = LOCKS[name].read_text()
    assert "://" not in text
    assert not re.search(r"^\s*(-i|-f|--(extra-)?index-url|--find-links|-e)\b| /", text, re.MULTILINE)


def test_locks_of_one_environment_agree():
    versions: dict[str, set[str]] = {}
    for name in WHEELS:
        for one, _, _ in locked(name):
            versions.setdefault(one.name, set()).add(str(one.specifier))
    assert {name: found for name, found in versions.items() if len(found) > 1} == {}


def test_what_only_one_build_of_torch_needs_is_not_locked():
    names = {one.name for name in LOCKS for one, _, _ in locked(name)}
    assert not {name for name in names if re.match(r"torch$|nvidia-|cuda-|triton$", name)}
    assert [one.name for one in asked("torch")] == ["torch"]


@pytest.mark.skipif("AMENT_PREFIX_PATH" in os.environ and "ROS_DISTRO" in os.environ, reason="ROS is sourced")
@pytest.mark.parametrize("name", WHEELS)
def test_what_is_installed_is_what_is_locked(name):
    for one, _, _ in locked(name):
        if one.marker is None or one.marker.evaluate():
            assert importlib.metadata.version(one.name) in one.specifier, f"{one}: ./run setup installs it"


@pytest.mark.skipif("AMENT_PREFIX_PATH" in os.environ and "ROS_DISTRO" in os.environ, reason="ROS is sourced")
@pytest.mark.parametrize("name", WHEELS)
def test_what_is_locked_needs_nothing_else(name):
    here = {canonicalize_name(one.name) for other in ("runtime", name) for one, _, _ in locked(other)} | {"torch"}
    for one, _, _ in locked(name):
        if one.marker is not None and not one.marker.evaluate():
            continue
        needed = [Requirement(text) for text in importlib.metadata.requires(one.name) or []]
        lacking = [
            str(need)
            for need in needed
            if (need.marker is None or need.marker.evaluate({"extra": ""})) and canonicalize_name(need.name) not in here
        ]
        assert not lacking, f"{one} needs {lacking}{LIMIT}"
