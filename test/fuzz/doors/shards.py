"""Shards of people, as training reads them."""

from __future__ import annotations

import io
import json
from pathlib import Path

import cv2
import numpy as np

from metric_pose_ros.skeleton import BODY_30
from test.fuzz.door import Check, Door
from test.fuzz.draw import Draw
from test.training.shard_samples import write_shard
from training.data.shards import Problems, Sample, decode_or_note, read_samples
from training.data.store import ShardStore

_TOKENS = (
    b"[" * 3000,
    b'{"skeleton": ',
    b'"skeleton": 1',
    b'"skeleton": []',
    b"null",
    b"ustar",
    b"\x00" * 512,
    b"x" * 512,
    b"PK\x03\x04",
    b"\x93NUMPY",
    b"'shape': (99999999999, 3)",
    b"'descr': '|O'",
    b"'descr': '<f4'",
    b"7777777777",
    b"mask.png",
    b"../",
)


def _files() -> dict[str, bytes]:
    joints = len(BODY_30)
    packed = io.BytesIO()
    arrays = {
        "joints_mm": np.tile(np.float32([0, 0, 3000]), (joints, 1)),
        "joints_px": np.full((joints, 2), 12, np.float32),
        "intrinsics": np.array([[40, 0, 11.5], [0, 40, 11.5], [0, 0, 1]], np.float32),
        "visibility": np.full(joints, 2, np.uint8),
        "box": np.array([2, 2, 20, 22], np.float32),
    }
    np.savez(packed, **arrays)
    picture = cv2.imencode(".jpg", np.full((24, 24, 3), 90, np.uint8))[1].tobytes()
    mask = cv2.imencode(".png", np.full((24, 24), 255, np.uint8))[1].tobytes()
    facts = {"skeleton": "body_30", "pose_kind": "standing", "distance_m": 3.0}
    return {"jpg": picture, "npz": packed.getvalue(), "json": json.dumps(facts).encode(), "mask.png": mask}


def _assert_sound(sample: Sample) -> None:
    joints = len(sample.skeleton)
    assert sample.image.dtype == np.uint8
    assert sample.joints_mm.shape == (joints, 3)
    assert not np.isinf(sample.joints_mm).any()
    assert not np.isinf(sample.joints_px).any()
    assert np.isfinite(sample.intrinsics).all()
    assert np.isfinite(sample.box).all()
    assert np.isfinite(sample.joints_px[sample.visibility > 0]).all()


def open_shard(folder: Path) -> Check:
    """The files of a sample, or the tar file around several; what is broken is counted and left out."""
    import webdataset  # noqa: F401 - it takes seconds, which no input shall be blamed for

    good = _files()
    path = write_shard(folder / "train-000000.tar", {"a": good, "b": good})
    whole = path.read_bytes()

    def check(draw: Draw) -> None:
        problems = Problems()
        if draw.sometimes():
            path.write_bytes(draw.mutated(whole, _TOKENS))
            found = list(_stored(path, problems)) if draw.integer(0, 7) else list(read_samples([path], problems))
        else:
            files: dict[str, str | bytes] = {"__key__": "a", **good}
            for _ in range(draw.integer(1, 2)):
                name = draw.choice(("npz", "json", "jpg", "mask.png"))
                files[name] = draw.mutated(good[name], _TOKENS)
            found = [sample for sample in [decode_or_note(files, "here", problems)] if sample is not None]
        for sample in found:
            _assert_sound(sample)

    return check


def _stored(path: Path, problems: Problems) -> list[Sample]:
    store = ShardStore([path], problems)
    read = [store.read(row, problems) for row in range(min(len(store), 8))]
    return [sample for sample in read if sample is not None]


DOORS = {"shard": Door(open_shard, (ValueError, FileNotFoundError))}
