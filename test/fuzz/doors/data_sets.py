"""Data sets as their owners distribute them, through conversion into shards and back."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from test.fuzz.door import Check, Door
from test.fuzz.draw import Draw
from test.training.data import test_coco, test_h36m, test_mpi_inf_3dhp, test_mpii, test_mupots, test_threedpw
from test.training.data.scene import write_picture
from training.data.conversion import Settings, _encoded, convert
from training.data.frames import decode as decode_frame
from training.data.sets import coco, h36m, mpi_inf_3dhp, mpii, mupots, threedpw
from training.data.sets.data_set import DataSet, NamedProblems
from training.data.shards import decode

SIDE = 64
"""px of the pictures, as small as is allowed."""
_TOKENS = (
    b"[" * 3000,
    b'{"a":' * 1000,
    b"null",
    b"NaN",
    b"1e999",
    b'"keypoints": []',
    b'"bbox": [0, 0, 0, 0]',
    b'"segmentation": {}',
    b"<w0>",
    b"&x;",
    b"<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]>",
    b"\xff\xd9",
    b"../../etc/passwd",
    b"]",
    b"cos\nsystem\n",
    b"\x00" * 64,
)


def _write_coco(root: Path) -> None:
    test_coco.write_set(root, [test_coco.person(7)])


def _write_mpii(root: Path) -> None:
    points = test_mpii.points_of(80)
    test_mpii.write_release(root, [test_mpii.picture("1.jpg", [test_mpii.person(points, list(range(16)))])], [1])
    write_picture(root / "images" / "1.jpg", np.full((test_mpii.HEIGHT, test_mpii.WIDTH, 3), 90, np.uint8))


def _write_3dpw(root: Path) -> None:
    test_threedpw.write_sequence(root, "validation", "walk_00", 2)


def _write_h36m(root: Path) -> None:
    test_h36m.write_metadata(root)
    test_h36m.write_recording(root, "S9", "Directions", np.stack([test_h36m.pose_of_32()]))


def _write_3dhp(root: Path) -> None:
    test_mpi_inf_3dhp.write_recording(root, np.stack([test_mpi_inf_3dhp.pose_of_28()]))


def _write_mupots(root: Path) -> None:
    (root / "TS1").mkdir()
    test_mupots.write_sequence(root / "TS1")


SETS: dict[str, tuple[DataSet, str, Callable[[Path], None]]] = {
    "coco": (coco.DATA_SET, "validation", _write_coco),
    "mpii": (mpii.DATA_SET, "train", _write_mpii),
    "3dpw": (threedpw.DATA_SET, "validation", _write_3dpw),
    "mpi-inf-3dhp": (mpi_inf_3dhp.DATA_SET, "validation", _write_3dhp),
    "mupots": (mupots.DATA_SET, "test", _write_mupots),
    "h36m": (h36m.DATA_SET, "test", _write_h36m),
}


def open_data_sets(folder: Path) -> Check:
    """One file of one data set is broken; what can be converted is, and what cannot is named."""
    files: dict[str, dict[Path, bytes]] = {}
    for name, (_, _, write) in SETS.items():
        (folder / name).mkdir()
        write(folder / name)
        files[name] = {path: path.read_bytes() for path in sorted((folder / name).rglob("*")) if path.is_file()}

    def check(draw: Draw) -> None:
        name = draw.choice(list(SETS))
        path = draw.choice(list(files[name]))
        path.write_bytes(draw.mutated(files[name][path], _TOKENS))
        out = Path(tempfile.mkdtemp(dir=folder))
        try:
            _convert(draw, folder / name, out, *SETS[name][:2])
        finally:
            path.write_bytes(files[name][path])
            shutil.rmtree(out)

    return check


def _convert(draw: Draw, root: Path, out: Path, data_set: DataSet, split: str) -> None:
    problems = NamedProblems()
    parts = data_set.parts(root, split, problems)
    if draw.sometimes(16):
        summary = convert(parts, out, Settings(data_set.name, split, SIDE, 10), 1, problems)
        assert summary.examples or problems.counts, "nothing came out and nothing was wrong"
        return
    for part in parts:
        for key, files in _encoded(part, Settings(data_set.name, split, SIDE, 10), problems):
            read = decode_frame if data_set.name == "mupots" else decode
            sample = read({"__key__": key, **files})
            assert np.isfinite(sample.intrinsics).all(), key


DOORS = {"data_set": Door(open_data_sets, (ValueError, OSError))}
