"""What rendering gives: pictures with labels, many at a time or one by one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

OUTSIDE, HIDDEN, SEEN = 0, 1, 2
"""Values of a joint's visibility."""


@dataclass(frozen=True)
class Sample:
    """One crop and its labels.

    Attributes:
        image: (256, 256, 3) uint8 RGB. joints_mm: (30, 3) in the crop camera. joints_px: (30, 2), the centre of the
            top-left pixel is (0, 0). intrinsics: (3, 3). visibility: (30,) OUTSIDE, HIDDEN or SEEN.
        about: split, clip, pose_kind, body, texture, background, distance_m, truncated, box_px (what of the person is
            seen), and of the real camera its height over the ground, pitch (downwards) and lens (k1, k2).
    """

    image: np.ndarray
    joints_mm: np.ndarray
    joints_px: np.ndarray
    intrinsics: np.ndarray
    visibility: np.ndarray
    about: dict[str, object]


@dataclass(frozen=True)
class Shots:
    """N samples on the renderer's device: pictures (N, 3, S, S) RGB 0..1 and labels as in `Sample`."""

    pictures: Tensor
    joints_mm: Tensor
    joints_px: Tensor
    intrinsics: Tensor
    visibility: Tensor
    about: Sequence[dict[str, object]]

    def __len__(self) -> int:
        return len(self.pictures)

    @classmethod
    def join(cls, parts: Sequence[Shots], count: int) -> Shots:
        """The first `count` of several."""
        if len(parts) == 1 and len(parts[0]) == count:
            return parts[0]

        def joined(name: str) -> Tensor:
            return torch.cat([getattr(part, name) for part in parts])[:count]

        about = [about for part in parts for about in part.about][:count]
        labels = (joined(name) for name in ("joints_mm", "joints_px", "intrinsics", "visibility"))
        joints_mm, joints_px, intrinsics, visibility = labels
        return cls(joined("pictures"), joints_mm, joints_px, intrinsics, visibility, about)

    def samples(self) -> list[Sample]:
        """One by one, on the CPU."""
        images = (self.pictures * 255).to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
        labels = (self.joints_mm, self.joints_px, self.intrinsics, self.visibility)
        columns = [images, *(label.cpu().numpy() for label in labels), self.about]
        return [Sample(*row) for row in zip(*columns, strict=True)]
