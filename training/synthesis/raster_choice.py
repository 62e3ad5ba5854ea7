"""Which rasteriser a device gets."""

from __future__ import annotations

import warnings

import torch

from training.synthesis import raster_torch
from training.synthesis.raster_torch import Rasterizer


def choose_rasterizer(device: torch.device) -> Rasterizer:
    """The CUDA kernel where it runs and draws a test picture right, else plain torch, which is slower."""
    if device.type != "cuda":
        return raster_torch.rasterize
    try:
        from training.synthesis import raster_cuda

        if _draws_right(raster_cuda.rasterize, device):
            return raster_cuda.rasterize
        problem = "it drew a test picture wrong"
    except Exception as error:  # a missing or unfit CUDA toolkit raises whatever Numba and its drivers like
        problem = f"{type(error).__name__}: {error}"
    warnings.warn(f"the CUDA rasteriser does not run here, plain torch stands in ({problem})", stacklevel=2)
    return raster_torch.rasterize


def _draws_right(rasterizer: Rasterizer, device: torch.device) -> bool:
    """Whether a rasteriser sees the same triangles as plain torch in all but a few pixels."""
    generator = torch.Generator().manual_seed(0)
    points = (torch.rand(2, 60, 3, generator=generator) * torch.tensor([32.0, 32, 1])).to(device)
    faces = torch.arange(60, device=device).reshape(20, 3)
    names = []
    for candidate in (rasterizer, raster_torch.rasterize):
        keys = torch.zeros(2, 32, 32, dtype=torch.int64, device=device)
        every = torch.ones(2, 20, dtype=torch.bool, device=device)
        candidate(keys, torch.arange(2, device=device), points, faces, every, 0)
        names.append(raster_torch.unpack(keys)[0])
    return bool((names[0] == names[1]).float().mean() > 0.98)
