"""Batch normalisation folded into the convolutions in front of it, whatever the network looks like.

Exporters do it as well, but only in the graph; folded here, the weights can be rounded before anything is compared.
"""

from __future__ import annotations

import copy
from collections import Counter
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

TOLERANCE = 1e-3
"""Largest change of an output by folding, relative to the largest value in it."""
Convolution = nn.Conv2d | nn.ConvTranspose2d


@torch.no_grad()
def fold_normalisation(network: nn.Module, example: Any) -> nn.Module:
    """A copy in evaluation mode in which no batch normalisation directly after a convolution is left.

    Args:
        network: gives a tensor, or a tuple or dictionary of them.
        example: an input for it; it is run to see what follows what.

    Raises:
        RuntimeError: if the copy does not give the same: something else reads the output of such a convolution.
    """
    folded = copy.deepcopy(network).eval()
    before = _tensors(folded(example))
    for convolution, norm_name, norm in _pairs(folded, example):
        transposed = isinstance(convolution, nn.ConvTranspose2d)
        assert norm.running_mean is not None
        assert norm.running_var is not None
        weight, bias = fuse_conv_bn_weights(
            convolution.weight, convolution.bias, norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias,
            transpose=transposed,
        )  # fmt: skip
        convolution.weight, convolution.bias = weight, bias
        # timm's normalisations have the activation inside.
        activation = [module for name in ("drop", "act") if isinstance(module := getattr(norm, name, None), nn.Module)]
        parent, _, name = norm_name.rpartition(".")
        setattr(folded.get_submodule(parent), name, nn.Sequential(*activation) if activation else nn.Identity())
    for one, other in zip(before, _tensors(folded(example)), strict=True):
        off, largest = float((one - other).abs().max()), float(one.abs().max())
        if not off <= TOLERANCE * max(largest, 1e-6):
            raise RuntimeError(
                f"folding the batch normalisation changes an output by {off:.3g} of {largest:.3g}: something else than "
                "the normalisation reads a convolution's output in this network"
            )
    return folded


def _pairs(network: nn.Module, example: Any) -> list[tuple[Convolution, str, nn.BatchNorm2d]]:
    """Convolutions and the normalisations that alone follow them, each used once."""
    made: dict[int, Convolution] = {}
    kept: list[Tensor] = []
    read: dict[int, list[str]] = {}
    calls: Counter[nn.Module] = Counter()
    hooks = []
    for name, module in network.named_modules():
        if any(module.children()) and not isinstance(module, nn.BatchNorm2d):
            continue

        def note(module: nn.Module, inputs: tuple[Any, ...], output: Any, name: str = name) -> None:
            calls[module] += 1
            for value in inputs:
                read.setdefault(id(value), []).append(name)
            if isinstance(module, nn.Conv2d) or (isinstance(module, nn.ConvTranspose2d) and module.groups == 1):
                made[id(output)] = module
                read[id(output)] = []  # a tensor that is gone may have had the same identity
                kept.append(output)

        hooks.append(module.register_forward_hook(note))
    try:
        network(example)
    finally:
        for hook in hooks:
            hook.remove()
    found = []
    for identity, convolution in made.items():
        readers = read.get(identity, [])
        norm = network.get_submodule(readers[0]) if len(readers) == 1 else None
        if isinstance(norm, nn.BatchNorm2d) and calls[norm] == calls[convolution] == 1:
            found.append((convolution, readers[0], norm))
    return found


def _tensors(output: Any) -> list[Tensor]:
    if isinstance(output, Tensor):
        return [output]
    return list(output.values()) if isinstance(output, dict) else list(output)
