"""Batches rendered on the fly: right shapes, labels that project, the same batch for the same number."""

import numpy as np
import pytest
import torch

from metric_pose_ros.skeleton import BODY_30, H36M_17
from test.training.synthesis.stage import make_assets
from training.joint_space import JointSpace
from training.synthesis.bank import Bank
from training.synthesis.benchmark import measure
from training.synthesis.on_the_fly import OnTheFly, to_batch
from training.synthesis.poses import PoseSampler
from training.synthesis.rig import Rig


@pytest.fixture(scope="module")
def bank(body):
    poses = PoseSampler(Rig(body.bones, body.rest_heads), [])
    return Bank.make(body, poses, make_assets(), "train", (4, 8), 0)


@pytest.fixture(scope="module")
def stream(bank):
    return OnTheFly(bank, "cpu", batch=4, seed=1, at_once=3)


@pytest.fixture(scope="module")
def shots(stream):
    return stream.shots(2)


def test_a_batch_has_crops_and_truth_that_projects(shots):
    batch = to_batch(shots)
    assert batch.crops.shape == (4, 3, 256, 256)
    assert 0 <= batch.crops.min() < 0.2 < 0.8 < batch.crops.max() <= 1
    target = batch.target
    assert target.joints_mm.shape == (4, 30, 3)
    projected = torch.einsum("nij,nkj->nki", target.intrinsics, target.joints_mm)
    in_front = target.joints_mm[..., 2] > 100
    error = (projected[..., :2] / projected[..., 2:] - target.joints_px).abs().amax(-1)
    assert error[in_front].max() < 0.02
    assert target.known_3d.all()
    inside = ((target.joints_px > -0.5) & (target.joints_px < 255.5)).all(-1)
    assert torch.equal(target.known_2d, inside & (target.joints_mm[..., 2] > 0))
    assert inside.float().mean() > 0.8


def test_a_batch_depends_on_its_number_only(stream, shots):
    batches = stream.batches(first=2)
    assert torch.equal(next(batches).crops, shots.pictures)
    assert not torch.equal(next(batches).crops, shots.pictures)


def test_another_models_joints_go_where_it_has_them(shots):
    space = JointSpace((BODY_30, H36M_17))
    target = to_batch(shots, space).target
    assert target.joints_mm.shape == (4, 47, 3)
    assert torch.equal(target.joints_mm[:, :30], shots.joints_mm)
    assert target.known_3d[:, :30].all()
    assert not target.known_3d[:, 30:].any()


def test_a_benchmark_counts_what_it_rendered_and_needs_the_device_it_is_asked_for(bank, tmp_path):
    speed = measure(bank, "cpu", 2, batch=2, at_once=2, seed=0, sheet=tmp_path / "sheet.png")
    assert speed.crops == 2
    assert (tmp_path / "sheet.png").stat().st_size > 10_000
    assert "crops/s (2 in" in str(speed)
    if not torch.cuda.is_available():
        with pytest.raises(ValueError, match="finds no GPU here"):
            measure(bank, "cuda", 2, batch=2, at_once=2, seed=0, sheet=None)


def test_a_batch_is_as_exact_while_training_uses_short_floats(stream, shots):
    torch.set_float32_matmul_precision("medium")
    try:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            again = stream.shots(2)
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision("highest")
    assert torch.equal(again.joints_mm, shots.joints_mm)
    assert torch.equal(again.pictures, shots.pictures)


def test_empty_batches_are_refused(bank):
    with pytest.raises(ValueError, match="batches of 0 crops"):
        OnTheFly(bank, "cpu", batch=0)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_a_gpu_renders_batches_with_the_truth_of_the_cpu(bank, shots):
    theirs = OnTheFly(bank, "cuda", batch=4, seed=1, at_once=3).shots(2)
    assert theirs.joints_mm.cpu().numpy() == pytest.approx(shots.joints_mm.numpy(), abs=1.0)
    assert np.mean(np.abs(theirs.pictures.cpu().numpy() - shots.pictures.numpy())) < 0.05
