"""The trunk of MediaPipe's pose landmark networks ("BlazePose GHUM", full and heavy), as a plain torch module.

The networks see a 256 x 256 crop around one person. An encoder of inverted residuals (MobileNetV2) goes down to 8 x 8;
a feature pyramid brings its deepest map back up to 64 x 64, where 39 landmark heatmaps are read; the heavy one then
goes down a second time, from the pyramid. What regresses the landmarks and the person mask is left out: a head of ours
reads the maps in between, which are called taps here.

Batch normalisation is folded into the convolutions in the distributed weights, so there is none here.
Architecture: Bazarevsky et al., BlazePose, 2020; Grishchenko et al., BlazePose GHUM Holistic, 2022.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.networks.backbones.backbone import Backbone
from training.networks.depthwise import Depthwise

LANDMARKS = 39
PYRAMID_CHANNELS = 48
STRIDES = {"c16": 16, "p16": 16, "r16": 16, "r8": 32, "heatmaps": 4, "h16": 16}
"""Px of the crop per cell of each tap."""


@dataclass(frozen=True)
class BlazePoseSpec:
    """How wide and deep a trunk is.

    Attributes:
        stem: channels of the first convolution and of the separable block after it, both at 128 x 128.
        stages: for 64, 32, 16 and 8 px maps in turn, the blocks (width inside, channels out, kernel); the first block
            of a stage reduces, a later one with as many channels out as in adds its input.
        last: width of the expansion after the last stage.
        refined: whether there is a second descent from the pyramid.
    """

    stem: tuple[int, int]
    stages: tuple[tuple[tuple[int, int, int], ...], ...]
    last: int
    refined: bool


SPECS = {
    "full": BlazePoseSpec(
        stem=(24, 16),
        stages=(
            ((64, 24, 3), (144, 24, 3)),
            ((144, 32, 5), (192, 32, 5)),
            ((192, 64, 3), *((384, 64, 3),) * 2, (384, 88, 5), *((528, 88, 5),) * 2),
            ((528, 144, 5), *((864, 144, 5),) * 3),
        ),
        last=864,
        refined=False,
    ),
    "heavy": BlazePoseSpec(
        stem=(24, 24),
        stages=(
            ((96, 32, 3), (128, 32, 3), (192, 32, 3), (192, 32, 3)),
            ((192, 56, 5), *((336, 56, 5),) * 3),
            ((336, 112, 3), *((672, 112, 3),) * 5, (672, 160, 5), *((960, 160, 5),) * 5),
            ((960, 272, 5), *((1632, 272, 5),) * 7),
        ),
        last=1632,
        refined=True,
    ),
}

REFINED_CHANNELS = (96, 192, 288)
"""Channels of the second descent at 32, 16 and 8 px; the last is also what the landmark regression reads at 8 x 8."""


def relu6(x: Tensor) -> Tensor:
    """ReLU6 in place: what a convolution gave is needed by nothing else, and training then keeps half as much."""
    return functional.relu6(x, inplace=True)


def convolution(channels_in: int, channels_out: int, kernel: int = 1, stride: int = 1, groups: int = 1) -> nn.Conv2d:
    """A convolution with the symmetric padding kernel // 2 and a bias (the folded batch normalisation's)."""
    kind = Depthwise if groups > 1 else nn.Conv2d
    return kind(channels_in, channels_out, kernel, stride, kernel // 2, groups=groups)


class Reduction(nn.Module):
    """The first block of a stage: widen, filter with stride 2, narrow.

    The widening is called apart from the rest because the pyramid's laterals branch off in between.
    """

    def __init__(self, channels_in: int, width: int, channels_out: int, kernel: int) -> None:
        super().__init__()
        self.expand = convolution(channels_in, width)
        self.depthwise = convolution(width, width, kernel, stride=2, groups=width)
        self.project = convolution(width, channels_out)

    def forward(self, wide: Tensor) -> Tensor:
        """Reduces (N, width, H, W), which `widen` gave, to (N, channels out, H/2, W/2)."""
        return self.project(relu6(self.depthwise(wide)))

    def widen(self, x: Tensor) -> Tensor:
        """(N, channels in, H, W) to (N, width, H, W)."""
        return relu6(self.expand(x))


class InvertedResidual(nn.Module):
    """MobileNetV2's block at stride 1: widen, filter, narrow, and add the input if the channels allow."""

    def __init__(self, channels_in: int, width: int, channels_out: int, kernel: int) -> None:
        super().__init__()
        self.expand = convolution(channels_in, width)
        self.depthwise = convolution(width, width, kernel, groups=width)
        self.project = convolution(width, channels_out)
        self.residual = channels_in == channels_out

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels in, H, W) to (N, channels out, H, W)."""
        y = relu6(self.expand(x))
        y = self.project(relu6(self.depthwise(y)))
        return x + y if self.residual else y


class Lateral(nn.Module):
    """A depthwise and a pointwise convolution, both followed by ReLU6: brings an encoder map into the pyramid."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.depthwise = convolution(channels_in, channels_in, 3, groups=channels_in)
        self.pointwise = convolution(channels_in, channels_out)

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels in, H, W) to (N, channels out, H, W)."""
        return relu6(self.pointwise(relu6(self.depthwise(x))))


class BlazeBlock(nn.Module):
    """BlazePose's own residual block: depthwise, pointwise, add, ReLU6; with `reduce` it halves the map.

    A reducing block pads like TensorFlow's SAME (right and below only) and carries its input around the convolutions
    by max pooling, with zeros for the channels that are new.
    """

    def __init__(self, channels_in: int, channels_out: int, reduce: bool = False) -> None:
        super().__init__()
        self.reduce = reduce
        self.added = channels_out - channels_in
        padding, stride = (0, 2) if reduce else (1, 1)
        self.depthwise = Depthwise(channels_in, channels_in, 3, stride, padding, groups=channels_in)
        self.pointwise = convolution(channels_in, channels_out)

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels in, H, W) to (N, channels out, H, W), or half of H and W if it reduces."""
        y = functional.pad(x, (0, 1, 0, 1)) if self.reduce else x
        y = self.pointwise(relu6(self.depthwise(y)))
        if self.reduce:
            x = functional.pad(functional.max_pool2d(x, 2), (0, 0, 0, 0, 0, self.added))
        return relu6(x + y)


class PooledHeatmaps(nn.Module):
    """The landmark heatmaps at a quarter of their side, without losing where in a cell the landmark lies.

    Each 4 x 4 cell becomes three numbers: the mean probability, and its first moments about the cell's centre along x
    and y.
    """

    kernel: Tensor

    def __init__(self) -> None:
        super().__init__()
        offset = torch.linspace(-1, 1, 4)
        moments = torch.stack([torch.ones(4, 4), offset.expand(4, 4), offset[:, None].expand(4, 4)]) / 16
        self.register_buffer("kernel", moments[:, None].repeat(LANDMARKS, 1, 1, 1), persistent=False)

    def forward(self, logits: Tensor) -> Tensor:
        """(N, 39, 64, 64) logits to (N, 117, 16, 16)."""
        with torch.autocast(logits.device.type, enabled=False):
            return functional.conv2d(logits.float().sigmoid(), self.kernel, stride=4, groups=LANDMARKS)


class BlazePose(Backbone):
    """The trunk: crops in, named feature maps out.

    Taps, with channels (full / heavy) and side:
        ``c16``: the encoder's last 16 x 16 map (88 / 160).
        ``p16``: the pyramid's sum at 16 x 16 (48).
        ``r16``: the second descent at 16 x 16 (heavy only, 192).
        ``r8``: what the landmark regression of MediaPipe starts from, 8 x 8 (288).
        ``heatmaps``: logits of MediaPipe's 39 landmarks, 64 x 64.
        ``h16``: those heatmaps brought to 16 x 16 by `PooledHeatmaps` (117).

    Attributes:
        available: channels of all taps by name.
        taps: those that `forward` gives.

    Args:
        variant: ``full`` or ``heavy``.
        taps: which maps `forward` gives; what none of them needs is not computed.

    Raises:
        ValueError: for an unknown variant or tap.
    """

    def __init__(self, variant: str, taps: tuple[str, ...]) -> None:
        super().__init__()
        if variant not in SPECS:
            raise ValueError(f"there is no BlazePose trunk {variant!r}; there are {', '.join(SPECS)}")
        spec = SPECS[variant]
        self.variant = variant
        self.available = {
            "c16": spec.stages[2][-1][1],
            "p16": PYRAMID_CHANNELS,
            "r8": REFINED_CHANNELS[2],
            "heatmaps": LANDMARKS,
            "h16": 3 * LANDMARKS,
        }
        if spec.refined:
            self.available["r16"] = REFINED_CHANNELS[1]
        self.select(taps)

        self.stem = convolution(3, spec.stem[0], 3, stride=2)
        self.stem_depthwise = convolution(spec.stem[0], spec.stem[0], 3, groups=spec.stem[0])
        self.stem_project = convolution(spec.stem[0], spec.stem[1])
        self.reductions, self.stages = nn.ModuleList(), nn.ModuleList()
        channels = spec.stem[1]
        stage_channels = []
        for (width, channels_out, kernel), *blocks in spec.stages:
            self.reductions.append(Reduction(channels, width, channels_out, kernel))
            channels, stage = channels_out, nn.Sequential()
            for width, channels_out, kernel in blocks:
                stage.append(InvertedResidual(channels, width, channels_out, kernel))
                channels = channels_out
            self.stages.append(stage)
            stage_channels.append(channels)
        self.last_expand = convolution(channels, spec.last)
        self.last_depthwise = convolution(spec.last, spec.last, 3, groups=spec.last)

        self.laterals = nn.ModuleList([Lateral(width, PYRAMID_CHANNELS) for width in (*stage_channels[:3], spec.last)])
        self.heatmaps = convolution(PYRAMID_CHANNELS, LANDMARKS)
        self.pooled_heatmaps = PooledHeatmaps()
        self.refined_top = Lateral(spec.last, REFINED_CHANNELS[2])
        self.refined_laterals, self.refinements = nn.ModuleList(), nn.ModuleList()
        if spec.refined:
            self.refined_laterals.extend(
                Lateral(width, out) for width, out in zip(stage_channels[1:3], REFINED_CHANNELS[:2], strict=True)
            )
            depths, channels = (6, 7, 7), PYRAMID_CHANNELS
            for depth, channels_out in zip(depths, REFINED_CHANNELS, strict=True):
                descent = nn.Sequential(BlazeBlock(channels, channels_out, reduce=True))
                for _ in range(depth):
                    descent.append(BlazeBlock(channels_out, channels_out))
                self.refinements.append(descent)
                channels = channels_out
        # Without normalisation in between, torch's own start would let the signal die on its way.
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                assert module.bias is not None
                nn.init.zeros_(module.bias)

    def select(self, taps: tuple[str, ...]) -> None:
        """Chooses which maps `forward` gives.

        Raises:
            ValueError: for a tap that this trunk has not, or for none.
        """
        unknown = sorted(set(taps) - set(self.available))
        if unknown or not taps:
            named = ", ".join(unknown) or "given: it needs at least one"
            raise ValueError(f"the {self.variant} trunk has no tap {named}; it has {', '.join(self.available)}")
        self.taps = tuple(taps)
        self.channels = {tap: self.available[tap] for tap in taps}
        self.strides = {tap: STRIDES[tap] for tap in taps}

    def forward(self, crops: Tensor) -> dict[str, Tensor]:
        """Runs the trunk.

        The order of the calls below is the order of the operations in MediaPipe's file, which is how the weights find
        their places: see blazepose_weights.

        Args:
            crops: (N, 3, 256, 256) RGB in 0..1.

        Returns:
            one (N, C, H, W) map per tap, by name.
        """
        found: dict[str, Tensor] = {}
        x = relu6(self.stem(crops))
        x = self.stem_project(relu6(self.stem_depthwise(x)))
        lateral, refined_lateral = [], []
        for level, (reduction, stage) in enumerate(zip(self.reductions, self.stages, strict=True)):
            assert isinstance(reduction, Reduction)
            wide = reduction.widen(x)
            if level > 0:
                lateral.append(self.laterals[level - 1](x))
            if level > 1 and self.refined_laterals:
                refined_lateral.append(self.refined_laterals[level - 2](x))
            if level == 3:
                found["c16"] = x
            x = stage(reduction(wide))
        if self._needs("p16", "r16", "r8", "h16", "heatmaps"):
            top = relu6(self.last_depthwise(relu6(self.last_expand(x))))
            x = self.laterals[3](top)
            for level in (2, 1, 0):
                x = functional.interpolate(x, scale_factor=2.0, mode="bilinear") + lateral[level]
                if level == 2:
                    found["p16"] = x
                    if not self._needs("h16", "heatmaps", *(("r16", "r8") if self.refinements else ())):
                        break
            pyramid = x
            if self.refinements and self._needs("r16", "r8"):
                x = self.refinements[0](x) + refined_lateral[0]
                x = found["r16"] = self.refinements[1](x) + refined_lateral[1]
            if self.refinements and self._needs("r8"):
                x = self.refinements[2](x)
            if self._needs("heatmaps", "h16"):
                found["heatmaps"] = self.heatmaps(pyramid)
                if self._needs("h16"):
                    found["h16"] = self.pooled_heatmaps(found["heatmaps"])
            if self._needs("r8"):
                landmarks = self.refined_top(top)
                found["r8"] = x + landmarks if self.refinements else landmarks
        return {tap: found[tap] for tap in self.taps}

    def _needs(self, *taps: str) -> bool:
        return bool(set(taps) & set(self.taps))
