"""MargiPose: axis permutation, marginals, and the Jensen-Shannon divergence against SciPy's."""

import numpy as np
import pytest
import torch
from scipy.spatial.distance import jensenshannon

from metric_pose_ros.skeleton import H36M_17
from test.training.made_up_people import only_2d, people
from training.joint_space import JointSpace
from training.networks.heads.heatmaps import HeatmapGeometry
from training.networks.heads.margipose import MargiPoseHead, divergence_from_gaussian, permute_axes

SPACE = JointSpace((H36M_17,))


def head(stages: int = 1) -> MargiPoseHead:
    torch.manual_seed(0)
    return MargiPoseHead(6, SPACE, HeatmapGeometry(stride=32), stages=stages, width=16)


def gaussians(cells: torch.Tensor, side: int) -> torch.Tensor:
    """(N, 3, J, S, S) logits of Gaussians of one cell around joints (N, J, 3) in the planes xy, xz and zy."""
    grid = torch.arange(side, dtype=cells.dtype)
    rows, columns = torch.meshgrid(grid, grid, indexing="ij")

    def plane(across: int, down: int) -> torch.Tensor:
        x, y = cells[..., across, None, None], cells[..., down, None, None]
        return -((columns - x) ** 2 + (rows - y) ** 2) / 2

    return torch.stack([plane(0, 1), plane(0, 2), plane(2, 1)], dim=1)


def test_channels_change_places_with_the_axis_that_a_plane_lacks():
    volume = torch.arange(2 * 4 * 4 * 4.0).reshape(1, 2, 4, 4, 4)  # groups, z, y, x
    flat = volume.reshape(1, 8, 4, 4)
    xz = permute_axes(flat, 2, 4, "xz").reshape(1, 2, 4, 4, 4)
    zy = permute_axes(flat, 2, 4, "zy").reshape(1, 2, 4, 4, 4)
    for group, z, y, x in ((0, 1, 2, 3), (1, 3, 0, 2)):
        value = volume[0, group, z, y, x]
        assert xz[0, group, y, z, x] == value  # channel y, row z, column x
        assert zy[0, group, x, y, z] == value  # channel x, row y, column z


def test_joints_are_read_from_xy_and_their_depth_from_both_other_planes():
    network = head()
    cells = torch.tensor([[[3.0, 4.0, 2.0]] * 17])
    planes = gaussians(cells, 8).unbind(1)
    joints2d, depth, spread = network.decode(*planes)
    assert joints2d[0, 0].tolist() == pytest.approx([3 * 32 + 15.5, 4 * 32 + 15.5], abs=0.2)
    assert float(depth[0, 0]) == pytest.approx((2 - 3.5) * 275, abs=10)  # the Gaussian is cut at the box's face
    assert spread[0, 0, :2].tolist() == pytest.approx([32, 32], rel=0.05)
    # One map says slice 2, the other slice 5: the depth is between, and less certain than either.
    other = gaussians(torch.tensor([[[3.0, 4.0, 5.0]] * 17]), 8)
    _, between, unsure = network.decode(planes[0], planes[1], other[:, 2])
    assert float(between[0, 0]) == pytest.approx(0, abs=1)
    assert float(unsure[0, 0, 2]) == pytest.approx(275 * (1 + 1.5**2) ** 0.5, rel=0.05)


def test_the_divergence_is_that_of_scipy():
    generator = torch.Generator().manual_seed(0)
    cells = torch.rand(2, 5, 3, generator=generator) * 7
    logits = torch.randn(2, 3, 5, 8, 8, generator=generator) * 3
    found = divergence_from_gaussian(logits, cells)
    p = logits.flatten(3).softmax(-1).numpy().astype(float)
    q = np.exp(gaussians(cells, 8).flatten(3).numpy().astype(float))
    expected = jensenshannon(p, q, axis=-1) ** 2
    assert found.numpy() == pytest.approx(expected, rel=1e-4)
    assert divergence_from_gaussian(gaussians(cells, 8), cells).abs().max() < 1e-6


def test_the_divergence_of_heatmaps_without_overlap_is_finite_and_at_most_log_two():
    logits = torch.full((1, 3, 1, 8, 8), -200.0)
    logits[..., 7, 7] = 200
    logits.requires_grad_()
    found = divergence_from_gaussian(logits, torch.tensor([[[-40.0, -40.0, -40.0]]]))
    assert found.detach().numpy() == pytest.approx(np.log(2), rel=1e-5)
    found.sum().backward()
    assert torch.isfinite(logits.grad).all()


def test_every_stage_is_supervised():
    for stages in (1, 4):
        network = head(stages).train()
        reading = network(torch.randn(2, 6, 8, 8, generator=torch.Generator().manual_seed(0)))
        assert reading.logits.shape == (stages, 2, 3, 17, 8, 8)
        losses = network.losses(reading, people(2, 17), 1.0, torch.rand(2))
        by_stage = [
            network.losses(reading._replace(logits=logits[None]), people(2, 17), 1.0, torch.rand(2))["total"]
            for logits in reading.logits
        ]
        assert float(losses["total"].detach()) == pytest.approx(float(sum(by_stage).detach()), rel=1e-5)
    assert torch.equal(network.decode(*reading.logits[-1].unbind(1))[0], reading.joints2d)


def test_examples_without_3d_shape_the_map_of_the_image_only():
    network = head()
    target = only_2d(people(2, 17), slice(0, 2))
    logits = torch.randn(1, 2, 3, 17, 8, 8, generator=torch.Generator().manual_seed(0)).requires_grad_()
    reading = network(torch.zeros(2, 6, 8, 8))._replace(logits=logits)
    losses = network.losses(reading, target, 1.0, torch.rand(2))
    losses["total"].backward()
    assert logits.grad[:, :, 0].abs().sum() > 0
    assert logits.grad[:, :, 1:].abs().sum() == 0
    px = target.joints_px
    seen = ((px >= 24) & (px <= 232)).all(-1)
    found = network.decode(*logits.detach()[0].unbind(1))[0]
    expected = ((found - px) / 128).norm(dim=-1)[seen].mean()
    assert float(losses["position"].detach()) == pytest.approx(float(expected), rel=1e-4)
    apart = divergence_from_gaussian(logits.detach()[0], network.geometry.cells_of(torch.cat([px, px[..., :1]], -1)))
    assert float(losses["divergence"].detach()) == pytest.approx(float(apart[:, 0][seen].mean()), rel=1e-4)
