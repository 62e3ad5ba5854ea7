"""How far garments, shoes and hair stand off the skin."""

from __future__ import annotations

import torch
from torch import Tensor

from training.synthesis import mesh_columns as r
from training.synthesis.renderer import Looks


def shell_offsets(looks: Looks, rest: Tensor, fields: Tensor, on_body: Tensor, edges: Tensor) -> Tensor:
    """(M, V) metres to push each vertex along its normal.

    Args:
        rest: (V, 3) rest positions; fields: (V, 7), see body.py; on_body: (V,) bool, false for eyes and helper meshes;
        edges: (E, n, n) noises.
    """
    cut = looks.cut[:, :, None]  # (M, 11, 1)
    arm, leg, height = fields[:, r.ARM], fields[:, r.LEG], fields[:, r.HEIGHT]
    trunk = (arm <= 0) & (fields[:, r.HEAD] < 0.5)
    top = ((arm > 0) & (arm < cut[:, r.SLEEVE])) | (trunk & (height > cut[:, r.HEM]) & (height < cut[:, r.NECK]))
    bottom = (arm <= 0) & (height < cut[:, r.WAIST]) & (leg < cut[:, r.TROUSERS]) & (fields[:, r.FOOT] < 0.5) & ~top
    size = edges.shape[-1]
    shift = looks.wrinkle[:, :, None]
    rows = ((rest[:, 2] * 1.3 + shift[:, 0] + 2) * size).long() % size
    columns = ((rest[:, 0] * 1.3 + rest[:, 1] + shift[:, 1] + 3) * size).long() % size
    wrinkle = edges[looks.edges[:, None], rows, columns] - 0.5
    loose = looks.looseness[:, :, None]
    offset = torch.where(top, loose[:, 0] * (1 + 1.2 * wrinkle) + 0.002, 0.0)
    offset += torch.where(bottom, loose[:, 1] * (1 + 1.2 * wrinkle), 0.0)
    offset += torch.where((fields[:, r.FOOT] > 0.4) & (cut[:, r.SHOES] > 0), 0.008, 0.0)
    over_hairline = fields[:, r.SCALP] - cut[:, r.HAIRLINE]
    hair = looks.hair_volume[:, None] * (over_hairline * 25).clamp(0, 1) * (1 + 0.8 * wrinkle)
    offset += torch.where((over_hairline > 0) & (fields[:, r.HEAD] > 0.5), hair, 0.0)
    return offset * on_body
