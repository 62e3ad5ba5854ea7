"""Root depth from bone lengths, against the truth and SciPy's least squares."""

import numpy as np
import pytest
import torch
from scipy.optimize import least_squares

from metric_pose_ros.skeleton import COCO_17, H36M_17
from test.training.made_up_people import only_2d, people
from training.data.batch import Target
from training.joint_space import JointSpace
from training.networks.heads.root_depth import RootDepth

SPACE = JointSpace((H36M_17,))
ENDS = np.array(SPACE.edges).T


def lengths(joints: torch.Tensor) -> torch.Tensor:
    return (joints[:, ENDS[0]] - joints[:, ENDS[1]]).norm(dim=-1)


def seen(target: Target) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """What a perfect 2.5D network says of people."""
    depth = target.joints_mm[..., 2]
    return (
        target.joints_px,
        depth - depth.mean(dim=1, keepdim=True),
        torch.ones_like(target.joints_mm),
        target.intrinsics,
    )


def test_people_whose_bones_are_known_are_placed_where_they_are():
    for number in range(3):
        target = people(1, 17, seed=number)
        root_depth = RootDepth(SPACE, lengths(target.joints_mm)[0].tolist())
        pose = root_depth(*seen(target))
        assert (pose.absolute - target.joints_mm).abs().max() < 2
        assert torch.allclose(pose.relative, pose.absolute - pose.absolute.mean(dim=1, keepdim=True))


def test_the_depth_is_the_least_squares_solution_for_others():
    target = people(12, 17)
    mean = lengths(target.joints_mm).mean(dim=0)
    joints2d, depth, spread, intrinsics = seen(target)
    found = RootDepth(SPACE, mean.tolist())(joints2d, depth, spread, intrinsics).absolute[..., 2] - depth
    for person in range(12):
        focal = float(intrinsics[person, 0, 0])
        rays = np.concatenate([(joints2d[person].numpy() - 127.5) / focal, np.ones((17, 1))], axis=1)

        def residuals(root, person=person, rays=rays):
            joints = rays * (depth[person].numpy()[:, None] + root * 1000)
            return np.linalg.norm(joints[ENDS[0]] - joints[ENDS[1]], axis=1) / 1000 - mean.numpy() / 1000

        expected = least_squares(residuals, x0=[4.0]).x[0] * 1000
        assert float(found[person, 0]) == pytest.approx(expected, rel=1e-3)


def test_a_smaller_person_seems_farther_in_proportion():
    target = people(1, 17)
    grown = lengths(target.joints_mm)[0]
    pose = RootDepth(SPACE, (grown * 1.2).tolist())(*seen(target))
    # The depths about the root stay, so it is not exactly a fifth.
    ratio = float(pose.absolute[..., 2].mean() / target.joints_mm[..., 2].mean())
    assert ratio == pytest.approx(1.2, abs=0.12)


def test_bone_lengths_are_averaged_over_the_examples_that_know_them():
    root_depth = RootDepth(SPACE)
    first, second = people(4, 17, seed=1), people(6, 17, seed=2)
    first.known_3d[0, 3] = False
    for batch in (first, only_2d(second, slice(2, 6))):
        root_depth.learn(batch)
    every = torch.cat([lengths(first.joints_mm), lengths(second.joints_mm)[:2]])
    touched = (ENDS == 3).any(axis=0)
    assert touched.sum() >= 1
    assert torch.allclose(root_depth.lengths_mm[~touched], every[:, ~touched].mean(dim=0), rtol=1e-5)
    assert torch.allclose(root_depth.lengths_mm[touched], every[1:, touched].mean(dim=0), rtol=1e-5)
    assert root_depth.seen[~touched].unique().tolist() == [6]


def test_given_bone_lengths_stay():
    given = [float(length) for length in range(100, 100 + len(SPACE.edges))]
    root_depth = RootDepth(SPACE, given)
    root_depth.learn(people(4, 17))
    assert root_depth.lengths_mm.tolist() == given
    with pytest.raises(ValueError, match=f"2 bone lengths are given; the joints have {len(SPACE.edges)} bones"):
        RootDepth(SPACE, [1.0, 2.0])


def test_each_skeleton_has_its_own_root():
    space = JointSpace((COCO_17, H36M_17))
    target = people(1, 34)
    ends = np.array(space.edges).T
    true = (target.joints_mm[:, ends[0]] - target.joints_mm[:, ends[1]]).norm(dim=-1)[0]
    joints2d, _, spread, intrinsics = seen(target)
    root_depth = RootDepth(space, true.tolist())
    depth = root_depth.about_roots(target)
    assert depth[:, :17].mean().abs() < 0.01
    assert depth[:, 17:].mean().abs() < 0.01
    moved = depth + torch.cat([torch.full((17,), 300.0), torch.full((17,), -200.0)])
    assert (root_depth(joints2d, moved, spread, intrinsics).absolute - target.joints_mm).abs().max() < 2


def test_depths_are_about_the_joints_that_are_known():
    target = people(1, 17)
    target.known_3d[0, 10:] = False
    depth = RootDepth(SPACE).about_roots(target)
    assert depth[0, :10].mean().abs() < 0.01
    assert torch.allclose(depth[0, :10].diff(), target.joints_mm[0, :10, 2].diff())


def test_the_spread_in_px_becomes_millimetres_at_the_joint():
    target = people(1, 17)
    pose = RootDepth(SPACE, lengths(target.joints_mm)[0].tolist())(*seen(target))
    expected = target.joints_mm[0, :, 2] / float(target.intrinsics[0, 0, 0])
    assert torch.allclose(pose.spread[0, :, 0], expected, rtol=1e-3)
    assert pose.spread[0, :, 2].tolist() == [1.0] * 17


def test_hopeless_readings_stay_finite():
    target = people(2, 17)
    joints2d = torch.full_like(target.joints_px, 50.0).requires_grad_()  # everybody in one point
    depth = (torch.randn(2, 17, generator=torch.Generator().manual_seed(0)) * 400).requires_grad_()
    pose = RootDepth(SPACE)(joints2d, depth, torch.ones(2, 17, 3), target.intrinsics)
    assert torch.isfinite(pose.absolute).all()
    pose.absolute.sum().backward()
    assert torch.isfinite(joints2d.grad).all()
    assert torch.isfinite(depth.grad).all()
