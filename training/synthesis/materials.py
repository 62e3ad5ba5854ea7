"""What renderers draw with: the mesh, fabrics, panoramas, photographs; told to them once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from training.synthesis.appearance import Wardrobe
from training.synthesis.assets import Assets
from training.synthesis.body import Mesh


@dataclass(frozen=True)
class Materials:
    """panoramas: (P, H, W, 3) linear; photographs: (H, W, 3) uint8 RGB each."""

    mesh: Mesh
    wardrobe: Wardrobe
    panoramas: np.ndarray
    photographs: list[np.ndarray]

    @classmethod
    def of(cls, mesh: Mesh, wardrobe: Wardrobe, assets: Assets) -> Materials:
        """Those of one split."""
        panoramas = np.stack([panorama.pixels for panorama in assets.panoramas])
        return cls(mesh, wardrobe, np.ascontiguousarray(panoramas, np.float32), assets.photographs)
