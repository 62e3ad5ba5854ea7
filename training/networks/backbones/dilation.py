"""Finer maps out of a trained network: its last reductions become dilations ("a trous").

Where a convolution no longer skips every second cell, those after it look at every second cell instead, so they see
what they saw before, at twice as many places: every second cell of the new map is a cell of the old one.
Chen et al., "DeepLab", 2018.
"""

from __future__ import annotations

from collections.abc import Iterable

from torch import nn


def limit_stride(blocks: Iterable[nn.Module], stride: int) -> None:
    """Changes the blocks of a network that follow each other so that together they reduce by at most `stride`.

    Args:
        blocks: changed in place. In each, at most one convolution of the main path has stride 2, and a shortcut's is
            1 x 1.
        stride: a power of two.

    Raises:
        ValueError: if the blocks do not reduce by as much, or `stride` is no power of two.
    """
    if stride < 1 or stride & (stride - 1):
        raise ValueError(f"an output stride is a power of two, not {stride}")
    reduced, dilation = 1, 1
    for block in blocks:
        convolutions = [module for module in block.modules() if isinstance(module, nn.Conv2d)]
        if any(module.stride != (1, 1) for module in convolutions) and reduced < stride:
            reduced *= 2
            continue
        for module in convolutions:
            dilate, reduces = module.kernel_size != (1, 1), module.stride != (1, 1)
            module.stride = (1, 1)
            if not dilate:
                continue
            module.dilation = (dilation, dilation)
            module.padding = tuple(dilation * (size // 2) for size in module.kernel_size)
            if reduces:
                dilation *= 2
    if reduced < stride:
        raise ValueError(f"this network reduces by {reduced} there at most, so its output stride cannot be {stride}")
