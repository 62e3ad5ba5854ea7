"""Where a run's batches come from: pictures in shards, what a frozen backbone made of them, or a renderer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch

from training.data.ahead import make_ahead
from training.data.augmentation import NOTHING, Augmentation
from training.data.batch import Batch
from training.data.batches import ExampleMaker, items_of_steps, load_batches
from training.data.features import FeatureCache, only_set
from training.data.figures import draw_missing
from training.data.mixture import Mixture
from training.data.shards import Problems, shard_paths
from training.data.store import ShardStore
from training.networks.pose_model import PoseModel


class Source(Protocol):
    """Batches to train on, and to validate with."""

    def training(self, steps: range, batch: int, rank: int, world: int) -> Iterator[Batch]:
        """This process' share of the batch of each step."""
        ...

    def validation(self, limit: int, batch: int) -> Iterator[Batch]:
        """At most `limit` examples of the validation split, evenly chosen, as they are."""
        ...

    def __str__(self) -> str: ...


def open_source(data: dict[str, Any], model: PoseModel, seed: int, device: torch.device, problems: Problems) -> Source:
    """The source that a configuration's ``data`` section names: a cache if there is one, else a bank or shards.

    Args:
        data: the section.
        model: whose joints and crops are wanted.
        seed: of the order of the examples and of what changes them.
        device: where batches go.
        problems: collects what cannot be read.

    Raises:
        ValueError: if the section makes no sense.
        FileNotFoundError: if something that it names is not there.
    """
    unknown = sorted(set(data) - {"train", "validation", "cache", "copies", "augmentation", "workers"})
    if unknown or not data.get("train"):
        raise ValueError(
            f"the data section has {', '.join(unknown) or 'no train'}; it consists of train: "
            "[{shards, split, weight} or {bank, at_once}], validation: {shards, split} or {bank, at_once}, "
            "augmentation, workers, cache, copies"
        )
    if any("bank" in part for part in data["train"]):
        return _open_rendered(data, model, seed, device, problems)
    if "cache" in data:
        return CacheSource(data, model, seed, device)
    return ShardSource(data, model, seed, device, problems)


def _open_rendered(
    data: dict[str, Any], model: PoseModel, seed: int, device: torch.device, problems: Problems
) -> Source:
    """People rendered from a bank; Numba and what else renders is imported only for them."""
    from training.synthesis.source import HeldOut, RenderedPeople, RenderedSource

    idle = sorted(set(data) & {"augmentation", "cache", "copies"})
    if len(data["train"]) != 1 or idle or "validation" not in data:
        raise ValueError(
            f"data.train has {len(data['train'])} parts, one of them a bank, {', '.join(idle) or 'nothing'} beside it "
            f"and {'a' if 'validation' in data else 'no'} validation split; a bank stands alone, needs data.validation "
            "and takes no augmentation, as no two renders are alike"
        )
    part = data["validation"]
    held_out: HeldOut
    if "bank" in part:
        held_out = RenderedPeople(part, model, device)
    else:
        held_out = HeldOutShards(part, ExampleMaker([], model.space, model.crop_side, NOTHING, seed), device, problems)
    return RenderedSource(data["train"][0], held_out, model, seed, device)


class HeldOutShards:
    """Examples of a split as they are.

    Args:
        part: ``data: validation:``.
        maker: whose joints and crops are wanted.
        device: where batches go.
        problems: collects what cannot be read.
        workers: processes.
    """

    def __init__(
        self, part: dict[str, Any], maker: ExampleMaker, device: torch.device, problems: Problems, workers: int = 0
    ) -> None:
        self.store = _open_store(part, "validation", problems)
        self.maker = replace(maker, stores=[self.store], augmentation=NOTHING)
        self.device, self.problems, self.workers = device, problems, workers

    def validation(self, limit: int, batch: int) -> Iterator[Batch]:
        """See `Source`."""
        rows = _evenly(len(self.store), limit)
        chunks = ([(0, 0, row) for row in rows[start : start + batch]] for start in range(0, len(rows), batch))
        return load_batches(self.maker, chunks, self.workers, self.device, self.problems)


class ShardSource:
    """Pictures of people, changed anew each time they are seen."""

    def __init__(
        self, data: dict[str, Any], model: PoseModel, seed: int, device: torch.device, problems: Problems
    ) -> None:
        sets, self.device, self.problems = data["train"], device, problems
        self.workers = int(data.get("workers", 0))
        stores = [_open_store(part, "train", problems) for part in sets]
        weights = [float(part.get("weight", 1.0)) for part in sets]
        self.mixture = Mixture([len(store) for store in stores], weights, seed)
        augmentation = Augmentation.from_configuration(data.get("augmentation"))
        self.maker = ExampleMaker(stores, model.space, model.crop_side, augmentation, seed)
        part = data.get("validation", {**sets[0], "split": "validation"})
        self.held_out = HeldOutShards(part, self.maker, device, problems, self.workers)

    def training(self, steps: range, batch: int, rank: int, world: int) -> Iterator[Batch]:
        """See `Source`."""
        items = items_of_steps(self.mixture, steps, batch, rank, world)
        return load_batches(self.maker, items, self.workers, self.device, self.problems)

    def validation(self, limit: int, batch: int) -> Iterator[Batch]:
        """See `Source`."""
        return self.held_out.validation(limit, batch)

    def __str__(self) -> str:
        sets = ", ".join(
            f"{len(store)} of {store.paths[0].parent}" for store in self.maker.stores if isinstance(store, ShardStore)
        )
        return f"{sets} to train on, {len(self.held_out.store)} to validate"


class CacheSource:
    """Maps of a frozen backbone, computed by ``python -m training cache``; the next are read while some are used."""

    def __init__(self, data: dict[str, Any], model: PoseModel, seed: int, device: torch.device) -> None:
        self.device, taps, folder = device, tuple(model.backbone.channels), Path(data["cache"])
        split = only_set(data).get("split", "train")
        self.caches = [FeatureCache(folder, split, taps)]
        self.caches.append(FeatureCache(folder, data.get("validation", {}).get("split", "validation"), taps))
        for cache in self.caches:
            joints = cache.labels["joints_mm"].shape[1]
            if joints != len(model.space):
                raise ValueError(
                    f"{folder} was cached for {joints} joints, but the model has {len(model.space)}: cache it again"
                )
        self.mixture = Mixture([len(self.caches[0])], [1.0], seed)

    def training(self, steps: range, batch: int, rank: int, world: int) -> Iterator[Batch]:
        """See `Source`."""
        rows = (self.mixture.batch(step, batch)[2][rank::world] for step in steps)
        return self._read(self.caches[0], rows)

    def validation(self, limit: int, batch: int) -> Iterator[Batch]:
        """See `Source`."""
        rows = np.array(_evenly(len(self.caches[1]), limit), np.intp)
        return self._read(self.caches[1], (rows[start : start + batch] for start in range(0, len(rows), batch)))

    def _read(self, cache: FeatureCache, chunks: Iterator[Any]) -> Iterator[Batch]:
        def load(rows: Any) -> Batch:
            maps = cache.maps(rows)
            features = {tap: each.contiguous(memory_format=torch.channels_last) for tap, each in maps.items()}
            return Batch(None, features, cache.target(rows))

        return make_ahead(load, chunks, self.device)

    def __str__(self) -> str:
        return f"{len(self.caches[0])} cached rows to train on, {len(self.caches[1])} to validate"


def _open_store(part: dict[str, Any], split: str, problems: Problems) -> ShardStore:
    """The shards of one set; figures are drawn first where they are wanted and not there."""
    unknown = sorted(set(part) - {"shards", "split", "weight", "figures"})
    if unknown or "shards" not in part:
        raise ValueError(f"a set of data.train is {part}; it has shards (a folder), split, weight, figures")
    folder, split = Path(part["shards"]), part.get("split", split)
    if "figures" in part:
        draw_missing(folder, split, int(part["figures"]))
    return ShardStore(shard_paths(folder, split), problems)


def _evenly(count: int, limit: int) -> list[int]:
    return np.linspace(0, count - 1, min(limit, count)).astype(int).tolist()
