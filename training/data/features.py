"""What a frozen trunk makes of our crops, computed once: a head then trains at hundreds of examples a second on a CPU.

A shard becomes a folder: ``TAP.npy`` (rows, C, H, W) fp16 for each tap, and ``labels.npz``. The folder appears under
its name only when it is complete, so the command can be stopped at any time and run again, also while shards are still
being written. With `copies` above one, each crop has further rows with other colours, every second one mirrored.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import logging
import shutil
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from rich.progress import track

from metric_pose_ros.skeleton import SKELETONS, Skeleton
from training.configuration import load_configuration
from training.data.augmentation import change_colours
from training.data.cropping import mirror
from training.data.shards import Problems, Sample, read_samples, shard_paths
from training.model_file import cpu_session
from training.networks.blazepose import BlazePose, crops_to_try
from training.networks.pose_model import build_trunk
from training.tracing import trace

logger = logging.getLogger(__name__)

LABELS = ("joints_mm", "joints_px", "intrinsics", "visibility")
BATCH = 4
"""Crops per call of the trunk: more do not make a CPU faster."""


class TrunkRunner:
    """A trunk in ONNX Runtime: twice as fast on a CPU as the same module in torch."""

    def __init__(self, trunk: BlazePose, threads: int = 1) -> None:
        self.taps = trunk.taps
        self.session = cpu_session(trace(trunk.eval(), {"crops": crops_to_try(1)}, trunk.taps), threads)

    def __call__(self, images: npt.NDArray[np.uint8]) -> dict[str, npt.NDArray[np.float32]]:
        """(N, S, S, 3) uint8 RGB to the taps (N, C, H, W) by name."""
        crops = np.ascontiguousarray(images.transpose(0, 3, 1, 2), dtype=np.float32) / 255
        return dict(zip(self.taps, self.session.run(list(self.taps), {"crops": crops}), strict=True))


def cache_shard(path: Path, target: Path, run: TrunkRunner, skeleton: Skeleton, copies: int, problems: Problems) -> int:
    """Runs the trunk over one shard.

    Args:
        path: a tar file.
        target: the folder to make.
        run: the trunk.
        skeleton: of the samples.
        copies: rows per sample; the first is the crop as it is.
        problems: collects what was skipped.

    Returns:
        how many rows were written.
    """
    partial = target.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    samples = [changed for sample in read_samples([path], problems) for changed in _copies(sample, copies)]
    stored: dict[str, npt.NDArray[np.float16]] = {}
    for start in range(0, len(samples), BATCH):
        batch = samples[start : start + BATCH]
        for tap, maps in run(np.stack([sample.image for sample in batch])).items():
            if tap not in stored:
                shape = (len(samples), *maps.shape[1:])
                stored[tap] = np.lib.format.open_memmap(partial / f"{tap}.npy", "w+", np.float16, shape)
            stored[tap][start : start + len(batch)] = maps
    if samples:
        labels = {name: np.stack([getattr(sample, name) for sample in samples]) for name in LABELS}
        facts = np.array([json.dumps({"key": sample.key, **sample.facts}) for sample in samples])
        np.savez(partial / "labels.npz", **{"facts": facts, **labels})  # type: ignore[arg-type]
    partial.rename(target)
    return len(samples)


def _copies(sample: Sample, copies: int) -> list[Sample]:
    made = [sample]
    for number in range(1, copies):
        seed = hashlib.sha256(f"{sample.key} {number}".encode()).digest()[:8]
        random = np.random.default_rng(int.from_bytes(seed, "little"))
        coloured = replace(sample, image=change_colours(sample.image, random))
        made.append(mirror(coloured) if number % 2 else coloured)
    return made


class FeatureCache:
    """The cached rows of a split, in the order of the shards.

    Args:
        folder: where `python -m training cache` wrote.
        split: ``train``, ``validation`` or ``test``.
        taps: which maps to read.

    Attributes:
        labels: arrays of all rows by name: see `LABELS`.
        facts: a dictionary per row.

    Raises:
        FileNotFoundError: if nothing is cached for the split.
    """

    def __init__(self, folder: Path, split: str, taps: tuple[str, ...]) -> None:
        shards = [path for path in sorted(folder.glob(f"{split}-??????")) if (path / "labels.npz").is_file()]
        if not shards:
            raise FileNotFoundError(f"{folder} has no cached {split} shards: run `python -m training cache` first")
        self.taps = taps
        self._maps = {tap: [np.load(shard / f"{tap}.npy", mmap_mode="r") for shard in shards] for tap in taps}
        tables = [np.load(shard / "labels.npz", allow_pickle=False) for shard in shards]
        self.labels = {name: np.concatenate([table[name] for table in tables]) for name in LABELS}
        self.facts: list[dict[str, Any]] = [json.loads(text) for table in tables for text in table["facts"]]
        self._ends = np.cumsum([len(table["visibility"]) for table in tables])

    def __len__(self) -> int:
        return int(self._ends[-1])

    def maps(self, rows: npt.NDArray[np.intp]) -> dict[str, torch.Tensor]:
        """The taps (len(rows), C, H, W) float32 of some rows, by name."""
        shard = np.searchsorted(self._ends, rows, side="right")
        within = rows - np.concatenate([[0], self._ends])[shard]
        found = {}
        for tap in self.taps:
            maps = self._maps[tap]
            found[tap] = torch.from_numpy(
                np.stack([maps[s][w] for s, w in zip(shard, within, strict=True)]).astype(np.float32)
            )
        return found


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``python -m training cache``."""
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--splits", nargs="+", default=["train", "validation", "test"])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--follow", type=float, default=0, help="look for new shards every so many seconds, for ever")


def main(arguments: argparse.Namespace) -> int:
    """Runs the configuration's trunk over the shards that are not cached yet."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    config = load_configuration(arguments.config)
    model, data = config["model"], config["data"]
    torch.manual_seed(config["fit"]["seed"])  # counts only where a trunk has random weights
    run = TrunkRunner(build_trunk(model, data["trunks"]), arguments.threads)
    skeleton, problems = SKELETONS[model["skeleton"]], Problems()
    while True:
        todo = []
        for split in arguments.splits:
            try:
                shards = shard_paths(Path(data["shards"]), split)
            except FileNotFoundError:
                if not arguments.follow:
                    raise
                continue
            copies = data.get("copies", 1) if split == "train" else 1
            todo += [(path, Path(data["cache"]) / path.stem, copies) for path in shards]
        todo = [job for job in todo if not job[1].exists()]
        for path, target, copies in track(todo, description="trunk over shards"):
            rows = cache_shard(path, target, run, skeleton, copies, problems)
            logger.info("%s: %d rows; %s", target, rows, problems)
        if not arguments.follow:
            return 0
        time.sleep(arguments.follow)
