"""What a frozen backbone makes of crops, computed once: a head then trains at hundreds of examples a second on a CPU.

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
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from rich.progress import track

from training.configuration import load_configuration
from training.data.augmentation import change_colours
from training.data.batch import Target
from training.data.batches import places_in
from training.data.cropping import crop_sample, mirror
from training.data.shards import Problems, Sample, read_samples, shard_paths, whole_picture
from training.joint_space import JointSpace
from training.model_file import cpu_session
from training.networks.backbones.backbone import Backbone
from training.networks.backbones.build import build_backbone
from training.networks.pose_model import CROP_SIDE
from training.tracing import crops_to_try, trace

logger = logging.getLogger(__name__)

LABELS = ("joints_mm", "joints_px", "intrinsics", "visibility")
BATCH = 4
"""Crops per call of the backbone: more do not make a CPU faster."""


class BackboneRunner:
    """A backbone in ONNX Runtime: twice as fast on a CPU as the same module in torch.

    Args:
        backbone: any.
        side: of the crops, px.
        threads: of the CPU.
    """

    def __init__(self, backbone: Backbone, side: int, threads: int = 1) -> None:
        self.taps, self.side = tuple(backbone.channels), side
        file = trace(backbone.eval(), {"crops": crops_to_try(1, side=side)}, self.taps)
        self.session = cpu_session(file, threads)

    def __call__(self, images: npt.NDArray[np.uint8]) -> dict[str, npt.NDArray[np.float32]]:
        """(N, S, S, 3) uint8 RGB to the maps (N, C, H, W) by name."""
        crops = np.ascontiguousarray(images.transpose(0, 3, 1, 2), dtype=np.float32) / 255
        return dict(zip(self.taps, self.session.run(list(self.taps), {"crops": crops}), strict=True))


def cache_shard(
    path: Path, target: Path, run: BackboneRunner, space: JointSpace, copies: int, problems: Problems
) -> int:
    """Runs the backbone over one shard.

    Args:
        path: a tar file.
        target: the folder to make.
        run: the backbone.
        space: the joints of the model.
        copies: rows per sample; the first is the crop as it is.
        problems: collects what was skipped.

    Returns:
        how many rows were written.
    """
    partial = target.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    samples = [
        changed
        for sample in read_samples([path], problems)
        for changed in _copies(straight_crop(sample, run.side), copies)
    ]
    stored: dict[str, npt.NDArray[np.float16]] = {}
    for start in range(0, len(samples), BATCH):
        batch = samples[start : start + BATCH]
        for tap, maps in run(np.stack([sample.image for sample in batch])).items():
            if tap not in stored:
                shape = (len(samples), *maps.shape[1:])
                stored[tap] = np.lib.format.open_memmap(partial / f"{tap}.npy", "w+", np.float16, shape)
            stored[tap][start : start + len(batch)] = maps
    if samples:
        labels = [_labels(sample, space) for sample in samples]
        columns = {name: np.stack([row[name] for row in labels]) for name in LABELS}
        facts = np.array([json.dumps({"key": sample.key, **sample.facts}) for sample in samples])
        np.savez(partial / "labels.npz", **{"facts": facts, **columns})  # type: ignore[arg-type]
    partial.rename(target)
    return len(samples)


def straight_crop(sample: Sample, side: int) -> Sample:
    """The crop around a sample's box; a picture that is that crop already stays as it is, to the bit."""
    if sample.image.shape[:2] == (side, side) and np.array_equal(sample.box, whole_picture(side, side)):
        return sample
    return crop_sample(sample, side)


def _labels(crop: Sample, space: JointSpace) -> dict[str, npt.NDArray[Any]]:
    """The labels of a crop, joints where the model has them; NaN and visibility 0 where it has others."""
    theirs, ours = places_in(space, crop.skeleton)
    labels: dict[str, npt.NDArray[Any]] = {
        "joints_mm": np.full((len(space), 3), np.nan, np.float32),
        "joints_px": np.full((len(space), 2), np.nan, np.float32),
        "visibility": np.zeros(len(space), np.uint8),
    }
    for name, values in labels.items():
        values[ours] = getattr(crop, name)[theirs]
    return {**labels, "intrinsics": crop.intrinsics}


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

    def target(self, rows: npt.NDArray[np.intp]) -> Target:
        """The truth about some rows."""
        labels = {name: values[rows] for name, values in self.labels.items()}
        in_3d, in_2d = (np.isfinite(labels[name]).all(axis=-1) for name in ("joints_mm", "joints_px"))
        arrays = {
            "joints_mm": np.nan_to_num(labels["joints_mm"]),
            "joints_px": np.nan_to_num(labels["joints_px"]),
            "intrinsics": labels["intrinsics"],
            "known_3d": in_3d,
            "known_2d": in_2d & (labels["visibility"] > 0),
        }
        return Target(**{name: torch.from_numpy(np.ascontiguousarray(values)) for name, values in arrays.items()})

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
    """Runs the configuration's backbone over the shards that are not cached yet."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    config = load_configuration(arguments.config)
    if "cache" not in config["data"]:
        raise ValueError(f"{arguments.config} has no data.cache, the folder where the maps go")
    fill_cache(config, arguments.splits, arguments.threads, bool(arguments.follow))
    while arguments.follow:
        time.sleep(arguments.follow)
        fill_cache(config, arguments.splits, arguments.threads, True)
    return 0


def fill_cache(config: dict[str, Any], splits: Sequence[str], threads: int = 1, as_far_as_there: bool = False) -> None:
    """Runs a configuration's backbone over the shards that are not cached yet.

    Args:
        config: with ``data.cache``.
        splits: whose shards.
        threads: of the CPU.
        as_far_as_there: whether a split without shards is no error.

    Raises:
        FileNotFoundError: if a split has no shards.
        ValueError: if the configuration names more folders of shards than one.
    """
    model, data = config["model"], config["data"]
    folder, todo = Path(only_set(data)["shards"]), []
    for split in splits:
        try:
            shards = shard_paths(folder, split)
        except FileNotFoundError:
            if not as_far_as_there:
                raise
            continue
        copies = data.get("copies", 1) if split == "train" else 1
        todo += [(path, Path(data["cache"]) / path.stem, copies) for path in shards]
    todo = [job for job in todo if not job[1].exists()]
    if not todo:
        return
    torch.manual_seed(config["fit"].get("seed", 1))  # counts only where a backbone has random weights
    run = BackboneRunner(build_backbone(model["backbone"]), model.get("crop_side", CROP_SIDE), threads)
    space, problems = JointSpace.from_names(model["skeletons"]), Problems()
    for path, target, copies in track(todo, description="backbone over shards"):
        rows = cache_shard(path, target, run, space, copies, problems)
        logger.info("%s: %d rows; %s", target, rows, problems)


def only_set(data: dict[str, Any]) -> dict[str, Any]:
    """The one set of shards whose maps are cached, all its splits.

    Raises:
        ValueError: if the configuration mixes several, or validates with another.
    """
    if len(data["train"]) != 1:
        raise ValueError(
            f"data.train mixes {len(data['train'])} sets, but maps are cached of one only: leave out data.cache, or "
            "all other sets"
        )
    one = data["train"][0]
    held_out = data.get("validation", one)
    if "shards" not in held_out or Path(held_out["shards"]) != Path(one["shards"]):
        raise ValueError(
            f"data.validation is {held_out}, but maps are cached of {one['shards']} only, all its splits: leave out "
            "data.cache, or validate with another split of that folder"
        )
    return one
