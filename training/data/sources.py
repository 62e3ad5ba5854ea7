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
from training.data.batch import Batch, joined
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
            "[{shards, split, weight} or {bank, at_once, weight}], validation: {shards, split} or {bank, at_once}, "
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

    banks = [part for part in data["train"] if "bank" in part]
    sets = [part for part in data["train"] if "bank" not in part]
    idle = sorted(set(data) & ({"cache", "copies"} | (set() if sets else {"augmentation", "workers"})))
    if len(banks) != 1 or idle or "validation" not in data:
        raise ValueError(
            f"data.train has {len(banks)} banks, {', '.join(idle) or 'nothing'} beside it and "
            f"{'a' if 'validation' in data else 'no'} validation split; it takes one bank and perhaps shards, needs "
            "data.validation, and takes an augmentation only for shards, as no two renders are alike"
        )
    part = data["validation"]
    held_out: HeldOut
    if "bank" in part:
        held_out = RenderedPeople(part, model, device)
    else:
        held_out = HeldOutShards(part, ExampleMaker([], model.space, model.crop_side, NOTHING, seed), device, problems)
    share = float(banks[0].get("weight", 1.0))
    bank = {name: value for name, value in banks[0].items() if name != "weight"}
    rendered = RenderedSource(bank, held_out, model, seed, device)
    if not sets:
        return rendered
    pictures = Pictures(sets, data, model, seed, device, problems)
    return RenderedAndPictures(rendered, pictures, 1 - share / (share + sum(_weights(sets))))


class RenderedAndPictures:
    """People rendered meanwhile and, in every batch, some of shards.

    Args:
        rendered: the people; what they are validated with is.
        pictures: of shards.
        share: of these in a batch.
    """

    def __init__(self, rendered: Source, pictures: Pictures, share: float) -> None:
        self.rendered, self.pictures, self.share = rendered, pictures, share

    def training(self, steps: range, batch: int, rank: int, world: int) -> Iterator[Batch]:
        """See `Source`. Every process has as many of both.

        Raises:
            ValueError: if a process' share of the batch has not room for one of each.
        """
        beside = max(1, round(batch // world * self.share)) * world
        if beside >= batch:
            raise ValueError(
                f"of a batch of {batch} for {world} processes, {self.share:.0%} are to come from shards, which leaves "
                "nothing to render: make fit.batch larger, or the weights of the shards smaller"
            )
        rendered = self.rendered.training(steps, batch - beside, rank, world)
        pictures = self.pictures.training(steps, beside, rank, world)
        return (joined(both) for both in zip(rendered, pictures, strict=True))

    def validation(self, limit: int, batch: int) -> Iterator[Batch]:
        """See `Source`."""
        return self.rendered.validation(limit, batch)

    def __str__(self) -> str:
        return f"{self.rendered}; {self.share:.0%} of a batch are {self.pictures}"


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


class Pictures:
    """Pictures of people in shards, changed anew each time they are seen.

    Args:
        sets: of ``data: train:``.
        data: the section, for ``augmentation`` and ``workers``.
        model: whose joints and crops are wanted.
        seed: of the order and of the changes.
        device: where batches go.
        problems: collects what cannot be read.
    """

    def __init__(
        self,
        sets: list[dict[str, Any]],
        data: dict[str, Any],
        model: PoseModel,
        seed: int,
        device: torch.device,
        problems: Problems,
    ) -> None:
        self.device, self.problems = device, problems
        self.workers = int(data.get("workers", 0))
        stores = [_open_store(part, "train", problems) for part in sets]
        self.mixture = Mixture([len(store) for store in stores], _weights(sets), seed)
        augmentation = Augmentation.from_configuration(data.get("augmentation"))
        self.maker = ExampleMaker(stores, model.space, model.crop_side, augmentation, seed)

    def training(self, steps: range, batch: int, rank: int, world: int) -> Iterator[Batch]:
        """See `Source`."""
        items = items_of_steps(self.mixture, steps, batch, rank, world)
        return load_batches(self.maker, items, self.workers, self.device, self.problems)

    def __str__(self) -> str:
        return ", ".join(f"{len(store)} of {store.paths[0].parent}" for store in self.maker.stores)


class ShardSource:
    """Pictures to train on, and others to validate with. Arguments as for `open_source`."""

    def __init__(
        self, data: dict[str, Any], model: PoseModel, seed: int, device: torch.device, problems: Problems
    ) -> None:
        self.pictures = Pictures(data["train"], data, model, seed, device, problems)
        part = data.get("validation", {**data["train"][0], "split": "validation"})
        self.held_out = HeldOutShards(part, self.pictures.maker, device, problems, self.pictures.workers)

    def training(self, steps: range, batch: int, rank: int, world: int) -> Iterator[Batch]:
        """See `Source`."""
        return self.pictures.training(steps, batch, rank, world)

    def validation(self, limit: int, batch: int) -> Iterator[Batch]:
        """See `Source`."""
        return self.held_out.validation(limit, batch)

    def __str__(self) -> str:
        return f"{self.pictures} to train on, {len(self.held_out.store)} to validate"


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


def _weights(sets: list[dict[str, Any]]) -> list[float]:
    return [float(part.get("weight", 1.0)) for part in sets]


def _evenly(count: int, limit: int) -> list[int]:
    return np.linspace(0, count - 1, min(limit, count)).astype(int).tolist()
