"""The bank's bodies are the body model's, its file says the same, and a pose from it can be used in many ways."""

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from metric_pose_ros.skeleton import BODY_30
from test.training.synthesis.stage import make_assets
from training.synthesis.bank import Bank, BankCast, compact
from training.synthesis.poses import PoseSampler
from training.synthesis.rig import Rig
from training.synthesis.skinning import Skinner, from_quaternions


@pytest.fixture(scope="module")
def bank(body):
    """Five bodies, six poses."""
    poses = PoseSampler(Rig(body.bones, body.rest_heads), [])
    return Bank.make(body, poses, make_assets(), "train", (5, 6), 0)


def test_skinned_bodies_are_those_of_the_body_model(body):
    rng = np.random.default_rng(0)
    poses = PoseSampler(Rig(body.bones, body.rest_heads), [])
    rotations = np.stack([poses.sample(rng).rotations for _ in range(4)])
    shapes = body.sample_shapes(rng, 4)
    expected_vertices, expected_joints = body.pose(rotations, shapes)
    skinner = Skinner(body.anatomy())
    vertices, joints = skinner.pose(body.bodies(shapes), torch.from_numpy(rotations).float())
    assert np.abs(vertices.numpy() - expected_vertices).max() < 1e-4
    assert joints.numpy() == pytest.approx(expected_joints, abs=1e-4)


def test_leaving_blend_shapes_out_moves_no_vertex_by_a_millimetre(body):
    shapes = body.sample_shapes(np.random.default_rng(5), 12)
    anatomy, bodies = body.anatomy(), body.bodies(shapes)
    rest = torch.eye(3).expand(12, len(body.bones), 3, 3)
    whole, _ = Skinner(anatomy).pose(bodies, rest)
    fewer, kept = compact(anatomy, bodies)
    assert len(fewer.blendshapes) < 0.5 * len(anatomy.blendshapes)
    assert (Skinner(fewer).pose(kept, rest)[0] - whole).abs().max() < 1e-3


def test_quaternions_become_the_rotations_they_stand_for():
    turns = Rotation.random(20, np.random.default_rng(1))
    matrices = from_quaternions(2 * torch.from_numpy(turns.as_quat()))
    assert matrices.numpy() == pytest.approx(turns.as_matrix(), abs=1e-6)


def test_a_bank_comes_back_from_its_file(bank, tmp_path):
    bank.save(tmp_path / "bank.npz")
    back = Bank.load(tmp_path / "bank.npz")
    assert back.split == "train"
    assert np.array_equal(back.quaternions, bank.quaternions)
    assert np.array_equal(back.mesh.faces, bank.mesh.faces)
    assert back.kinds.tolist() == bank.kinds.tolist()
    assert torch.equal(back.anatomy.blendshapes, bank.anatomy.blendshapes)
    assert back.assets.photograph_names == bank.assets.photograph_names
    assert back.assets.panoramas[0].sun == pytest.approx(bank.assets.panoramas[0].sun, abs=1e-3)
    first, second = (BankCast(b, "cpu").draw(np.random.default_rng(2), 3) for b in (bank, back))
    assert first.joints.numpy() == pytest.approx(second.joints.numpy(), abs=1e-3)


def test_a_file_that_is_no_bank_is_refused(tmp_path):
    np.savez(tmp_path / "other.npz", x=np.zeros(3))
    with pytest.raises(ValueError, match=r"other\.npz is no bank"):
        Bank.load(tmp_path / "other.npz")
    np.savez(tmp_path / "narrow.npz", **{"mesh.fields": np.zeros((5, 7))})
    with pytest.raises(ValueError, match=r"narrow\.npz is no bank"):
        Bank.load(tmp_path / "narrow.npz")


def test_drawn_figures_keep_limb_lengths_and_face_every_way(bank):
    figures = BankCast(bank, "cpu").draw(np.random.default_rng(3), 64)
    again = BankCast(bank, "cpu").draw(np.random.default_rng(3), 64)
    assert torch.equal(figures.vertices, again.vertices)
    lengths = bank.bodies.heads[:, bank.anatomy.mixture[BODY_30.names.index("left_knee")].argmax()]
    lengths = lengths - bank.bodies.heads[:, bank.anatomy.mixture[BODY_30.names.index("left_hip")].argmax()]
    hip, knee = (figures.joints[:, BODY_30.names.index(name)] for name in ("left_hip", "left_knee"))
    of_body = lengths.norm(dim=1)[[int(name.split("-")[1]) for name in figures.bodies]]
    assert (hip - knee).norm(dim=1).numpy() == pytest.approx(of_body.numpy(), abs=2e-3)
    across = (hip - figures.joints[:, BODY_30.names.index("right_hip")]).numpy()
    headings = np.arctan2(across[:, 1], across[:, 0])
    assert (np.histogram(headings, 4, (-np.pi, np.pi))[0] > 5).all()
