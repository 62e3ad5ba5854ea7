"""People as a model found them beside people as they are: what protocols are computed from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from metric_pose_ros.skeleton import Skeleton

Floats = npt.NDArray[np.floating]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class People:
    """N people, each in the camera frame of its own picture, with the J joints of a skeleton.

    Attributes:
        skeleton: of the joints.
        found_mm: (N, J, 3) what the model said; zero for joints that it does not have.
        found_px: (N, J, 2) where it saw them in the picture; NaN behind the camera.
        std_mm: (N, J, 3) how sure it was.
        true_mm: (N, J, 3) the truth; NaN where unknown, and for joints that the model does not have.
        true_px: (N, J, 2) in the picture, likewise.
        inside: (N, J) joints that the model was shown.
        facts: of each person, for groups.
        placed: whether the model says where people stand; if not, only root-aligned measures mean anything.
        missing: joints that the model does not have.
    """

    skeleton: Skeleton
    found_mm: Floats
    found_px: Floats
    std_mm: Floats
    true_mm: Floats
    true_px: Floats
    inside: Mask
    facts: list[dict[str, Any]]
    placed: bool = True
    missing: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.facts)

    def some(self, rows: Mask) -> People:
        """Those where `rows` (N,) is true."""
        names = ("found_mm", "found_px", "std_mm", "true_mm", "true_px", "inside")
        chosen = {name: getattr(self, name)[rows] for name in names}
        return replace(self, **chosen, facts=[fact for fact, row in zip(self.facts, rows, strict=True) if row])

    def by(self, fact: str, prefix: str = "") -> dict[str, People]:
        """Groups of people of whom a fact is the same, in alphabetical order; none where nobody knows it."""
        values = np.array([str(facts.get(fact, "")) for facts in self.facts])
        return {prefix + value: self.some(values == value) for value in sorted(set(values)) if value}

    def root(self, name: str = "pelvis") -> int:
        """Index of the joint that poses are aligned at.

        Raises:
            ValueError: if the skeleton or the model lacks it.
        """
        if name in self.missing or name not in self.skeleton.names:
            raise ValueError(
                f"poses are aligned at the joint {name!r}, which this model does not have: choose another --skeleton"
            )
        return self.skeleton.names.index(name)
