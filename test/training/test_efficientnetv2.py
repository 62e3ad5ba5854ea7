"""EfficientNetV2 against torchvision's, which has no centred strides, and centred strides against their definition."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional

import training.networks.backbones.torchvision_operators  # noqa: F401  (before torchvision)
from training.networks.backbones.efficientnetv2 import CentredConvolution, EfficientNetV2, load_weights

torchvision = pytest.importorskip("torchvision")


def crops(side: int, count: int = 2) -> torch.Tensor:
    return torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(3))


def with_statistics(network: nn.Module) -> nn.Module:
    """Running means and variances other than those every network begins with."""
    generator = torch.Generator().manual_seed(4)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            assert module.running_mean is not None
            assert module.running_var is not None
            module.running_mean.copy_(torch.rand(module.num_features, generator=generator) - 0.5)
            module.running_var.copy_(torch.rand(module.num_features, generator=generator) + 0.5)
    return network.eval()


@pytest.mark.parametrize("size", ["s", "m", "l"])
def test_without_centred_strides_it_is_torchvisions(size: str) -> None:
    with torch.device("cpu" if size == "s" else "meta"):
        reference = getattr(torchvision.models, f"efficientnet_v2_{size}")()
        network = EfficientNetV2(size, centered_stride=False)
    names = {name.removeprefix("features."): value.shape for name, value in reference.features.state_dict().items()}
    assert {name.removeprefix("stages."): value.shape for name, value in network.state_dict().items()} == names
    if size != "s":
        return  # the same blocks, more of them: their random numbers take longer than the comparison is worth
    with_statistics(reference)
    load_weights(network, reference.state_dict())
    with torch.no_grad():
        expected = reference.features(crops(64) * 2 - 1)
        found = network.eval()(crops(64))["c32"]
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_every_map_has_the_channels_and_stride_it_says() -> None:
    network = EfficientNetV2("s", maps=("c32", "c8", "c16")).eval()
    with torch.no_grad():
        found = network(crops(96, 1))
    assert list(found) == list(network.channels) == list(network.strides) == ["c8", "c16", "c32"]
    for name, features in found.items():
        side = 96 // network.strides[name]
        assert features.shape == (1, network.channels[name], side, side)
    assert network.channels == {"c8": 64, "c16": 160, "c32": 1280}


def test_a_centred_stride_takes_the_odd_pixels_of_the_full_convolution() -> None:
    convolution = CentredConvolution(4, 6, 3, 2, 0, bias=False)
    picture = crops(12).repeat(1, 2, 1, 1)[:, :4]
    everywhere = functional.conv2d(picture, convolution.weight, padding=1)
    torch.testing.assert_close(convolution(picture), everywhere[:, :, 1::2, 1::2])


def test_only_the_last_of_the_strides_is_centred() -> None:
    network = EfficientNetV2("m")
    centred = [name for name, module in network.named_modules() if isinstance(module, CentredConvolution)]
    assert centred == ["stages.6.0.block.1.0"]


def test_blocks_are_dropped_in_training_only() -> None:
    network = EfficientNetV2("s", maps=("c8",), drop_depth=1.0)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()  # so that dropping is the only difference
    torch.manual_seed(0)
    with torch.no_grad():
        trained = network(crops(32))["c8"]
        again = network(crops(32))["c8"]
        used = network.eval()(crops(32))["c8"]
        same = network(crops(32))["c8"]
    assert not torch.equal(trained, again)
    assert torch.equal(used, same)


def test_weights_of_another_size_are_refused() -> None:
    with torch.device("meta"):
        state = EfficientNetV2("m").state_dict()
        network = EfficientNetV2("s")
    with pytest.raises(ValueError, match=r"not the weights of this EfficientNetV2: \d+ of 780 tensors"):
        load_weights(network, state)


@pytest.mark.parametrize(("options", "complaint"), [({"size": "xl"}, "sizes s, m, l"), ({"maps": ("c4",)}, "c8, c16")])
def test_what_does_not_exist_is_refused(options: dict, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        EfficientNetV2(**options)
