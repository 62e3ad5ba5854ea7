"""Posed bodies before they are dressed and put into a place, and where they come from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True)
class Figures:
    """N posed bodies: vertices (N, V, 3) and joints (N, 30, 3), m, z up, standing anywhere near the origin; kinds and
    clips of their poses; names of their bodies."""

    vertices: Tensor
    joints: Tensor
    kinds: Sequence[str]
    clips: Sequence[str]
    bodies: Sequence[str]

    def __len__(self) -> int:
        return len(self.joints)

    def rows(self, which: np.ndarray) -> Figures:
        """Some of them; which: (n,) indices."""
        names = ([column[number] for number in which] for column in (self.kinds, self.clips, self.bodies))
        where = torch.as_tensor(which, device=self.joints.device)
        return Figures(self.vertices[where], self.joints[where], *names)


class Cast(Protocol):
    """Where figures come from."""

    def draw(self, rng: np.random.Generator, count: int) -> Figures:
        """Figures on the renderer's device."""
        ...
