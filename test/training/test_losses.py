"""Losses: zero at the truth, the right size beside it, and alive without 3D truth."""

import pytest
import torch

from training.losses import LossWeights, Target, pose_losses
from training.networks.metrabs import HeadOutput, HeatmapGeometry
from training.networks.placement import project

GEOMETRY = HeatmapGeometry()
WEIGHTS = LossWeights()


def example(count: int = 6, joints: int = 30) -> tuple[HeadOutput, Target]:
    """A perfect output and its target: people 4 m away, all joints in the crop."""
    generator = torch.Generator().manual_seed(0)
    joints_mm = torch.rand(count, joints, 3, generator=generator) * 1500 - 750
    joints_mm[..., 2] += 4000
    intrinsics = torch.tensor([[280.0, 0, 127.5], [0, 280.0, 127.5], [0, 0, 1]]).repeat(count, 1, 1)
    joints_px = project(joints_mm, intrinsics)
    relative = joints_mm - torch.tensor([5.0, 6.0, 4100.0])
    output = HeadOutput(joints_px.clone(), relative, torch.ones_like(relative))
    known = torch.ones(count, joints, dtype=torch.bool)
    return output, Target(joints_mm, joints_px, intrinsics, known, torch.ones(count, dtype=torch.bool))


def losses_of(output: HeadOutput, target: Target, with_absolute: bool = True) -> dict[str, torch.Tensor]:
    mix = torch.full((len(target.has_3d), 1, 1), 0.3)
    return pose_losses(output, target, GEOMETRY, WEIGHTS, mix, with_absolute)


def test_the_truth_costs_nothing():
    assert losses_of(*example())["total"] < 1e-3


def test_the_2d_loss_is_in_metres_of_the_box():
    output, target = example()
    off = output._replace(joints2d=output.joints2d + torch.tensor([2.56, 0.0]))
    # 2.56 of 256 px along one of two axes, where the crop stands for 2.2 m.
    assert losses_of(off, target)["image"] == pytest.approx(0.011, rel=1e-3)


def test_the_relative_loss_ignores_translation_but_not_shape():
    output, target = example()
    moved = output._replace(relative=output.relative + 500)
    assert losses_of(moved, target)["relative"] < 1e-5
    scaled = output._replace(relative=output.relative * 1.1)
    centred = target.joints_mm - target.joints_mm.mean(dim=1, keepdim=True)
    assert losses_of(scaled, target)["relative"] == pytest.approx(0.1 * float(centred.abs().mean()) / 1000, rel=1e-3)


def test_a_person_predicted_too_small_is_placed_too_near_and_pays_for_it():
    output, target = example()
    scaled = output._replace(relative=output.relative * 0.9)
    losses = losses_of(scaled, target)
    sideways, down, away = target.joints_mm.abs().mean(dim=(0, 1)) / 1000
    assert float(losses["absolute"]) == pytest.approx(0.1 * float(2 * sideways + 2 * down + away) / 3, rel=0.1)
    assert losses_of(scaled, target, with_absolute=False)["absolute"] == 0
    assert losses["projection"] < 1e-3


def test_joints_outside_the_crop_are_left_out_of_the_2d_loss():
    output, target = example()
    known = target.known.clone()
    known[:, :10] = False
    wrong = output._replace(joints2d=torch.where(known[..., None], output.joints2d, output.joints2d + 30))
    hidden = Target(target.joints_mm, target.joints_px, target.intrinsics, known, target.has_3d)
    assert losses_of(wrong, hidden)["image"] < 1e-6


def test_examples_without_3d_teach_through_their_2d_joints_only():
    output, target = example()
    no_3d = Target(torch.full_like(target.joints_mm, 1e6), target.joints_px, target.intrinsics, target.known,
                   torch.zeros_like(target.has_3d))  # fmt: skip
    relative = output.relative.clone().requires_grad_()
    losses = losses_of(output._replace(relative=relative, joints2d=output.joints2d + 10), no_3d)
    assert losses["relative"] == losses["image"] == losses["projection"] == losses["absolute"] == 0
    losses["total"].backward()
    assert relative.grad is not None
    assert relative.grad[..., :2].abs().sum() > 0
    assert relative.grad[..., 2].abs().sum() == 0


def test_wild_outputs_give_finite_gradients():
    _, target = example()
    generator = torch.Generator().manual_seed(1)
    joints2d = torch.full_like(target.joints_px, 127.5).requires_grad_()  # all rays coincide
    relative = (torch.randn(target.joints_mm.shape, generator=generator) * 1000).requires_grad_()
    losses_of(HeadOutput(joints2d, relative, torch.ones_like(relative)), target)["total"].backward()
    for leaf in (joints2d, relative):
        assert leaf.grad is not None
        assert torch.isfinite(leaf.grad).all()
