"""ResNets, torchvision's, with an output stride of 32, 16, 8 or 4 px.

He et al., "Deep Residual Learning for Image Recognition", 2016.
"""

from __future__ import annotations

from pathlib import Path

from torch import Tensor, nn

from training.networks.backbones import torchvision_operators  # noqa: F401, before torchvision

# isort: split
from torchvision import models

from training.networks.backbones.backbone import Backbone
from training.networks.backbones.dilation import limit_stride
from training.networks.backbones.weights import Colours, load_named, read_weights

NETWORKS = {18: models.resnet18, 50: models.resnet50, 101: models.resnet101}
STRIDES = (32, 16, 8, 4)
STEM_STRIDE = 4


class ResNet(Backbone):
    """Gives the maps of the last stage, or of others.

    Args:
        depth: 18, 50 or 101.
        stride: px per cell of the last map; below 32, the last stages are dilated.
        maps: which of ``layer1`` to ``layer4``.
        weights: a file of torchvision's weights; without it they are random.

    Raises:
        ValueError: for another depth, stride or map, or weights of another network.
    """

    def __init__(
        self, depth: int, stride: int = 32, maps: tuple[str, ...] = ("layer4",), weights: str | None = None
    ) -> None:
        super().__init__()
        if depth not in NETWORKS or stride not in STRIDES:
            raise ValueError(
                f"there are ResNets of {', '.join(map(str, NETWORKS))} layers with strides of "
                f"{', '.join(map(str, STRIDES))} px, not of {depth} layers with {stride} px"
            )
        network = NETWORKS[depth](weights=None)
        self.colours = Colours()
        self.stem = nn.ModuleDict({"conv1": network.conv1, "bn1": network.bn1})
        self.pool = network.maxpool
        self.layers = nn.ModuleDict({f"layer{n}": getattr(network, f"layer{n}") for n in range(1, 5)})
        if not maps or not set(maps) <= set(self.layers):
            raise ValueError(f"a ResNet has the maps {', '.join(self.layers)}, not {', '.join(maps) or 'none'}")
        if weights is not None:
            # Ours are in two containers; torchvision's names know of neither.
            bare = nn.Module()
            for name, module in (*self.stem.items(), *self.layers.items()):
                bare.add_module(name, module)
            load_named(bare, read_weights(Path(weights)), weights)
        limit_stride([block for layer in self.layers.values() for block in layer.children()], stride // STEM_STRIDE)
        self.maps = tuple(name for name in self.layers if name in maps)
        self.channels, self.strides = {}, {}
        for number, name in enumerate(self.layers):
            if name in self.maps:
                last = [module for module in self.layers[name].modules() if isinstance(module, nn.BatchNorm2d)][-1]
                self.channels[name] = last.num_features
                self.strides[name] = min(STEM_STRIDE * 2**number, stride)

    def forward(self, crops: Tensor) -> dict[str, Tensor]:
        """(N, 3, S, S) RGB in 0..1 to the maps by name."""
        x = self.pool(self.stem["bn1"](self.stem["conv1"](self.colours(crops))).relu())
        found = {}
        for name, layer in self.layers.items():
            x = layer(x)
            if name in self.maps:
                found[name] = x
            if len(found) == len(self.maps):
                break
        return found
