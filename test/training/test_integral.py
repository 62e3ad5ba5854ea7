"""The heatmap loss of integral regression, against SciPy's Gaussian and the definition of cross-entropy."""

import numpy as np
import pytest
import torch
from scipy.stats import norm

from metric_pose_ros.skeleton import H36M_17
from test.training.made_up_people import only_2d, people
from training.joint_space import JointSpace
from training.networks.heads.heatmaps import HeatmapGeometry
from training.networks.heads.integral import IntegralHead, voxels

SPACE = JointSpace((H36M_17,))


def head(**options) -> IntegralHead:
    torch.manual_seed(0)
    return IntegralHead(6, SPACE, HeatmapGeometry(stride=32, depth=8), **options)


def test_the_gaussian_has_one_cell_of_deviation_and_ends_after_five():
    joint = np.array([9.3, 8.0, 6.6])
    found = voxels(torch.tensor(joint)[None, None], (16, 17, 18), "gaussian")[0, 0].numpy()
    z, y, x = np.meshgrid(*(np.arange(cells) for cells in found.shape), indexing="ij")
    off = np.stack([x, y, z], -1) - joint
    expected = norm.pdf(np.linalg.norm(off, axis=-1)) * (np.abs(off) <= 5).all(-1)
    assert found == pytest.approx(expected, abs=1e-9)
    assert 0 < (found == 0).sum() < found.size


def test_a_joint_on_a_cell_has_a_cube_of_eleven_cells():
    found = voxels(torch.tensor([[[10.0, 10.0, 10.0]]]), (21, 21, 21), "gaussian")
    assert int((found > 0).sum()) == 11**3
    assert float(found.max()) == pytest.approx((2 * np.pi) ** -0.5)


def test_one_hot_marks_the_joints_cell_only():
    joints = torch.tensor([[[2.4, 0.5, 3.0], [-0.6, 1.0, 1.0]]])
    found = voxels(joints, (5, 4, 6), "one_hot")
    assert found[0, 0].nonzero().tolist() == [[3, 1, 2]]
    assert found[0, 1].sum() == 0  # beyond the first cell


@pytest.mark.parametrize("kind", ["gaussian", "one_hot"])
def test_the_heatmap_loss_is_the_binary_cross_entropy_of_joints_known_in_2d_and_3d(kind):
    network, target = head(heatmaps=kind).eval(), only_2d(people(3, 17), slice(2, 3))
    target.known_2d[0, 4] = False
    reading = network(torch.randn(3, 6, 8, 8, generator=torch.Generator().manual_seed(0)))
    found = network.losses(reading, target, 1.0, torch.rand(3))["heatmaps"]
    p = reading.logits.detach().sigmoid().numpy().astype(float)
    depth = network.root_depth.about_roots(target)[..., None]
    cells = network.geometry.cells_of(torch.cat([target.joints_px, depth], -1))
    t = voxels(cells, (8, 8, 8), kind).numpy().astype(float)
    entropy = -(t * np.log(p) + (1 - t) * np.log(1 - p)).mean(axis=(2, 3, 4))
    px = target.joints_px.numpy()
    counts = ((px >= 24) & (px <= 232)).all(-1) & target.known_2d.numpy() & target.known_3d.numpy()
    assert counts.sum() == 33
    assert float(found.detach()) == pytest.approx(entropy[counts].mean(), rel=1e-5)


def test_the_heatmap_loss_begins_late_or_never():
    target = people(2, 17)
    features = torch.zeros(2, 6, 8, 8)
    late = head(heatmaps_after=0.9)
    assert late.losses(late(features), target, 0.89, torch.rand(2))["heatmaps"] == 0
    assert late.losses(late(features), target, 0.9, torch.rand(2))["heatmaps"] > 0
    never = head(heatmaps="none")
    assert set(never.losses(never(features), target, 1.0, torch.rand(2))) == {"image", "depth", "image_only", "total"}
    with pytest.raises(ValueError, match="gaussian, one_hot, none, not 'disc'"):
        head(heatmaps="disc")


def test_three_deconvolutions_make_a_map_of_64_cells():
    network = head(deconvolutions=3, width=4)
    assert network.geometry.stride == 4
    assert network.upsampling(torch.zeros(1, 6, 8, 8)).shape == (1, 4, 64, 64)


def test_a_peak_where_the_joints_are_costs_no_position_and_gives_their_depth():
    network, target = head(heatmaps="none").eval(), people(3, 17)
    depth = network.root_depth.about_roots(target)[..., None]
    cells = network.geometry.cells_of(torch.cat([target.joints_px, depth], -1))
    # A wide Gaussian on the cells is read at its mean as long as it is inside, which the middle joints are.
    x, y, z = (-((torch.arange(8) - cells[..., axis, None]) ** 2) for axis in range(3))
    logits = 2 * (z[..., :, None, None] + y[..., None, :, None] + x[..., None, None, :])
    mean = network.read(logits).mean
    inside = ((cells > 2) & (cells < 5)).all(-1)
    assert inside.sum() > 5
    assert (mean[..., :2] - target.joints_px)[inside].abs().max() < 2
    assert (mean[..., 2] - depth[..., 0])[inside].abs().max() < 15
