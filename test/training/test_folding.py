"""Folding batch normalisation: the same outputs, and none left."""

import pytest
import torch
from torch import nn

from metric_pose_ros.skeleton import COCO_17
from training.joint_space import JointSpace
from training.networks.backbones.build import build_backbone
from training.networks.folding import fold_normalisation
from training.networks.heads.build import build_head
from training.tracing import crops_to_try


def lived_in(network: nn.Module, generator: torch.Generator) -> nn.Module:
    """A network whose normalisations have statistics and factors as training leaves them."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.3, generator=generator)
            module.running_var.uniform_(0.5, 2, generator=generator)
            with torch.no_grad():
                module.weight.uniform_(0.5, 1.5, generator=generator)
                module.bias.normal_(0, 0.3, generator=generator)
    return network


def norms(network: nn.Module) -> int:
    return sum(isinstance(module, nn.BatchNorm2d) for module in network.modules())


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v3_small", "efficientnet_lite0", "timm/convnext_atto"])
def test_backbones_give_the_same_without_their_normalisation(name):
    torch.manual_seed(0)
    network = lived_in(build_backbone({"name": name}), torch.Generator().manual_seed(1)).eval()
    folded = fold_normalisation(network, crops_to_try(1, side=64))
    assert norms(folded) == 0
    crops = crops_to_try(2, seed=3, side=64)
    with torch.no_grad():
        for one, other in zip(network(crops).values(), folded(crops).values(), strict=True):
            assert (one - other).abs().max() < 1e-3 * one.abs().max()


@pytest.mark.parametrize("options", [{"name": "margipose", "width": 16}, {"name": "integral", "deconvolutions": 2}])
def test_heads_give_the_same_without_their_normalisation(options):
    torch.manual_seed(0)
    head = build_head(options, 8, 32, JointSpace((COCO_17,)), 256, 2200.0)
    head = lived_in(head, torch.Generator().manual_seed(1)).eval()
    features = torch.randn(2, 8, 8, 8, generator=torch.Generator().manual_seed(2))
    folded = fold_normalisation(head, features)
    assert norms(head) > 0 == norms(folded)
    with torch.no_grad():
        for one, other in zip(head(features), folded(features), strict=True):
            assert (one - other).abs().max() < 0.05


def test_a_normalisation_that_follows_no_convolution_stays():
    network = nn.Sequential(nn.BatchNorm2d(3), nn.Conv2d(3, 4, 1), nn.ReLU(), nn.BatchNorm2d(4))
    assert norms(fold_normalisation(lived_in(network, torch.Generator().manual_seed(0)), torch.rand(1, 3, 4, 4))) == 2


def test_a_convolution_that_something_else_reads_too_is_noticed():
    class Forked(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.norm = nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4)

        def forward(self, x):
            y = self.conv(x)
            return y + self.norm(y)

    network = lived_in(Forked(), torch.Generator().manual_seed(0))
    with pytest.raises(RuntimeError, match="something else than the normalisation reads"):
        fold_normalisation(network, torch.rand(1, 3, 4, 4))
