"""What one step of training sees."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import torch
from torch import Tensor


@dataclass(frozen=True)
class Target:
    """What a batch should be seen as. J counts the joints of all skeletons of the model.

    Attributes:
        joints_mm: (N, J, 3) in the crop camera; zero where unknown.
        joints_px: (N, J, 2) in the crop; zero where unknown.
        intrinsics: (N, 3, 3) of the crop cameras.
        known_3d: (N, J) joints whose 3D position is known, also outside the crop.
        known_2d: (N, J) joints whose 2D position is known and lies in the crop.
    """

    joints_mm: Tensor
    joints_px: Tensor
    intrinsics: Tensor
    known_3d: Tensor
    known_2d: Tensor

    def __len__(self) -> int:
        return len(self.intrinsics)

    def to(self, device: torch.device | str) -> Target:
        """The same on another device."""
        return Target(**{field.name: getattr(self, field.name).to(device) for field in fields(self)})

    def rows(self, which: slice) -> Target:
        """Some of the examples."""
        return Target(**{field.name: getattr(self, field.name)[which] for field in fields(self)})


@dataclass(frozen=True)
class Batch:
    """Pictures, or what a frozen backbone made of them, and the truth.

    Attributes:
        crops: (N, 3, S, S) RGB in 0..1; None if the features are there.
        features: the backbone's maps by name; None if the crops are there.
        target: the truth.
    """

    crops: Tensor | None
    features: dict[str, Tensor] | None
    target: Target

    def to(self, device: torch.device | str) -> Batch:
        """The same on another device."""
        features = None if self.features is None else {name: maps.to(device) for name, maps in self.features.items()}
        return Batch(None if self.crops is None else self.crops.to(device), features, self.target.to(device))

    def rows(self, which: slice) -> Batch:
        """Some of the examples."""
        features = None if self.features is None else {name: maps[which] for name, maps in self.features.items()}
        return Batch(None if self.crops is None else self.crops[which], features, self.target.rows(which))

    def tensors(self) -> list[Tensor]:
        """All tensors in it."""
        pictures = [] if self.crops is None else [self.crops]
        return [*pictures, *(self.features or {}).values(), *vars(self.target).values()]


def joined(batches: Sequence[Batch]) -> Batch:
    """Batches of crops on one device as one.

    Raises:
        ValueError: if one has no crops.
    """
    crops = [batch.crops for batch in batches if batch.crops is not None]
    if len(crops) != len(batches):
        raise ValueError("batches of a backbone's maps cannot be joined, only of crops")
    targets = [vars(batch.target) for batch in batches]
    target = Target(**{name: torch.cat([each[name] for each in targets]) for name in targets[0]})
    return Batch(torch.cat(crops).contiguous(memory_format=torch.channels_last), None, target)
