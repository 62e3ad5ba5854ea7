"""Placement in the graph against its NumPy reference, and where the reference would give up."""

import numpy as np
import torch

from metric_pose_ros.geometry import placement as reference
from training.networks.placement import FARTHEST_MM, NEAREST_MM, place, project, weak_perspective


def people(count: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Absolute poses (count, 30, 3) mm 2 to 9 m away, and cameras that see them."""
    random = np.random.default_rng(seed)
    away = random.uniform(2000, 9000, count)
    pose = random.normal(0, [200, 450, 200], (count, 30, 3))
    pose[:, :, 2] += away[:, None]
    intrinsics = np.zeros((count, 3, 3))
    intrinsics[:, 0, 0] = intrinsics[:, 1, 1] = 0.07 * away
    intrinsics[:, :2, 2] = 127.5
    intrinsics[:, 0, 1] = 0.3
    intrinsics[:, 2, 2] = 1
    return torch.from_numpy(pose), torch.from_numpy(intrinsics)


def test_perfect_input_is_placed_where_it_was():
    absolute, intrinsics = people(40)
    joints2d = project(absolute, intrinsics)
    moved = absolute - absolute.mean(dim=1, keepdim=True) + 321.0
    found = place(joints2d, moved, intrinsics, side=256, stride=16)
    assert (found - absolute).abs().max() < 1.0


def test_noisy_input_is_placed_as_the_reference_does():
    absolute, intrinsics = people(40, seed=1)
    generator = torch.Generator().manual_seed(2)
    joints2d = project(absolute, intrinsics) + 4 * torch.randn(40, 30, 2, generator=generator, dtype=torch.double)
    relative = absolute - absolute[:, :1] + 60 * torch.randn(40, 30, 3, generator=generator, dtype=torch.double)
    found = place(joints2d, relative, intrinsics, side=256, stride=16).numpy()
    expected = reference.place(joints2d.numpy(), relative.numpy(), intrinsics.numpy(), 256, 16)
    assert np.abs(found - expected).max() < 0.05


def test_weak_perspective_is_exact_for_flat_people_that_face_the_camera():
    absolute, intrinsics = people(20, seed=3)
    absolute[..., 2] = absolute[:, :1, 2]
    found = place(project(absolute, intrinsics), absolute - 77.0, intrinsics, 256, 16, translation=weak_perspective)
    assert (found - absolute).abs().max() < 1.0


def test_weak_perspective_is_near_for_others():
    absolute, intrinsics = people(40, seed=4)
    found = place(project(absolute, intrinsics), absolute + 55.0, intrinsics, 256, 16, translation=weak_perspective)
    off = (found - absolute).mean(dim=1)[:, 2] / absolute.mean(dim=1)[:, 2]
    assert 0.001 < off.abs().max() < 0.15


def test_a_pose_does_not_depend_on_its_batch_mates():
    absolute, intrinsics = people(8)
    joints2d = project(absolute, intrinsics)
    together = place(joints2d, absolute, intrinsics, 256, 16)
    alone = torch.cat(
        [place(joints2d[i : i + 1], absolute[i : i + 1], intrinsics[i : i + 1], 256, 16) for i in range(8)]
    )
    assert torch.equal(together, alone)


def test_degenerate_input_stays_finite_and_in_bounds():
    _, intrinsics = people(3)
    relative = torch.zeros(3, 30, 3, dtype=torch.double)
    relative[1] = torch.randn(30, 3, generator=torch.Generator().manual_seed(0), dtype=torch.double) * 300
    joints2d = torch.full((3, 30, 2), 100.0, dtype=torch.double)  # all rays coincide
    joints2d[2] += torch.randn(30, 2, generator=torch.Generator().manual_seed(1), dtype=torch.double) * 50
    found = place(joints2d, relative, intrinsics, 256, 16)
    assert torch.isfinite(found).all()
    assert found[..., 2].min() >= NEAREST_MM - 1e-6
    assert found[..., 2].max() <= FARTHEST_MM + 2000
