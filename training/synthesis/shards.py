"""Rendered samples as WebDataset shards: which shard holds what, written whole or not at all."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from metric_pose_ros import plain_json
from training.data.shard_writer import jpeg, npz, write_tar
from training.synthesis.assets import SPLITS
from training.synthesis.shots import Sample


@dataclass(frozen=True)
class ShardPlan:
    """One shard to make: its file, its number within the split, how many samples, and the seed of the whole set."""

    path: Path
    split: str
    number: int
    count: int
    seed: int

    def generator(self) -> np.random.Generator:
        """Random numbers that depend on the seed, the split and the shard's number and nothing else."""
        return np.random.default_rng([self.seed, SPLITS.index(self.split), self.number])

    @property
    def done(self) -> bool:
        return self.path.exists()


def plan_shards(out: Path, split: str, count: int, shard_size: int, seed: int) -> list[ShardPlan]:
    """Shards named ``<split>-000000.tar`` on; the last one may be smaller.

    Raises:
        ValueError: if a number is not positive.
    """
    if count < 1 or shard_size < 1:
        raise ValueError(f"{count} samples in shards of {shard_size}: both must be at least 1")
    starts = range(0, count, shard_size)
    return [
        ShardPlan(out / f"{split}-{number:06d}.tar", split, number, min(shard_size, count - start), seed)
        for number, start in enumerate(starts)
    ]


def write_shard(plan: ShardPlan, samples: Iterable[Sample]) -> None:
    """Writes a shard; its name appears only once it is complete."""
    prefix = f"{plan.split}_{plan.number:06d}"
    write_tar(plan.path, ((f"{prefix}_{number:05d}", encode(sample)) for number, sample in enumerate(samples)))


def encode(sample: Sample) -> dict[str, bytes]:
    """File ending -> content of one sample: jpg, npz (labels) and json (about)."""
    labels = npz(
        joints_mm=sample.joints_mm,
        joints_px=sample.joints_px,
        intrinsics=sample.intrinsics,
        visibility=sample.visibility,
    )
    return {"jpg": jpeg(sample.image), "npz": labels, "json": json.dumps(sample.about).encode()}


def decode(files: dict[str, bytes]) -> Sample:
    """The sample that `encode` wrote (its picture as JPEG left it)."""
    image = np.asarray(cv2.imdecode(np.frombuffer(files["jpg"], np.uint8), cv2.IMREAD_COLOR))[..., ::-1]
    with np.load(io.BytesIO(files["npz"])) as labels:
        arrays = {name: labels[name] for name in ("joints_mm", "joints_px", "intrinsics", "visibility")}
    return Sample(np.ascontiguousarray(image), **arrays, about=plain_json.loads(files["json"]))


def read_shard(path: Path) -> list[Sample]:
    """All samples of a shard, in order."""
    groups: dict[str, dict[str, bytes]] = {}
    with tarfile.open(path) as archive:
        for entry in archive:
            key, _, ending = entry.name.partition(".")
            content = archive.extractfile(entry)
            if content is not None:
                groups.setdefault(key, {})[ending] = content.read()
    return [decode(files) for files in groups.values()]
