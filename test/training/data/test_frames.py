"""Frame shards: what is broken in them is noted and skipped."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from training.data.frames import read_frames
from training.data.shard_writer import Files, jpeg, npz, write_tar
from training.data.shards import Problems


def frame_files(people: int = 2, **changes: Any) -> Files:
    arrays = {
        "intrinsics": np.eye(3),
        "joints_mm": np.zeros((people, 17, 3)),
        "universal_mm": np.zeros((people, 17, 3)),
        "joints_px": np.zeros((people, 17, 2)),
        "visibility": np.ones((people, 17), np.uint8),
        "valid": np.ones(people, bool),
        **changes,
    }
    facts = {"skeleton": "mupots_17", "sequence": "TS1", "frame": 3}
    return {
        "jpg": jpeg(np.full((48, 64, 3), 120, np.uint8)),
        "npz": npz(**{name: array for name, array in arrays.items() if array is not None}),
        "json": json.dumps(facts).encode(),
    }


def test_frames_come_back_with_any_number_of_people(tmp_path: Path) -> None:
    path = tmp_path / "test-000000.tar"
    write_tar(path, [("a", frame_files(2)), ("b", frame_files(5))])
    problems = Problems()
    found = list(read_frames([path], problems))
    assert [(frame.key, len(frame.valid), frame.image.shape) for frame in found] == [
        ("a", 2, (48, 64, 3)),
        ("b", 5, (48, 64, 3)),
    ]
    assert found[0].skeleton.name == "mupots_17"
    assert found[0].facts["frame"] == 3
    assert not problems.counts


@pytest.mark.parametrize(
    ("files", "kind"),
    [
        ({**frame_files(), "jpg": b"no picture"}, "broken frame"),
        (frame_files(joints_mm=np.zeros((2, 16, 3))), "broken frame"),
        (frame_files(valid=None), "incomplete frame"),
        ({name: content for name, content in frame_files().items() if name != "json"}, "incomplete frame"),
        ({**frame_files(), "json": b'{"skeleton": "nobody"}'}, "broken frame"),
    ],
)
def test_a_broken_frame_is_noted_and_the_next_one_read(tmp_path: Path, files: Files, kind: str) -> None:
    path = tmp_path / "test-000000.tar"
    write_tar(path, [("a", files), ("b", frame_files())])
    problems = Problems()
    assert [frame.key for frame in read_frames([path], problems)] == ["b"]
    assert problems.counts == {kind: 1}


def test_missing_and_cut_off_shards_are_noted(tmp_path: Path) -> None:
    path = tmp_path / "test-000000.tar"
    write_tar(path, [("a", frame_files()), ("b", frame_files())])
    content = path.read_bytes()
    path.write_bytes(content[: content.index(b"b.npz") + 700])
    problems = Problems()
    assert [frame.key for frame in read_frames([path, tmp_path / "test-000001.tar"], problems)] == ["a"]
    assert problems.counts["missing shard"] == 1
    assert problems.counts["broken shard"] > 0
    assert list(read_frames([tmp_path / "test-000001.tar"], problems)) == []
