"""Heads by name."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from training.joint_space import JointSpace
from training.networks.heads.head import Head
from training.networks.heads.heatmaps import HeatmapGeometry
from training.networks.heads.integral import IntegralHead
from training.networks.heads.margipose import MargiPoseHead
from training.networks.heads.metrabs import MetrabsHead
from training.networks.heads.metro import MetroHead
from training.networks.heads.pose25d import Pose25dHead

HEADS: dict[str, tuple[Callable[..., Head], tuple[str, ...]]] = {
    "metrabs": (MetrabsHead, ("depth", "cells")),
    "metro": (MetroHead, ("depth", "cells")),
    "pose25d": (Pose25dHead, ("depth",)),
    "integral": (IntegralHead, ("depth",)),
    "margipose": (MargiPoseHead, ()),
}
"""Each takes the channels of the feature map, the joint space, the geometry of the feature map's cells, and options;
beside it stand the fields of `HeatmapGeometry` that are options too."""


def build_head(
    config: dict[str, Any], channels: int, stride: int, space: JointSpace, crop_side: int, box_size_mm: float
) -> Head:
    """The head of the ``model`` section of a configuration.

    Args:
        config: ``{name: metrabs, ...}``; beside the name stand the options of the head's class and of its heatmaps.
        channels: of the feature map that it reads.
        stride: px of the crop per cell of that map.
        space: the joints.
        crop_side: px.
        box_size_mm: of the metric box.

    Raises:
        ValueError: for a head or an option that does not exist.
    """
    options = dict(config)
    name = options.pop("name", None)
    if name not in HEADS:
        raise ValueError(f"there is no head {name!r}; there are {', '.join(HEADS)}")
    head, fields = HEADS[name]
    known = [*fields, *list(inspect.signature(head).parameters)[3:]]
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise ValueError(f"the head {name} has no option {', '.join(unknown)}; it has {', '.join(known)}")
    of_geometry = {option: options.pop(option) for option in fields if option in options}
    geometry = HeatmapGeometry(crop_side=crop_side, stride=stride, box_size_mm=box_size_mm, **of_geometry)
    return head(channels, space, geometry, **options)
