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


BACKBONES: dict[str, Callable[..., Backbone]] = {
    "blazepose_heavy": _blazepose("heavy"),
    "blazepose_full": _blazepose("full"),
    **{f"efficientnetv2_{size}": _efficientnetv2(size) for size in SIZES},
}
"""Each takes where its weights are, or None for random ones, and its own options."""


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
    if name not in BACKBONES:
        raise ValueError(f"there is no backbone {name!r}; there are {', '.join(BACKBONES)}")
    own = list(inspect.signature(BACKBONES[name]).parameters)
    unknown = sorted(set(options) - set(own))
    if unknown:
        raise ValueError(f"the backbone {name} has no option {', '.join(unknown)}; it has {', '.join(own)}")
    if not with_weights:
        options.pop("weights", None)
    return BACKBONES[name](**options)
