"""Whether a model file is the one that its makers meant: its SHA-256 beside what is stated of it.

Shipped models are stated in `SHA256SUMS` in their folder, as ``sha256sum`` writes and checks it. Any other file may
have ``<file>.sha256`` beside it, as ``sha256sum FILE > FILE.sha256`` writes it.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

SUMS = "SHA256SUMS"
_LINE = re.compile(r"(?P<digest>[0-9a-fA-F]{64})(?: [ *](?P<name>.+))?\s*")


def sha256_of(path: Path) -> str:
    """Of a file, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while part := file.read(1 << 20):
            digest.update(part)
    return digest.hexdigest()


def stated_sha256(path: Path) -> dict[Path, str]:
    """What is stated of a model file: the file that states it -> SHA-256 in hexadecimal.

    Raises:
        ValueError: if a file that states hashes cannot be read.
        OSError: the same, by the file system.
    """
    stated = {}
    sums, own = path.with_name(SUMS), path.with_name(f"{path.name}.sha256")
    if sums.is_file() and path.name in (listed := _read(sums)):
        stated[sums] = listed[path.name]
    if own.is_file():
        stated[own] = next(iter(_read(own).values()), "")
    return stated


def verify(path: Path, must_be_stated: bool) -> tuple[str, str]:
    """Compares a model file with what is stated of it.

    Args:
        path: of the file.
        must_be_stated: whether a file of which nothing is stated is refused.

    Returns:
        its SHA-256, and in words who states it.

    Raises:
        ValueError: if it is not the file that is stated, or nothing is stated and something must be.
        OSError: if a file cannot be read.
    """
    found, stated = sha256_of(path), stated_sha256(path)
    for source, expected in stated.items():
        if found != expected:
            raise ValueError(
                f"{path} has the SHA-256 {found}, but {source} states {expected or 'none'}: it was damaged or "
                f"replaced, fetch it again; if you made it yourself, state its new hash there (sha256sum)"
            )
    if not stated and must_be_stated:
        raise ValueError(
            f"{path} is to be the shipped model, but no {SUMS} in its folder states its SHA-256 (it is {found}): fetch "
            f"the package again, or give your own model another name"
        )
    return found, f"as {', '.join(source.name for source in stated)} states" if stated else "stated by nobody"


def state(path: Path) -> str:
    """Writes a model file's SHA-256 into `SHA256SUMS` of its folder, and leaves what is there of others.

    Returns:
        the SHA-256 in hexadecimal.
    """
    sums = path.with_name(SUMS)
    listed = _read(sums) if sums.is_file() else {}
    listed[path.name] = sha256_of(path)
    sums.write_text("".join(f"{digest}  {name}\n" for name, digest in sorted(listed.items())), encoding="utf-8")
    return listed[path.name]


def _read(path: Path) -> dict[str, str]:
    """SHA-256 by file name; a line without a name stands for nobody in particular."""
    stated = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            raise ValueError(f"{path}, line {number}: expected a SHA-256 and a file name, as sha256sum writes them")
        stated[match["name"] or ""] = match["digest"].lower()
    return stated
