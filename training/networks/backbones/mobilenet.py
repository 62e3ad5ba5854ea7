"""MobileNetV3 large and small, torchvision's, with an output stride of 32, 16 or 8 px.

Howard et al., "Searching for MobileNetV3", 2019.
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

NETWORKS = {"large": models.mobilenet_v3_large, "small": models.mobilenet_v3_small}
STRIDES = (32, 16, 8)


class MobileNetV3(Backbone):
    """Gives the last map, of 960 (large) or 576 (small) channels.

    Args:
        size: ``large`` or ``small``.
        stride: px per cell; below 32, the last blocks are dilated.
        weights: a file of torchvision's weights; without it they are random.

    Raises:
        ValueError: for another size or stride, or weights of another network.
    """

    def __init__(self, size: str, stride: int = 32, weights: str | None = None) -> None:
        super().__init__()
        if size not in NETWORKS or stride not in STRIDES:
            raise ValueError(
                f"MobileNetV3 comes in {' and '.join(NETWORKS)} with strides of {', '.join(map(str, STRIDES))} px, "
                f"not in {size!r} with {stride} px"
            )
        self.colours = Colours()
        self.features: nn.Sequential = NETWORKS[size](weights=None).features
        if weights is not None:
            load_named(nn.ModuleDict({"features": self.features}), read_weights(Path(weights)), weights)
        limit_stride(self.features, stride)
        self.channels, self.strides = {"last": self.features[-1].out_channels}, {"last": stride}

    def forward(self, crops: Tensor) -> dict[str, Tensor]:
        """(N, 3, S, S) RGB in 0..1 to ``last``."""
        return {"last": self.features(self.colours(crops))}
