"""Shards read in any order: where each file of each sample lies is found once, by the tar files' headers.

A WebDataset is meant to be read from its beginning. A run that goes on exactly where it was killed must be able to
read just the samples that come next, and tar files allow that.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from training.data.shards import Problems, Sample, decode_or_note

ENDINGS = ("jpg", "npz", "json", "mask.png")
BLOCK = 512
EMPTY = bytes(BLOCK)
"""Ends a tar file."""
PLAIN = (b"0", b"\0")
"""Types of entries that are nothing but a file."""


class ShardStore:
    """The samples of some shards, by number, in the order of the shards.

    What lies where is kept in arrays, which worker processes share without copying.

    Args:
        paths: tar files.
        problems: collects shards that cannot be read.

    Raises:
        FileNotFoundError: if there is no sample at all.
    """

    def __init__(self, paths: list[Path], problems: Problems) -> None:
        self.paths = paths
        shards, keys, places = [], [], []
        for number, path in enumerate(paths):
            for key, files in _samples_of(path, problems):
                shards.append(number)
                keys.append(key.encode())
                places.append([files.get(ending, (0, 0)) for ending in ENDINGS])
        if not shards:
            raise FileNotFoundError(
                f"no sample in {', '.join(map(str, paths[:3]))}{' ...' if len(paths) > 3 else ''}; {problems}"
            )
        self._shards = np.array(shards, np.int32)
        self._keys: npt.NDArray[np.bytes_] = np.array(keys)
        self._places = np.array(places, np.int64)

    def __len__(self) -> int:
        return len(self._shards)

    def read(self, row: int, problems: Problems) -> Sample | None:
        """The sample of a number; None if it is broken, which is noted in `problems`."""
        path, key = self.paths[self._shards[row]], self._keys[row].decode()
        files: dict[str, str | bytes] = {"__key__": key}
        try:
            with path.open("rb") as file:
                for ending, (offset, size) in zip(ENDINGS, self._places[row], strict=True):
                    if size:
                        file.seek(offset)
                        files[ending] = file.read(size)
        except OSError as error:
            problems.note("unreadable shard", f"{path}: {error}")
            return None
        return decode_or_note(files, f"{key} in {path}", problems)


def _samples_of(path: Path, problems: Problems) -> Iterator[tuple[str, dict[str, tuple[int, int]]]]:
    """Key and, by ending, offset and size of the files of each sample of a tar file."""
    found: dict[str, dict[str, tuple[int, int]]] = {}
    try:
        length = path.stat().st_size
        for name, offset, size in _entries(path):
            if offset + size > length:
                problems.note("broken shard", f"{path} ends in the middle of {name}")
                break
            folder, _, file = name.rpartition("/")
            stem, _, ending = file.partition(".")
            found.setdefault(f"{folder}/{stem}" if folder else stem, {})[ending] = (offset, size)
    except FileNotFoundError:
        problems.note("missing shard", str(path))
    except (OSError, ValueError, tarfile.TarError) as error:
        problems.note("broken shard", f"{path}: {error}")
    yield from found.items()


def _entries(path: Path) -> Iterator[tuple[str, int, int]]:
    """Name, offset and size of each file of a tar file.

    Plain headers are read here, several times as fast as tarfile does: data sets have millions of them. From the first
    one that is not plain, such as that of a long name, tarfile goes on.

    Raises:
        ValueError: if something is no header.
        tarfile.TarError: likewise.
    """
    start = 0
    with path.open("rb", buffering=0) as file:
        while len(header := file.read(BLOCK)) == BLOCK and header != EMPTY:
            if header[156:157] not in PLAIN or header[124] & 0x80 or header[257:262] != b"ustar":
                break
            size = int(header[124:136].rstrip(b"\0 ") or b"0", 8)
            prefix, name = (part.split(b"\0", 1)[0].decode() for part in (header[345:500], header[:100]))
            yield f"{prefix}/{name}" if prefix else name, start + BLOCK, size
            start += BLOCK + -(-size // BLOCK) * BLOCK
            file.seek(start)
        else:
            return
    with path.open("rb") as rest:
        rest.seek(start)
        with tarfile.open(fileobj=rest, mode="r:") as archive:
            for entry in archive:
                if entry.isfile():
                    yield entry.name, entry.offset_data, entry.size
