"""Optimizers, learning rates over time, running averages of weights, and what batch normalisation does meanwhile."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import SGD, Adam, AdamW, Optimizer, RMSprop

from training.networks.pose_model import PoseModel

OPTIMIZERS: dict[str, type[Optimizer]] = {"adamw": AdamW, "adam": Adam, "sgd": SGD, "rmsprop": RMSprop}

SMALLEST_SIZE = 1e-4
"""A tensor counts as at least this large where learning rates are relative, so that zeros learn too."""


def build_optimizer(model: PoseModel, settings: dict[str, Any]) -> Optimizer:
    """An optimizer of what is trained.

    Args:
        model: whose frozen parameters need no gradient.
        settings: ``name`` (adamw, adam, sgd, rmsprop), ``rate``, ``backbone_rate`` if the backbone has another one, or
            ``backbone_relative_rate``, and options of torch's class, such as ``weight_decay``, ``betas``, ``eps`` and
            ``momentum``. A relative rate is multiplied by each tensor's size, see `measure_sizes`, and nothing decays
            then: where batch normalisation was folded away, one layer's weights are ten thousand times as large as
            another's, and Adam's steps do not know.

    Raises:
        ValueError: for an optimizer or an option that does not exist.
    """
    options = dict(settings)
    name, rate = options.pop("name", "adamw"), options.pop("rate", None)
    relative = options.pop("backbone_relative_rate", None)
    backbone_rate = options.pop("backbone_rate", rate)
    if name not in OPTIMIZERS or rate is None:
        raise ValueError(f"fit.optimizer is {settings}; expected a rate and a name among {', '.join(OPTIMIZERS)}")
    of_backbone = {id(parameter) for parameter in model.backbone.parameters()}
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    groups: list[dict[str, Any]] = [_group([p for p in trained if id(p) not in of_backbone], rate)]
    backbone = [p for p in trained if id(p) in of_backbone]
    if relative is None:
        groups.append(_group(backbone, backbone_rate))
    else:
        groups += [{**_group([p], 0.0), "relative_rate": float(relative), "weight_decay": 0.0} for p in backbone]
    try:
        optimizer = OPTIMIZERS[name]([group for group in groups if group["params"]], **options)
    except TypeError as error:
        raise ValueError(f"fit.optimizer: {name} does not take {options}: {error}") from error
    measure_sizes(optimizer)
    return optimizer


def measure_sizes(optimizer: Optimizer) -> None:
    """Sets learning rates that are relative to the size of a tensor, as in Adafactor (Shazeer and Stern 2018): to the
    median magnitude of its numbers as they are now. Where normalisation was folded away, a few channels are hundreds
    of times as large as all others and would make a root mean square."""
    for group in optimizer.param_groups:
        if "relative_rate" in group:
            (parameter,) = group["params"]
            size = float(parameter.detach().abs().median())
            group["rate"] = group["relative_rate"] * max(size, SMALLEST_SIZE)


def _group(parameters: list[nn.Parameter], rate: float) -> dict[str, Any]:
    return {"params": parameters, "lr": float(rate), "rate": float(rate)}


def freeze(backbone: nn.Module, patterns: Sequence[str]) -> None:
    """Lets parameters stay as they are. No gradient is computed of layers before the first one that is trained.

    Args:
        backbone: whose parameters.
        patterns: of their names, as a shell has them for files.

    Raises:
        ValueError: if a pattern fits no parameter.
    """
    for pattern in patterns:
        meant = [parameter for name, parameter in backbone.named_parameters() if fnmatchcase(name, pattern)]
        if not meant:
            raise ValueError(
                f"fit.frozen has {pattern!r}, but no parameter of the backbone is called so; there are "
                f"{', '.join(sorted({name.split('.')[0] for name, _ in backbone.named_parameters()}))}"
            )
        for parameter in meant:
            parameter.requires_grad_(False)


def set_learning_rate(optimizer: Optimizer, factor: float) -> None:
    """Sets each group's learning rate to its own base rate times a factor."""
    for group in optimizer.param_groups:
        group["lr"] = group["rate"] * factor


def learning_rate_factor(settings: dict[str, Any], step: int, steps: int) -> float:
    """What the learning rate is multiplied by at a step.

    Args:
        settings: ``name`` and, with any, ``warmup``: steps of a linear start. The names and their options:

            - ``cosine``: half a cosine down to ``final`` (0.01).
            - ``metrabs``: exponentially to ``decay`` (1/3) over the first ``until`` (0.92) of the steps; then from
              ``after`` (1/30) exponentially to ``after_decay`` (0.3) of that.
            - ``one_cycle``: a cosine up from ``start`` (1/25) to 1 over the first ``rise`` (0.3), then one down to
              ``final`` (1e-4), as MargiPose trains.
            - ``steps``: times ``decay`` (0.1) at each of the shares of the training in ``at``.
            - ``constant``.
        step: 0 for the first.
        steps: of the whole training.

    Raises:
        ValueError: for a name or an option that does not exist.
    """
    options = dict(settings)
    name, warmup = options.pop("name", "cosine"), options.pop("warmup", 0)
    if name not in SCHEDULES:
        raise ValueError(f"fit.schedule is {settings}; its name must be one of {', '.join(SCHEDULES)}")
    try:
        factor = float(SCHEDULES[name](step / steps, **options))
    except TypeError as error:
        raise ValueError(f"fit.schedule: {name} does not take {options}: {error}") from error
    return factor * (min(1.0, (step + 1) / warmup) if warmup else 1.0)


def _cosine(done: float, final: float = 0.01) -> float:
    return final + (1 - final) * 0.5 * (1 + math.cos(math.pi * done))


def _metrabs(
    done: float, until: float = 0.92, decay: float = 1 / 3, after: float = 1 / 30, after_decay: float = 0.3
) -> float:
    if done < until:
        return decay ** (done / until)
    return after * after_decay ** ((done - until) / (1 - until))


def _one_cycle(done: float, start: float = 1 / 25, rise: float = 0.3, final: float = 1e-4) -> float:
    if done < rise:
        return 1 - (1 - start) * 0.5 * (1 + math.cos(math.pi * done / rise))
    return _cosine((done - rise) / (1 - rise), final)


def _steps(done: float, at: list[float] | tuple[float, ...] = (), decay: float = 0.1) -> float:
    return decay ** sum(done >= share for share in at)


def _constant(done: float) -> float:
    return 1.0


SCHEDULES: dict[str, Callable[..., float]] = {
    "cosine": _cosine,
    "metrabs": _metrabs,
    "one_cycle": _one_cycle,
    "steps": _steps,
    "constant": _constant,
}


class RunningAverage:
    """An exponential running average of a model's weights and statistics.

    It soon forgets its first, random values: the decay rises to `decay`.

    Args:
        model: a frozen backbone is shared with the average.
        decay: how much of the average each step keeps.

    Attributes:
        model: the averaged one, in evaluation mode.
    """

    def __init__(self, model: PoseModel, decay: float) -> None:
        frozen = not any(parameter.requires_grad for parameter in model.backbone.parameters())
        shared = {id(model.backbone): model.backbone} if frozen else {}
        self.model = copy.deepcopy(model, shared).eval().requires_grad_(False)
        self.decay = decay
        self._pairs = {
            name: (ours, theirs)
            for (name, ours), theirs in zip(_tensors(self.model).items(), _tensors(model).values(), strict=True)
            if ours is not theirs
        }

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Takes in the model after `step` steps, the first of which is 0."""
        share = 1 - min(self.decay, (1 + step) / (10 + step))
        floating = [pair for pair in self._pairs.values() if pair[0].is_floating_point()]
        torch._foreach_lerp_([ours for ours, _ in floating], [theirs.detach() for _, theirs in floating], share)
        for ours, theirs in self._pairs.values():
            if not ours.is_floating_point():
                ours.copy_(theirs)

    def state(self) -> dict[str, Tensor]:
        """The averages by name."""
        return {name: ours for name, (ours, _) in self._pairs.items()}

    @torch.no_grad()
    def load(self, state: dict[str, Tensor]) -> None:
        """Takes up averages that `state` gave."""
        for name, (ours, _) in self._pairs.items():
            ours.copy_(state[name])


def _tensors(model: nn.Module) -> dict[str, Tensor]:
    return model.state_dict(keep_vars=True)


class GroupedBatchNorm(nn.BatchNorm2d):
    """Batch normalisation that trains with the statistics of groups of the batch, not of all of it."""

    group: int = 16

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to the same."""
        if not self.training or len(x) <= self.group:
            return super().forward(x)
        return torch.cat([super(GroupedBatchNorm, self).forward(part) for part in x.split(self.group)])


def prepare_batch_norm(model: PoseModel, kind: str | int, several_gpus: bool) -> PoseModel:
    """Makes the model's batch normalisations of a kind, see `FitSettings.batch_norm`.

    Raises:
        ValueError: for a kind that does not exist.
    """
    if isinstance(kind, int) and not isinstance(kind, bool) and kind > 0:
        for module in model.modules():
            if type(module) is nn.BatchNorm2d:
                module.__class__ = GroupedBatchNorm
                module.group = kind  # type: ignore[assignment]
    elif kind == "synchronised":
        if several_gpus:
            return nn.SyncBatchNorm.convert_sync_batchnorm(model)
    elif kind not in ("local", "frozen"):
        raise ValueError(f"fit.batch_norm is {kind!r}; expected local, frozen, synchronised or a number of examples")
    return model


def training_mode(model: PoseModel, freeze_backbone: bool, batch_norm: str | int) -> None:
    """Puts in training mode what is trained, and leaves statistics that stay in evaluation mode."""
    model.train()
    if freeze_backbone:
        model.backbone.eval()
    if batch_norm == "frozen":
        for module in model.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.eval()
