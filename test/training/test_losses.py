"""The parts of the losses: the right size, and blind where nothing is known."""

import pytest
import torch

from training.data.batch import Target
from training.losses import (
    absolute_loss,
    image_only_loss,
    masked_mean,
    plain_absolute_loss,
    relative_loss,
    seen_with_and_without_3d,
)


def target(joints: int = 5) -> Target:
    """Four people: the first two with 3D truth, the last without anything."""
    generator = torch.Generator().manual_seed(0)
    joints_mm = torch.randn(4, joints, 3, generator=generator) * 400 + torch.tensor([0.0, 0.0, 4000.0])
    joints_px = torch.rand(4, joints, 2, generator=generator) * 200 + 28
    known_3d, known_2d = torch.ones(4, joints, dtype=torch.bool), torch.ones(4, joints, dtype=torch.bool)
    known_3d[2:], known_2d[3:] = False, False
    return Target(joints_mm, joints_px, torch.eye(3).repeat(4, 1, 1), known_3d, known_2d)


def test_the_relative_loss_ignores_translation_but_not_shape():
    truth = target()
    assert relative_loss(truth.joints_mm + torch.tensor([500.0, -20.0, 7.0]), truth) < 1e-5
    true = truth.joints_mm[:2]
    size = float((true - true.mean(dim=1, keepdim=True)).abs().mean()) / 1000
    assert float(relative_loss(truth.joints_mm * 1.1, truth)) == pytest.approx(0.1 * size, rel=1e-3)


def test_poses_are_compared_about_the_joints_that_an_example_knows():
    truth = target()
    known = truth.known_3d.clone()
    known[:, 3:] = False
    relative = truth.joints_mm + 100
    relative[:, 3:] += 1000  # joints of another skeleton, that nobody labelled
    partly = Target(truth.joints_mm, truth.joints_px, truth.intrinsics, known, truth.known_2d)
    assert relative_loss(relative, partly) < 1e-5
    assert relative_loss(relative, truth) > 0.1


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_the_absolute_loss_counts_every_axis_alike_and_depth_less_far_away(axis):
    off = torch.zeros(3)
    off[axis] = 300
    near, far, touching = target(), target(), target()
    far.joints_mm[..., 2] = 16_000
    touching.joints_mm[..., 2] = 250
    for truth in (near, far):
        assert float(plain_absolute_loss(truth.joints_mm + off, truth)) == pytest.approx(0.1, rel=1e-4)
    assert float(absolute_loss(near.joints_mm + off, near)) == pytest.approx(0.1, rel=1e-4)
    assert float(absolute_loss(far.joints_mm + off, far)) == pytest.approx(0.0625 if axis == 2 else 0.1, rel=1e-4)
    assert absolute_loss(touching.joints_mm + off, touching) == 0


def test_joints_at_the_border_cannot_be_pointed_at():
    truth = target()
    truth.joints_px[0, 0] = torch.tensor([11.9, 100.0])  # three quarters of a cell of 16 px are 12
    truth.joints_px[0, 1] = torch.tensor([12.0, 100.0])
    with_3d, only_2d = seen_with_and_without_3d(truth, side=256, stride=16)
    assert with_3d[0].tolist() == [False, True, True, True, True]
    assert with_3d.sum(dim=1).tolist() == [4, 5, 0, 0]
    assert only_2d.sum(dim=1).tolist() == [0, 0, 5, 0]


def test_a_pose_without_3d_is_compared_up_to_position_and_size():
    truth = target()
    seen = truth.known_2d & ~truth.known_3d
    relative = torch.cat([truth.joints_px * 7 - 900, truth.joints_mm[..., 2:]], dim=-1)
    assert image_only_loss(relative, truth, seen, 0.01) < 1e-4
    relative[2, 0, 0] += 7 * 50
    assert image_only_loss(relative, truth, seen, 0.01) > 0.05


def test_the_mean_of_nothing_is_zero_and_has_a_gradient():
    values = torch.tensor([1.0, float("nan")], requires_grad=True)
    loss = masked_mean(values, torch.zeros(2, dtype=torch.bool))
    loss.backward()
    assert loss == 0
    assert values.grad is not None
    assert values.grad.tolist() == [0, 0]
