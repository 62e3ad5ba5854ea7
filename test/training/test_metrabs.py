"""The MeTRAbs head: what its heatmaps mean, and its losses."""

import pytest
import torch

from metric_pose_ros.skeleton import BODY_30
from training.data.batch import Target
from training.joint_space import JointSpace
from training.networks.heads.heatmaps import HeatmapGeometry
from training.networks.heads.metrabs import MetrabsHead, MetrabsReading
from training.networks.placement import project

SPACE = JointSpace((BODY_30,))
JOINTS = len(BODY_30)


def head(**options) -> MetrabsHead:
    torch.manual_seed(0)
    return MetrabsHead(6, SPACE, HeatmapGeometry(), **options)


def example(count: int = 6) -> tuple[MetrabsReading, Target]:
    """A perfect reading and its target: people 4 m away, all joints in the crop."""
    generator = torch.Generator().manual_seed(0)
    joints_mm = torch.rand(count, JOINTS, 3, generator=generator) * 1500 - 750
    joints_mm[..., 2] += 4000
    intrinsics = torch.tensor([[280.0, 0, 127.5], [0, 280.0, 127.5], [0, 0, 1]]).repeat(count, 1, 1)
    joints_px = project(joints_mm, intrinsics)
    relative = joints_mm - torch.tensor([5.0, 6.0, 4100.0])
    known = torch.ones(count, JOINTS, dtype=torch.bool)
    reading = MetrabsReading(joints_px.clone(), relative, torch.ones_like(relative))
    return reading, Target(joints_mm, joints_px, intrinsics, known, known.clone())


def losses_of(reading, target, progress=1.0, **options) -> dict[str, torch.Tensor]:
    return head(**options).losses(reading, target, progress, torch.full((len(target),), 0.3))


def test_a_peak_in_a_cell_is_read_at_the_cells_centre():
    logits = torch.zeros(1, JOINTS * 9, 16, 16)
    logits[0, 0, 3, 5] = 1000  # first joint's 2D heatmap: row 3, column 5
    logits[0, JOINTS + 6, 10, 15] = 1000  # its volume, slice 6
    found = head().decode(logits)
    assert found.joints2d[0, 0].tolist() == pytest.approx([16 * 5 + 7.5, 16 * 3 + 7.5])
    # The box of 2200 mm spans the crop, so 137.5 mm a cell across and 275 mm a slice, about its centre.
    expected = [(15 - 7.5) * 137.5, (10 - 7.5) * 137.5, (6 - 3.5) * 275.0]
    assert found.relative[0, 0].tolist() == pytest.approx(expected, abs=0.01)
    assert found.spread[0, 0].max() < 2


def test_a_reading_is_placed_where_its_projection_is():
    reading, target = example()
    pose = head().place(reading, target.intrinsics)
    assert pose.absolute is not None
    assert (pose.absolute - target.joints_mm).abs().max() < 1
    weak = head(perspective="weak").place(reading, target.intrinsics).absolute
    assert weak is not None
    # Weak perspective takes people for flat: a tenth off in depth is what 1.5 m of depth at 4 m cost it.
    assert 1 < (weak - target.joints_mm).abs().max() < 400


@pytest.mark.parametrize("kind", ["current", "paper"])
def test_the_truth_costs_nothing(kind):
    assert losses_of(*example(), losses=kind)["total"] < 1e-3


def test_the_2d_loss_is_in_metres_of_the_box():
    reading, target = example()
    off = reading._replace(joints2d=reading.joints2d + torch.tensor([2.56, 0.0]))
    # 2.56 of 256 px along one of two axes, where the crop stands for 2.2 m.
    assert losses_of(off, target)["image"] == pytest.approx(0.011, rel=1e-3)


def test_a_person_predicted_too_small_is_placed_too_near_and_pays_for_it():
    reading, target = example()
    scaled = reading._replace(relative=reading.relative * 0.9)
    losses = losses_of(scaled, target)
    sideways, down, away = target.joints_mm.abs().mean(dim=(0, 1)) / 1000
    expected = 0.1 * float(sideways + down + away) / 3
    assert float(losses["absolute"]) == pytest.approx(expected, rel=0.1)
    assert losses["projection"] < 1e-3
    of_paper = losses_of(scaled, target, losses="paper")
    assert float(of_paper["absolute"]) == pytest.approx(expected, rel=0.1)
    assert "projection" not in of_paper


def test_the_absolute_loss_begins_late_and_placement_is_weak_at_first():
    reading, target = example()
    scaled = reading._replace(relative=reading.relative * 0.9)
    assert losses_of(scaled, target, progress=0.19, absolute_after=0.2)["absolute"] == 0
    assert losses_of(scaled, target, progress=0.2, absolute_after=0.2)["absolute"] > 0
    early, late = (
        losses_of(reading, target, progress, weak_until=0.1, absolute_after=0)["absolute"] for progress in (0.05, 0.1)
    )
    assert late < 1e-3 < 1e-2 < early


def test_the_total_is_the_weighted_sum():
    reading, target = example()
    off = reading._replace(joints2d=reading.joints2d + 3, relative=reading.relative * 0.9)
    losses = losses_of(off, target)
    expected = losses["relative"] + losses["image"] + losses["projection"] + 0.1 * losses["absolute"]
    assert float(losses["total"]) == pytest.approx(float(expected))
    changed = losses_of(off, target, weights={"relative": 3.0})
    assert float(changed["total"] - losses["total"]) == pytest.approx(2 * float(losses["relative"]), rel=1e-4)


def test_examples_without_3d_teach_through_their_2d_joints_only():
    reading, target = example()
    no_3d = Target(target.joints_mm * 0, target.joints_px, target.intrinsics, ~target.known_3d, target.known_2d)
    relative = reading.relative.clone().requires_grad_()
    losses = losses_of(reading._replace(relative=relative, joints2d=reading.joints2d + 10), no_3d)
    assert losses["relative"] == losses["image"] == losses["projection"] == losses["absolute"] == 0
    # 10 px of the 2D joints themselves; the pose's x and y are right up to position and size, but for perspective.
    assert 10 < float(losses["image_only"].detach()) * 256 / 2.2 < 14
    losses["total"].backward()
    assert relative.grad is not None
    assert relative.grad[..., :2].abs().sum() > 0
    assert relative.grad[..., 2].abs().sum() == 0


def test_2d_only_examples_change_nothing_for_those_with_3d():
    reading, target = example()
    off = reading._replace(relative=reading.relative * 0.9, joints2d=reading.joints2d + 1)
    known_3d = target.known_3d.clone()
    known_3d[3:] = False
    mixed = losses_of(off, Target(target.joints_mm, target.joints_px, target.intrinsics, known_3d, target.known_2d))
    alone = losses_of(
        MetrabsReading(*(values[:3] for values in off)),
        Target(**{name: values[:3] for name, values in vars(target).items()}),
    )
    for name in ("relative", "image", "projection", "absolute"):
        assert float(mixed[name]) == pytest.approx(float(alone[name]), rel=1e-5)
    assert mixed["image_only"] > 0 == alone["image_only"]


def test_wild_readings_give_finite_gradients():
    _, target = example()
    generator = torch.Generator().manual_seed(1)
    joints2d = torch.full_like(target.joints_px, 127.5).requires_grad_()  # all rays coincide
    relative = (torch.randn(target.joints_mm.shape, generator=generator) * 1000).requires_grad_()
    reading = MetrabsReading(joints2d, relative, torch.ones_like(relative))
    for progress in (0.0, 1.0):
        losses_of(reading, target, progress, absolute_after=0, weak_until=0.5)["total"].backward()
        for leaf in (joints2d, relative):
            assert leaf.grad is not None
            assert torch.isfinite(leaf.grad).all()


def test_unknown_options_are_refused_with_what_there_is():
    with pytest.raises(ValueError, match="current or paper, not 'new'"):
        head(losses="new")
    with pytest.raises(ValueError, match="full or weak"):
        head(perspective="none")
    with pytest.raises(ValueError, match="no loss projection; this head has relative, image, absolute"):
        head(losses="paper", weights={"projection": 1.0})
