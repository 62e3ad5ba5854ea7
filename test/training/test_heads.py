"""What all heads have in common: they are built by name, learn from mixed batches, and export."""

import numpy as np
import pytest
import torch
from torch import nn

from metric_pose_ros.skeleton import Skeleton
from test.training.made_up_people import cameras, only_2d, people
from training.joint_space import JointSpace
from training.model_file import cpu_session
from training.networks.heads.build import HEADS, build_head
from training.networks.heads.head import Head
from training.tracing import trace

LIMB = Skeleton.from_bones(
    "limb", ("hip", "knee", "ankle", "foot"), (("hip", "knee"), ("knee", "ankle"), ("ankle", "foot"))
)
CROSS = Skeleton.from_bones("cross", ("neck", "left", "right"), (("neck", "left"), ("neck", "right")))
SPACE = JointSpace((LIMB, CROSS))
OPTIONS = {
    "integral": {"deconvolutions": 1, "width": 8},
    "margipose": {"deconvolutions": 1, "stages": 2, "width": 16},
}


def head(name: str) -> Head:
    torch.manual_seed(0)
    return build_head({"name": name, **OPTIONS.get(name, {})}, 12, 32, SPACE, 256, 2200.0)


def sure_head(name: str) -> Head:
    """A head in evaluation mode whose heatmaps have peaks, as those of a trained one, so that joints lie apart."""
    network = head(name).train()
    network.losses(network(some_features(4)), people(4, len(SPACE)), 1.0, torch.rand(4))
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.Conv2d) and module.bias is not None:
                module.weight *= 500 if name == "margipose" else 20
    return network.eval()


def some_features(count: int, seed: int = 1) -> torch.Tensor:
    return torch.randn(count, 12, 8, 8, generator=torch.Generator().manual_seed(seed))


class Placed(nn.Module):
    """A head and its placement as one function of tensors, without what the head cannot say."""

    def __init__(self, head: Head) -> None:
        super().__init__()
        self.head = head

    def forward(self, features, intrinsics):
        return tuple(v for v in self.head.place(self.head(features), intrinsics) if v is not None)


@pytest.mark.parametrize("name", HEADS)
def test_a_mixed_batch_is_learnt(name):
    network, target = head(name).train(), only_2d(people(4, len(SPACE)), slice(2, 4))
    target.known_3d[0, 4:] = target.known_2d[0, 4:] = False  # an example of the first skeleton only
    features = some_features(4)
    optimizer = torch.optim.Adam(network.parameters(), 0.01)
    totals = []
    for _ in range(12):
        losses = network.losses(network(features), target, 1.0, torch.full((4,), 0.5))
        optimizer.zero_grad()
        losses["total"].backward()
        optimizer.step()
        totals.append(float(losses["total"].detach()))
        assert all(torch.isfinite(p.grad).all() for p in network.parameters())
    assert totals[-1] < 0.9 * totals[0]
    weighted = sum(network.weights[part] * float(loss.detach()) for part, loss in losses.items() if part != "total")
    assert totals[-1] == pytest.approx(weighted, rel=1e-5)


@pytest.mark.parametrize("name", HEADS)
def test_the_onnx_file_of_a_head_equals_torch_for_any_batch(name):
    placed = Placed(sure_head(name)).eval()
    inputs = {"features": some_features(1), "intrinsics": cameras(1)}
    with torch.no_grad():
        outputs = tuple(f"output{number}" for number in range(len(placed(*inputs.values()))))
    session = cpu_session(trace(placed, inputs, outputs))
    for count in (1, 5):
        feeds = {"features": some_features(count, seed=2), "intrinsics": cameras(count)}
        with torch.no_grad():
            expected = placed(*feeds.values())
        found = session.run(None, {entry.name: feeds[entry.name].numpy() for entry in session.get_inputs()})
        for one, other in zip(expected, found, strict=True):
            assert one.shape == other.shape
            assert one.std() > 5
            assert np.abs(one.numpy() - other).max() < 0.01 + 3e-5 * np.abs(other).max()


@pytest.mark.parametrize("name", HEADS)
def test_half_precision_features_are_read_in_single_precision(name):
    network, features = sure_head(name), some_features(2)
    with torch.no_grad():
        with torch.autocast("cpu", torch.bfloat16):
            rounded = network.place(network(features), cameras(2))
        exact = network.place(network(features), cameras(2))
    assert rounded.relative.dtype == rounded.spread.dtype == torch.float32
    assert 0 < (rounded.relative - exact.relative).abs().median() < 30


@pytest.mark.parametrize("name", HEADS)
def test_gradients_reach_the_features_through_the_placed_pose(name):
    network, features = sure_head(name), some_features(2).requires_grad_()
    pose = network.place(network(features), cameras(2))
    (pose.relative if pose.absolute is None else pose.absolute).square().mean().backward()
    assert features.grad is not None
    assert torch.isfinite(features.grad).all()
    assert features.grad.abs().sum() > 0


def test_metro_says_nothing_of_the_image_or_the_place():
    network = head("metro").eval()
    pose = network.place(network(some_features(1)), cameras(1))
    assert pose.joints2d is None
    assert pose.absolute is None


def test_depth_is_no_option_of_margipose_whose_heatmaps_are_square():
    with pytest.raises(ValueError, match="margipose has no option depth; it has deconvolutions, stages"):
        build_head({"name": "margipose", "depth": 8}, 12, 32, SPACE, 256, 2200.0)
    with pytest.raises(ValueError, match="1 to 4 stages, not 5"):
        build_head({"name": "margipose", "stages": 5}, 12, 32, SPACE, 256, 2200.0)
    with pytest.raises(ValueError, match="6 deconvolutions make a cell of 32 px 64 times smaller"):
        build_head({"name": "integral", "deconvolutions": 6}, 12, 32, SPACE, 256, 2200.0)
