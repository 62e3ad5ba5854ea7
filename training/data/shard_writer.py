"""Writing WebDataset tar files: whole or not at all, and the same bytes each time."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

JPEG_QUALITY = 94
TAR_END = bytes(1024)
"""Two empty blocks end a tar file."""

Files = dict[str, bytes]
"""File ending -> content, of one sample."""


def jpeg(image_rgb: npt.NDArray[np.uint8]) -> bytes:
    """(H, W, 3) RGB as a JPEG file."""
    return cv2.imencode(".jpg", image_rgb[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1].tobytes()


def npz(**arrays: Any) -> bytes:
    """Named arrays as an npz file."""
    packed = io.BytesIO()
    np.savez(packed, **arrays)
    return packed.getvalue()


def write_tar(path: Path, samples: Iterable[tuple[str, Files]]) -> list[int]:
    """Writes samples as a tar file, whose name appears only once it is complete.

    Args:
        path: of the tar file; its folder is made.
        samples: pairs of a key without dots and its files.

    Returns:
        The offset at which each sample begins, and the offset at which the last one ends.
    """
    offsets: list[int] = []

    def write(file: io.BufferedWriter) -> None:
        with tarfile.open(fileobj=file, mode="w") as archive:
            for key, files in samples:
                offsets.append(archive.offset)
                for ending, content in files.items():
                    entry = tarfile.TarInfo(f"{key}.{ending}")
                    entry.size = len(content)
                    archive.addfile(entry, io.BytesIO(content))
            offsets.append(archive.offset)

    write_whole(path, write)
    return offsets


def write_whole(path: Path, write: Callable[[io.BufferedWriter], None]) -> None:
    """Writes a file by another name and gives it its own once `write` has returned."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with _unfinished(path) as name, name.open("wb") as file:
        write(file)


def join_tars(path: Path, ranges: Iterable[tuple[Path, int, int]]) -> None:
    """Writes a tar file of samples that stand in others, given as (file, begin, end); whole or not at all."""

    def write(file: io.BufferedWriter) -> None:
        for source, begin, end in ranges:
            with source.open("rb") as opened:
                opened.seek(begin)
                file.write(opened.read(end - begin))
        file.write(TAR_END)

    write_whole(path, write)


@contextmanager
def _unfinished(path: Path) -> Iterator[Path]:
    name = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield name
        name.replace(path)
    finally:
        name.unlink(missing_ok=True)
