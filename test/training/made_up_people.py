"""Targets for heads: people of the right size in front of crop cameras, seen from head to foot."""

from __future__ import annotations

import torch

from training.data.batch import Target
from training.networks.placement import project


def cameras(count: int) -> torch.Tensor:
    """(count, 3, 3) crop cameras of 256 px that see a person of 1.6 m from 3 to 6 m away."""
    intrinsics = torch.eye(3).repeat(count, 1, 1)
    intrinsics[:, 0, 0] = intrinsics[:, 1, 1] = torch.linspace(300.0, 600.0, count)
    intrinsics[:, :2, 2] = 127.5
    return intrinsics


def people(count: int, joints: int, seed: int = 0) -> Target:
    """People whose joints are known in 2D and 3D and all lie in the crop."""
    generator = torch.Generator().manual_seed(seed)
    joints_mm = torch.rand(count, joints, 3, generator=generator) * torch.tensor([1000.0, 1600.0, 800.0])
    joints_mm = joints_mm - torch.tensor([500.0, 800.0, 400.0])
    joints_mm[..., 2] += torch.linspace(3000, 6000, count)[:, None]
    intrinsics = cameras(count)
    known = torch.ones(count, joints, dtype=torch.bool)
    return Target(joints_mm, project(joints_mm, intrinsics), intrinsics, known, known.clone())


def only_2d(target: Target, rows: slice) -> Target:
    """The same without the 3D truth of some examples."""
    known_3d, joints_mm = target.known_3d.clone(), target.joints_mm.clone()
    known_3d[rows], joints_mm[rows] = False, 0
    return Target(joints_mm, target.joints_px, target.intrinsics, known_3d, target.known_2d)
