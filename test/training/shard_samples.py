"""Shards as `python -m training synthesize` writes them, filled with made-up people."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from metric_pose_ros.skeleton import BODY_30

Files = dict[str, bytes]


def sample_files(seed: int, **changes: Any) -> Files:
    """The three files of a sample: a stick figure at a random place, drawn where it projects to.

    Args:
        seed: another seed, another person.
        changes: arrays that replace the npz file's.
    """
    random = np.random.default_rng(seed)
    joints_mm = random.normal(0, 250, (len(BODY_30), 3)) + np.array([0, 0, random.uniform(2500, 6000)])
    focal = 0.4 * 256 * joints_mm[:, 2].mean() / 900
    intrinsics = np.array([[focal, 0, 127.5], [0, focal, 127.5], [0, 0, 1]])
    joints_px = joints_mm[:, :2] / joints_mm[:, 2:] * focal + 127.5
    visible = ((joints_px > 0) & (joints_px < 255)).all(axis=1)
    image = np.full((256, 256, 3), random.integers(0, 255, 3), np.uint8)
    for parent, child in BODY_30.edges:
        ends = [tuple(int(v) for v in np.round(joints_px[joint])) for joint in (parent, child)]
        cv2.line(image, ends[0], ends[1], tuple(int(v) for v in random.integers(0, 255, 3)), 5)
    arrays = {
        "joints_mm": joints_mm.astype(np.float32),
        "joints_px": joints_px.astype(np.float32),
        "intrinsics": intrinsics.astype(np.float32),
        "visibility": np.where(visible, 2, 0).astype(np.uint8),
        **changes,
    }
    packed = io.BytesIO()
    np.savez(packed, **arrays)
    facts = {"pose_kind": ["standing", "walking"][seed % 2], "distance_m": 3.0, "truncated": bool((~visible).any())}
    jpg = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()
    return {"jpg": jpg, "npz": packed.getvalue(), "json": json.dumps(facts).encode()}


def write_shard(path: Path, samples: dict[str, Files]) -> Path:
    """Writes a tar file with the given files of each key."""
    with tarfile.open(path, "w") as archive:
        for key, files in samples.items():
            for ending, content in files.items():
                entry = tarfile.TarInfo(f"{key}.{ending}")
                entry.size = len(content)
                archive.addfile(entry, io.BytesIO(content))
    return path
