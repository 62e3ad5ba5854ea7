"""Backbones by name."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

from training.networks.backbones.backbone import Backbone
from training.networks.backbones.blazepose import BlazePose
from training.networks.backbones.blazepose_weights import FILES, load_blazepose
from training.networks.backbones.efficientnetv2 import SPECS as SIZES
from training.networks.backbones.efficientnetv2 import EfficientNetV2, load_file


def _blazepose(variant: str) -> Callable[..., Backbone]:
    def build(weights: str | None = None, taps: tuple[str, ...] = ("c16",)) -> Backbone:
        if weights is None:
            return BlazePose(variant, tuple(taps))
        return load_blazepose(Path(weights) / FILES[variant][0], variant, tuple(taps))

    return build


def _efficientnetv2(size: str) -> Callable[..., Backbone]:
    def build(
        weights: str | None = None,
        maps: tuple[str, ...] = ("c32",),
        centered_stride: bool = True,
        drop_depth: float = 0.2,
    ) -> Backbone:
        network = EfficientNetV2(size, tuple(maps), centered_stride, drop_depth)
        if weights is not None:
            load_file(network, Path(weights))
        return network

    return build


# torchvision and timm take seconds to import: only who wants them waits.


def _resnet(depth: int) -> Callable[..., Backbone]:
    def build(weights: str | None = None, stride: int = 32, maps: tuple[str, ...] = ("layer4",)) -> Backbone:
        from training.networks.backbones.resnet import ResNet

        return ResNet(depth, stride, tuple(maps), weights)

    return build


def _mobilenet(size: str) -> Callable[..., Backbone]:
    def build(weights: str | None = None, stride: int = 32) -> Backbone:
        from training.networks.backbones.mobilenet import MobileNetV3

        return MobileNetV3(size, stride, weights)

    return build


def _efficientnet_lite(number: int) -> Callable[..., Backbone]:
    def build(weights: str | None = None, stride: int = 32) -> Backbone:
        from training.networks.backbones.timm_backbone import efficientnet_lite

        return efficientnet_lite(number, stride, weights)

    return build


def _timm(name: str) -> Callable[..., Backbone]:
    def build(
        weights: str | None = None,
        stride: int | None = None,
        maps: tuple[int, ...] = (-1,),
        options: dict[str, Any] | None = None,
    ) -> Backbone:
        from training.networks.backbones.timm_backbone import TimmBackbone

        return TimmBackbone(name, stride, tuple(maps), weights, options)

    return build


BACKBONES: dict[str, Callable[..., Backbone]] = {
    "blazepose_heavy": _blazepose("heavy"),
    "blazepose_full": _blazepose("full"),
    **{f"efficientnetv2_{size}": _efficientnetv2(size) for size in SIZES},
    **{f"resnet{depth}": _resnet(depth) for depth in (18, 50, 101)},
    **{f"mobilenet_v3_{size}": _mobilenet(size) for size in ("large", "small")},
    **{f"efficientnet_lite{number}": _efficientnet_lite(number) for number in (0, 1, 2)},
}
"""Each takes where its weights are, or None for random ones, and its own options."""
OF_TIMM = "timm/"
"""In front of the name of any model of timm."""


def build_backbone(config: dict[str, Any], with_weights: bool = True) -> Backbone:
    """The backbone of the ``model`` section of a configuration.

    Args:
        config: ``{name: blazepose_heavy, weights: ..., ...}``; without ``weights`` they are random; beside them stand
            the backbone's own options.
        with_weights: whether to read them; a checkpoint brings its own.

    Raises:
        ValueError: for a backbone or an option that does not exist.
    """
    options = dict(config)
    name = options.pop("name", None)
    if name in BACKBONES:
        build = BACKBONES[name]
    elif str(name).startswith(OF_TIMM):
        build = _timm(str(name).removeprefix(OF_TIMM))
    else:
        raise ValueError(f"there is no backbone {name!r}; there are {', '.join(BACKBONES)} and {OF_TIMM}NAME")
    own = list(inspect.signature(build).parameters)
    unknown = sorted(set(options) - set(own))
    if unknown:
        raise ValueError(f"the backbone {name} has no option {', '.join(unknown)}; it has {', '.join(own)}")
    if not with_weights:
        options.pop("weights", None)
    return build(**options)
