"""Examples of shards as batches: read, cropped, changed and stacked by worker processes, in an order that can be
taken up anywhere.

Everything random about an example follows from the seed and its position in the run, not from the process that makes
it. A broken sample is noted, and another one of its set takes its place.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from metric_pose_ros.skeleton import Skeleton
from training.data.augmentation import Augmentation, augment
from training.data.batch import Batch, Target
from training.data.mixture import Mixture
from training.data.shards import Problems, Sample
from training.data.store import ShardStore
from training.joint_space import Indices, JointSpace

Arrays = dict[str, npt.NDArray[Any]]
Item = tuple[int, int, int]
"""Position in the run, set, and row in the set."""
Loaded = dict[str, Any]

ATTEMPTS = 50
"""Broken samples in a row before a set counts as unreadable."""


@dataclass(frozen=True, eq=False)
class ExampleMaker(Dataset[Loaded]):
    """Makes the example of an `Item`.

    Attributes:
        stores: one a set.
        space: the joints of the model.
        side: of the crop, px.
        augmentation: how examples are changed.
        seed: of the run.
    """

    stores: Sequence[ShardStore]
    space: JointSpace
    side: int
    augmentation: Augmentation
    seed: int

    def __getitem__(self, item: Item) -> Loaded:
        """Arrays as of `arrays_of`, ``image`` (3, S, S) uint8 and ``problems``, a list of (kind, what).

        Raises:
            RuntimeError: if sample after sample cannot be used.
        """
        position, number, row = item
        noted = _Noted()
        random = np.random.default_rng((self.seed, position))
        for _ in range(ATTEMPTS):
            sample = self.stores[number].read(row, noted)
            if sample is not None:
                try:
                    crop = augment(sample, self.side, self.augmentation, random)
                    made = arrays_of(crop, self.space)
                    image = np.ascontiguousarray(crop.image.transpose(2, 0, 1))
                    return {**made, "image": image, "problems": noted.found}
                # Labels that no camera can have made must cost one sample, not the run.
                except Exception as error:
                    noted.note("useless sample", f"{sample.key}: {error}")
            row = int(random.integers(len(self.stores[number])))
        raise RuntimeError(
            f"{ATTEMPTS} samples in a row of {self.stores[number].paths[0].parent} cannot be used; the last one: "
            f"{noted.found[-1][1]}"
        )


class _Noted(Problems):
    """Problems as a list, for the process that counts them."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, str]] = []

    def note(self, kind: str, what: str) -> None:
        self.found.append((kind, what))


def arrays_of(crop: Sample, space: JointSpace) -> Arrays:
    """The truth about a crop, joints where the model has them: the fields of `Target` without the batch axis.

    Raises:
        ValueError: if the model has none of the sample's joints.
    """
    theirs, ours = places_in(space, crop.skeleton)
    side = crop.image.shape[1]
    joints_mm, joints_px = np.full((len(space), 3), np.nan), np.full((len(space), 2), np.nan)
    joints_mm[ours], joints_px[ours] = crop.joints_mm[theirs], crop.joints_px[theirs]
    with np.errstate(invalid="ignore"):
        inside = ((joints_px >= -0.5) & (joints_px <= side - 0.5)).all(axis=1)
    known = np.isfinite(joints_mm).all(axis=1)
    return {
        "joints_mm": np.where(known[:, None], joints_mm, 0).astype(np.float32),
        "joints_px": np.nan_to_num(joints_px).astype(np.float32),
        "intrinsics": crop.intrinsics.astype(np.float32),
        "known_3d": known,
        "known_2d": inside,
    }


@lru_cache(maxsize=256)
def places_in(space: JointSpace, skeleton: Skeleton) -> tuple[Indices, Indices]:
    """`JointSpace.places`, remembered."""
    return space.places(skeleton)


def stack(examples: list[Loaded]) -> Loaded:
    """Examples as tensors with a batch axis, and all their problems."""
    stacked: Loaded = {
        name: torch.from_numpy(np.stack([example[name] for example in examples]))
        for name in examples[0]
        if name != "problems"
    }
    stacked["problems"] = [problem for example in examples for problem in example["problems"]]
    return stacked


def to_batch(loaded: Loaded, device: torch.device) -> Batch:
    """A batch on a device; pictures travel as bytes and become 0..1 there."""
    moved: dict[str, Tensor] = {
        name: value.to(device, non_blocking=True) for name, value in loaded.items() if isinstance(value, Tensor)
    }
    crops = moved.pop("image").float().div_(255).contiguous(memory_format=torch.channels_last)
    return Batch(crops, None, Target(**moved))


def load_batches(
    maker: ExampleMaker, items: Iterator[list[Item]], workers: int, device: torch.device, problems: Problems
) -> Iterator[Batch]:
    """The batches of lists of items, in order.

    Args:
        maker: of the examples.
        items: of each batch; read a few batches ahead.
        workers: processes that make examples; 0 makes them here.
        device: where the batches go.
        problems: collects what had to be replaced.
    """
    loader = DataLoader(
        maker,
        batch_sampler=_Once(items),
        collate_fn=stack,
        num_workers=workers,
        worker_init_fn=_start_worker if workers else None,
        prefetch_factor=2 if workers else None,
        pin_memory=device.type == "cuda",
        # Chance comes from seed and position; torch's own would make a run depend on how often it was resumed.
        generator=torch.Generator().manual_seed(0),
    )
    for loaded in loader:
        for kind, what in loaded.pop("problems"):
            problems.note(kind, what)
        yield to_batch(loaded, device)


class _Once:
    def __init__(self, items: Iterator[list[Item]]) -> None:
        self.items = items

    def __iter__(self) -> Iterator[list[Item]]:
        return self.items


def _start_worker(_: int) -> None:
    """One core a worker; Ctrl+C and SIGTERM are for the process that trains, which ends its workers itself."""
    cv2.setNumThreads(0)
    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def items_of_steps(mixture: Mixture, steps: range, batch: int, rank: int, world: int) -> Iterator[list[Item]]:
    """This process' share of each step's batch."""
    for step in steps:
        columns = (column[rank::world].tolist() for column in mixture.batch(step, batch))
        yield list(zip(*columns, strict=True))
