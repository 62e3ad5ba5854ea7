"""People rendered while a network trains, on the device it trains on."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import torch

from training.data.ahead import make_ahead
from training.data.batch import Batch
from training.networks.pose_model import PoseModel
from training.synthesis.bank import Bank
from training.synthesis.on_the_fly import OnTheFly
from training.synthesis.renderer import CROP_SIDE

AT_ONCE = 128
"""Crops drawn at a time, about 60 MB each."""
VALIDATION_SEED = 0


class HeldOut(Protocol):
    """Where batches to validate with come from."""

    def validation(self, limit: int, batch: int) -> Iterator[Batch]:
        """See `Source`."""
        ...


class RenderedSource:
    """A new picture for every example: batch k of a rank follows from the seed and k alone.

    Args:
        part: ``{bank, at_once}`` of ``data: train:``. Banks come from ``synthesize --make-bank``.
        held_out: what to validate with; `RenderedPeople` or shards.
        model: whose joints are wanted.
        seed: of the run.
        device: renders and trains.

    Raises:
        ValueError: if `part` makes no sense, or the model does not take crops as large as are rendered.
    """

    def __init__(
        self, part: dict[str, Any], held_out: HeldOut, model: PoseModel, seed: int, device: torch.device
    ) -> None:
        self.part, self.held_out, self.model, self.seed, self.device = part, held_out, model, seed, device
        self.bank, self.at_once = open_bank(part, model)

    def training(self, steps: range, batch: int, rank: int, world: int) -> Iterator[Batch]:
        """See `Source`."""
        people = OnTheFly(self.bank, self.device, batch // world, self.seed, rank, self.at_once, self.model.space)
        return make_ahead(lambda step: _channels_last(people.batch(step)), steps, self.device)

    def validation(self, limit: int, batch: int) -> Iterator[Batch]:
        """See `Source`."""
        return self.held_out.validation(limit, batch)

    def __str__(self) -> str:
        return f"{self.part['bank']} to render from: {len(self.bank.bodies.heads)} bodies, {len(self.bank.clips)} poses"


class RenderedPeople:
    """People of a held-out bank, the same ones each time. Arguments as for `RenderedSource`."""

    def __init__(self, part: dict[str, Any], model: PoseModel, device: torch.device) -> None:
        bank, self._count = open_bank(part, model)
        # A renderer holds hundreds of megabytes of panoramas.
        self._people = lru_cache(maxsize=1)(
            lambda: OnTheFly(bank, device, self._count, VALIDATION_SEED, at_once=self._count, space=model.space)
        )

    def validation(self, limit: int, batch: int) -> Iterator[Batch]:
        """See `Source`."""
        for first in range(0, limit, self._count):
            made = _channels_last(self._people().batch(first // self._count))
            for start in range(0, min(self._count, limit - first), batch):
                yield made.rows(slice(start, min(start + batch, limit - first)))


def open_bank(part: dict[str, Any], model: PoseModel) -> tuple[Bank, int]:
    """The bank that a part of the ``data`` section names, and how many crops to draw at once.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the part makes no sense, or the model does not take crops as large as are rendered.
    """
    unknown = sorted(set(part) - {"bank", "at_once"})
    if unknown:
        raise ValueError(f"a bank of the data section has {', '.join(unknown)}; it knows bank (a file), at_once")
    if model.crop_side != CROP_SIDE:
        raise ValueError(f"crops are rendered with {CROP_SIDE} px, but model.crop_side is {model.crop_side}")
    path = Path(part["bank"])
    if not path.is_file():
        raise FileNotFoundError(
            f"there is no bank {path}: make one with `python -m training synthesize --make-bank {path} --split SPLIT`"
        )
    return Bank.load(path), int(part.get("at_once", AT_ONCE))


def _channels_last(batch: Batch) -> Batch:
    assert batch.crops is not None
    return Batch(batch.crops.contiguous(memory_format=torch.channels_last), None, batch.target)
