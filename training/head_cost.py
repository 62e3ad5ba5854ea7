"""What a head costs: time, parameters, and what training must remember of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Any

import torch
from torch import Tensor

from training.data.batch import Batch, Target
from training.networks.heads.head import Pose
from training.networks.pose_model import PoseModel


@dataclass(frozen=True)
class HeadCost:
    """What a head costs beside its backbone and neck, on this machine.

    Attributes:
        before_ms: of backbone and neck, for the whole batch.
        head_ms: of the head and the placement of its poses, for the whole batch.
        training_ms: of neck and head in a step of training: reading, losses and their gradients.
        parameters: of the head.
        remembered_bytes: what a training step keeps of the head's maps for the way back, for the whole batch.
    """

    before_ms: float
    head_ms: float
    training_ms: float
    parameters: int
    remembered_bytes: int

    @property
    def share(self) -> float:
        """Of the head in the time of the forward pass, 0..1."""
        return self.head_ms / (self.before_ms + self.head_ms)


def head_cost(model: PoseModel, batch: int, repeats: int = 15) -> HeadCost:
    """Measures the head of a model on random crops; the times are medians of parts timed in turns.

    Args:
        model: on any device; stays as it is but for its mode and, of a head that learns bone lengths, these.
        batch: how many crops.
        repeats: how often each part is timed.
    """
    device = next(model.parameters()).device
    crops = torch.rand(batch, 3, model.crop_side, model.crop_side, device=device)
    target = _standing_about(model, batch).to(device)
    before, head, training = [], [], []
    model.eval()
    with torch.inference_mode():
        for repeat in range(repeats + 2):  # the first two warm up
            seconds, features = _timed(partial(_before, model, crops), device)
            head_seconds, _ = _timed(partial(_head, model, features, target.intrinsics), device)
            if repeat >= 2:
                before.append(seconds)
                head.append(head_seconds)
    with torch.no_grad():
        maps = model.features(crops)
    model.train()
    for repeat in range(repeats + 1):
        seconds, _ = _timed(partial(_step, model, maps, target), device)
        if repeat >= 1:
            training.append(seconds)
    return HeadCost(
        1000 * median(before),
        1000 * median(head),
        1000 * median(training),
        sum(parameter.numel() for parameter in model.head.parameters()),
        _remembered(model, crops, target),
    )


def _before(model: PoseModel, crops: Tensor) -> Tensor:
    return model.neck(model.features(crops))


def _head(model: PoseModel, features: Tensor, intrinsics: Tensor) -> Pose:
    return model.head.place(model.head(features), intrinsics)


def _step(model: PoseModel, features: dict[str, Tensor], target: Target) -> None:
    """A step of training without the optimizer, on a frozen backbone's maps."""
    model.zero_grad()
    draw = torch.full((len(target),), 0.5, device=target.intrinsics.device)
    model.losses(Batch(None, features, target), 0.5, draw)["total"].backward()


def _timed(work: Callable[[], Any], device: torch.device) -> tuple[float, Any]:
    """Seconds that `work` took, and what it gave."""
    _wait_for(device)
    start = time.perf_counter()
    result = work()
    _wait_for(device)
    return time.perf_counter() - start, result


def _wait_for(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _remembered(model: PoseModel, crops: Tensor, target: Target) -> int:
    """Bytes that a step of training keeps of the head, weights left out."""
    model.train()
    with torch.no_grad():
        features = model.neck(model.features(crops))
    features = features.detach().requires_grad_()
    draw = torch.full((len(crops),), 0.5, device=crops.device)
    found = kept_bytes(
        lambda: model.head.losses(model.head(features), target, 0.5, draw), [*model.head.parameters(), features]
    )
    model.eval()
    return found


def kept_bytes(compute: Callable[[], object], without: Iterable[Tensor]) -> int:
    """Bytes of the tensors that autograd keeps of a computation for the way back, each piece of memory once.

    Args:
        compute: what to run.
        without: tensors whose memory does not count.
    """
    known = {tensor.untyped_storage().data_ptr() for tensor in without}
    sizes: dict[int, int] = {}
    kept: list[Tensor] = []  # so that no address is used twice

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in known:
            sizes[storage.data_ptr()] = storage.nbytes()
            kept.append(tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        compute()
    return sum(sizes.values())


def _standing_about(model: PoseModel, batch: int) -> Target:
    """Somebody 4 m away whose joints are anywhere in the crop."""
    generator = torch.Generator().manual_seed(1)
    joints, side = len(model.space), model.crop_side
    intrinsics = torch.eye(3).repeat(batch, 1, 1)
    intrinsics[:, 0, 0] = intrinsics[:, 1, 1] = 2.0 * side
    intrinsics[:, :2, 2] = (side - 1) / 2
    joints_px = torch.rand(batch, joints, 2, generator=generator) * (side - 1)
    depth = 4000 + 500 * torch.rand(batch, joints, 1, generator=generator)
    rays = (joints_px - (side - 1) / 2) / (2.0 * side)
    joints_mm = torch.cat([rays * depth, depth], dim=-1)
    known = torch.ones(batch, joints, dtype=torch.bool)
    return Target(joints_mm, joints_px, intrinsics, known, known)
