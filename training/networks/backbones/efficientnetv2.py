"""EfficientNetV2 S, M and L as the official MeTRAbs models have it.

It is the network of the paper (Tan and Le, "EfficientNetV2: Smaller Models and Faster Training", ICML 2021) without its
classifier, with one option: a *centred stride*. A convolution of stride 2 and kernel 3 with one row of padding on each
side looks at the left neighbour of every second pixel; after five of them, a cell of the last map stands for the upper
left corner of the 32 px it came from. Padding the last of the five by two rows on the right and below instead moves its
cells by half their size, to the centre.

Modules are named so that a state dict differs from torchvision's and the authors' only in what stands in front:
``features.`` and ``backbone.1.`` there, ``stages.`` here.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.networks.backbones.backbone import Backbone

LAST_CHANNELS = 1280
NORM_EPS = 1e-3
MAPS = ("c8", "c16", "c32")
"""Names of the maps that may be asked for; the number is the stride."""
PREFIXES = ("backbone.1.", "features.", "stages.")
"""What stands in front of the names in the authors' checkpoints, in torchvision's, and here."""


@dataclass(frozen=True)
class Stage:
    """Blocks of one width.

    Attributes:
        fused: whether the block widens and filters in one convolution, or has a depthwise one and squeezes.
        expand: width inside over channels in.
        stride: of the first block.
        channels: out.
        blocks: how many.
    """

    fused: bool
    expand: int
    stride: int
    channels: int
    blocks: int


@dataclass(frozen=True)
class EfficientNetV2Spec:
    """A size of the network: channels of the first convolution, then the stages."""

    stem: int
    stages: tuple[Stage, ...]


SPECS = {
    "s": EfficientNetV2Spec(
        24,
        (
            Stage(True, 1, 1, 24, 2), Stage(True, 4, 2, 48, 4), Stage(True, 4, 2, 64, 4), Stage(False, 4, 2, 128, 6),
            Stage(False, 6, 1, 160, 9), Stage(False, 6, 2, 256, 15),
        ),
    ),
    "m": EfficientNetV2Spec(
        24,
        (
            Stage(True, 1, 1, 24, 3), Stage(True, 4, 2, 48, 5), Stage(True, 4, 2, 80, 5), Stage(False, 4, 2, 160, 7),
            Stage(False, 6, 1, 176, 14), Stage(False, 6, 2, 304, 18), Stage(False, 6, 1, 512, 5),
        ),
    ),
    "l": EfficientNetV2Spec(
        32,
        (
            Stage(True, 1, 1, 32, 4), Stage(True, 4, 2, 64, 7), Stage(True, 4, 2, 96, 7), Stage(False, 4, 2, 192, 10),
            Stage(False, 6, 1, 224, 19), Stage(False, 6, 2, 384, 25), Stage(False, 6, 1, 640, 7),
        ),
    ),
}  # fmt: skip


class EfficientNetV2(Backbone):
    """Gives the last map, after the final 1 x 1 convolution, and earlier ones if asked.

    Args:
        size: ``s`` (20 M parameters), ``m`` (53 M) or ``l`` (117 M).
        maps: which of `MAPS`.
        centered_stride: whether a cell of the last map stands for the centre of its pixels or their corner.
        drop_depth: probability with which the last block is skipped in training; earlier ones less, in proportion.

    Raises:
        ValueError: if there is no such size or map.
    """

    def __init__(
        self,
        size: str = "s",
        maps: tuple[str, ...] = ("c32",),
        centered_stride: bool = True,
        drop_depth: float = 0.2,
    ) -> None:
        super().__init__()
        if size not in SPECS:
            raise ValueError(f"EfficientNetV2 comes in sizes {', '.join(SPECS)}, not {size!r}")
        if not maps or not set(maps) <= set(MAPS):
            raise ValueError(f"EfficientNetV2 has the maps {', '.join(MAPS)}, not {', '.join(maps) or 'none'}")
        spec = SPECS[size]
        self.stages = nn.Sequential(_convolution(3, spec.stem, 3, 2))
        channels, total, number = spec.stem, sum(stage.blocks for stage in spec.stages), 0
        last_reduction = max(place for place, stage in enumerate(spec.stages) if stage.stride == 2)
        for place, stage in enumerate(spec.stages):
            blocks: list[nn.Module] = []
            for block in range(stage.blocks):
                first = block == 0
                centred = centered_stride and first and place == last_reduction
                stride = stage.stride if first else 1
                blocks.append(Block(stage, channels, stride, centred, drop_depth * number / total))
                channels, number = stage.channels, number + 1
            self.stages.append(nn.Sequential(*blocks))
        self.stages.append(_convolution(channels, LAST_CHANNELS, 1))
        self._initialise()
        # The map of a stride is the one from which the next stride's is made.
        ends = {"c8": 3, "c16": last_reduction, "c32": len(self.stages) - 1}
        self._taken = {ends[name]: name for name in MAPS if name in maps}
        widths = [spec.stem, *(stage.channels for stage in spec.stages), LAST_CHANNELS]
        self.channels = {name: widths[end] for end, name in self._taken.items()}
        self.strides = {name: int(name[1:]) for name in self._taken.values()}

    def forward(self, crops: Tensor) -> dict[str, Tensor]:
        """(N, 3, S, S) RGB in 0..1 to the maps by name; S must be a multiple of 32."""
        x = crops * 2 - 1
        found = {}
        for number, stage in enumerate(self.stages):
            x = stage(x)
            if number in self._taken:
                found[self._taken[number]] = x
            if len(found) == len(self._taken):
                break
        return found

    def _initialise(self) -> None:
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out")
                if module.bias is not None:
                    nn.init.zeros_(module.bias)


class Block(nn.Module):
    """An inverted residual: widen, filter, narrow, and add the input where shapes allow.

    Args:
        stage: it belongs to.
        channels: in.
        stride: 1 or 2.
        centred: whether the filter reaches to the right and down.
        drop: probability with which only the input goes on, in training.
    """

    def __init__(self, stage: Stage, channels: int, stride: int, centred: bool, drop: float) -> None:
        super().__init__()
        wide = channels * stage.expand
        if stage.fused and stage.expand == 1:
            layers: list[nn.Module] = [_convolution(channels, stage.channels, 3, stride, centred=centred)]
        elif stage.fused:
            layers = [
                _convolution(channels, wide, 3, stride, centred=centred),
                _convolution(wide, stage.channels, 1, active=False),
            ]
        else:
            layers = [
                _convolution(channels, wide, 1),
                _convolution(wide, wide, 3, stride, groups=wide, centred=centred),
                Squeeze(wide, max(1, channels // 4)),
                _convolution(wide, stage.channels, 1, active=False),
            ]
        self.block = nn.Sequential(*layers)
        self.residual = stride == 1 and channels == stage.channels
        self.drop = drop

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels in, H, W) to (N, channels out, H / stride, W / stride)."""
        y = self.block(x)
        if not self.residual:
            return y
        if self.training and self.drop > 0:
            keep = torch.rand(len(y), 1, 1, 1, device=y.device) >= self.drop
            y = y * keep.to(y.dtype) / (1 - self.drop)
        return x + y


class Squeeze(nn.Module):
    """Weighs the channels by what the whole map holds (squeeze and excitation)."""

    def __init__(self, channels: int, narrow: int) -> None:
        super().__init__()
        self.fc1 = nn.Conv2d(channels, narrow, 1)
        self.fc2 = nn.Conv2d(narrow, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to the same."""
        return x * self.fc2(functional.silu(self.fc1(x.mean((2, 3), keepdim=True)))).sigmoid()


class CentredConvolution(nn.Conv2d):
    """A 3 x 3 convolution of stride 2 whose cells lie half a cell further right and down."""

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C', H / 2, W / 2)."""
        return super().forward(functional.pad(x, (0, 2, 0, 2)))


def _convolution(
    channels: int, out: int, kernel: int, stride: int = 1, groups: int = 1, active: bool = True, centred: bool = False
) -> nn.Sequential:
    """Convolution, batch normalisation and, if `active`, SiLU."""
    kind, padding = (CentredConvolution, 0) if centred else (nn.Conv2d, kernel // 2)
    layers: list[nn.Module] = [
        kind(channels, out, kernel, stride, padding, groups=groups, bias=False),
        nn.BatchNorm2d(out, eps=NORM_EPS),
    ]
    return nn.Sequential(*layers, *([nn.SiLU()] if active else []))


def load_weights(network: EfficientNetV2, state: dict[str, Tensor]) -> None:
    """Fills a network with torchvision's weights, the authors' or its own.

    Args:
        network: changed in place.
        state: a state dict whose names begin with one of `PREFIXES`; what begins otherwise (classifiers, heads) is not
            looked at.

    Raises:
        ValueError: if tensors are missing or have other shapes: they are of another size.
    """
    for prefix in PREFIXES:
        mine = {f"stages.{name[len(prefix) :]}": value for name, value in state.items() if name.startswith(prefix)}
        if mine:
            break
    wanted = network.state_dict()
    wrong = [name for name in wanted if name not in mine or mine[name].shape != wanted[name].shape]
    more = sorted(set(mine) - set(wanted))
    if wrong or more:
        named = ", ".join((wrong + more)[:3])
        raise ValueError(
            f"these are not the weights of this EfficientNetV2: {len(wrong)} of {len(wanted)} tensors are missing or "
            f"have another shape, {len(more)} are too many ({named}); is it the same size?"
        )
    network.load_state_dict(mine)


def load_file(network: EfficientNetV2, path: Path) -> None:
    """`load_weights` from a file of ``torch.save``, read without executing anything in it.

    Raises:
        FileNotFoundError: if there is none.
        ValueError: as `load_weights`.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no weights {path}: expected a state dict of EfficientNetV2, such as torchvision's")
    load_weights(network, torch.load(path, map_location="cpu", weights_only=True))
