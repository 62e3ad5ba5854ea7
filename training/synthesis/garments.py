"""How far garments, shoes, hats and hair stand off the skin."""

from __future__ import annotations

import torch
from torch import Tensor

from training.synthesis import mesh_columns as r
from training.synthesis.renderer import Looks

_TOP_OF_SKIRT, _SKIRT_LENGTH = 0.15, 0.85
"""Where the skirt begins to flare in the rest pose and how long it is, m."""

_BRIM = 0.03
"""So far above a hat's edge its brim goes over into the crown, m."""


def shell_offsets(looks: Looks, rest: Tensor, fields: Tensor, kinds: Tensor, edges: Tensor) -> Tensor:
    """(M, V) metres to push each vertex along its normal.

    Args:
        rest: (V, 3) rest positions; fields: (V, 8), see body.py; kinds: (V,) BODY, EYE, SKIRT or HAIR_MESH;
        edges: (E, n, n) noises.
    """
    cut = looks.cut[:, :, None]  # (M, 15, 1)
    arm, leg, height = fields[:, r.ARM], fields[:, r.LEG], fields[:, r.HEIGHT]
    size = edges.shape[-1]
    shift = looks.wrinkle[:, :, None]
    rows = ((rest[:, 2] * 1.3 + shift[:, 0] + 2) * size).long() % size
    columns = ((rest[:, 0] * 1.3 + rest[:, 1] + shift[:, 1] + 3) * size).long() % size
    wrinkle = edges[looks.edges[:, None], rows, columns] - 0.5
    folds = 1 + 1.2 * wrinkle
    loose, flare = looks.looseness[:, :, None], looks.flare[:, :, None]
    trunk = (arm <= 0) & (fields[:, r.HEAD] < 0.5)
    top = ((arm > 0) & (arm < cut[:, r.SLEEVE])) | (trunk & (height > cut[:, r.HEM]) & (height < cut[:, r.NECK]))
    bottom = (arm <= 0) & (height < cut[:, r.WAIST]) & (leg < cut[:, r.TROUSERS]) & (fields[:, r.FOOT] < 0.5) & ~top
    inner = (rest[:, 1] < 0) & (arm <= 0) & (rest[:, 0].abs() < cut[:, r.OPENING])
    sleeve = flare[:, 0] * arm.clamp(0, 1)
    offset = torch.where(top, torch.where(inner, 0.3 * loose[:, 0], (loose[:, 0] + sleeve) * folds) + 0.002, 0.0)
    collar = (height < cut[:, r.NECK]) & (height > 0.49) & (arm <= 0) & (rest[:, 1] > -0.07)
    offset = torch.where(collar, torch.maximum(offset, looks.collar[:, None] * folds), offset)
    offset += torch.where(bottom, (loose[:, 1] + flare[:, 1] * leg.clamp(0, 1) ** 2) * folds, 0.0)
    offset += torch.where((fields[:, r.FOOT] > 0.4) & (cut[:, r.SHOES] > 0), 0.008, 0.0)
    offset = torch.where(kinds == r.BODY, offset + _on_the_head(looks, rest, fields, wrinkle), 0.0)
    below = ((_TOP_OF_SKIRT - height) / _SKIRT_LENGTH).clamp(0, 1)
    coat = cut[:, r.COAT] > 0
    skirt = torch.where(coat, loose[:, 0] + 0.004, loose[:, 1]) * folds + flare[:, 2] * below * (1 + 1.5 * wrinkle)
    return torch.where(kinds == r.SKIRT, skirt, offset)


def _on_the_head(looks: Looks, rest: Tensor, fields: Tensor, wrinkle: Tensor) -> Tensor:
    """(M, V) thickness of hair, hoods and hats."""
    cut = looks.cut[:, :, None]
    head = fields[:, r.HEAD] > 0.5
    over_hairline = fields[:, r.SCALP] - cut[:, r.HAIRLINE]
    hair = looks.hair_volume[:, None] * (over_hairline * 25).clamp(0, 1) * (1 + 0.8 * wrinkle)
    hair = torch.where((over_hairline > 0) & head, hair, 0.0)
    above = fields[:, r.CROWN] - cut[:, r.HAT]
    thickness, peak, all_round = looks.hat[:, :, None].unbind(1)
    front = ((-rest[:, 1] - 0.06) / 0.06).clamp(0, 1)
    brim = peak * torch.maximum(front, all_round) * (1 - above / _BRIM).clamp(0, 1)
    return torch.where((above > 0) & head, thickness + brim, hair)
