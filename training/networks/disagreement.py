"""How far a network's two readings of a person are apart: a sign of how wrong it is that heatmaps' spreads do not show.

Where the 2D heatmaps see joints and where the metric pose puts them in the image come from different evidence. Of
people who are cut off, hidden or oddly bent they fit each other badly, and their errors are large on all joints.
"""

from __future__ import annotations

import torch
from torch import Tensor

from training.networks.placement import project

LARGEST_MM = 500.0
"""Of a joint: a single one that is placed anywhere must not speak for the others."""


def disagreement(joints2d: Tensor, absolute: Tensor, intrinsics: Tensor) -> Tensor:
    """Root mean square over a person's joints of the distance between both, at the joints' depth.

    Args:
        joints2d: (N, J, 2) px in the crop.
        absolute: (N, J, 3) mm in the crop camera.
        intrinsics: (N, 3, 3) of the crop cameras.

    Returns:
        (N, 1, 1) mm.
    """
    apart_px = torch.linalg.vector_norm(project(absolute, intrinsics) - joints2d, dim=-1, keepdim=True)
    apart_mm = apart_px * absolute[..., 2:] / intrinsics[:, None, :1, 0]
    return apart_mm.clamp(0, LARGEST_MM).square().mean(dim=1, keepdim=True).sqrt()
