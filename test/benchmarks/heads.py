"""What the papers' heads cost on top of a backbone: time in use, and memory in training.

Time is of one forward pass at 256 px, batch 8, in torch: the backbone alone, and head with placement alone on its map.
Memory is what a training step of the head keeps for its backward pass, and how much of that is there because of
soft-argmax: MargiPose reads three maps a joint where the others read a volume.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from training.data.batch import Target
from training.networks.heads.head import Head
from training.networks.heads.heatmaps import SoftArgmax
from training.networks.pose_model import PoseModel, build_model
from training.tracing import crops_to_try

BACKBONES = ("resnet50", "efficientnetv2_s")
HEADS: dict[str, dict[str, Any]] = {
    "MeTRAbs, 8 x 8 x 8": {"name": "metrabs"},
    "MeTRo, 8 x 8 x 8": {"name": "metro"},
    "2.5D, 8 x 8 x 8": {"name": "pose25d"},
    "integral, 8 x 8 x 8": {"name": "integral"},
    "MargiPose, 1 stage, 3 x 8 x 8": {"name": "margipose", "stages": 1},
    "MargiPose, 2 stages, 3 x 8 x 8": {"name": "margipose", "stages": 2},
    "integral, 32 x 32 x 32": {"name": "integral", "deconvolutions": 2, "depth": 32},
    "MargiPose, 1 stage, 3 x 32 x 32": {"name": "margipose", "stages": 1, "deconvolutions": 2},
}
SIDE, BATCH = 256, 8
_ROUNDS = 7


def measure() -> dict[str, Any]:
    """Milliseconds, shares and megabytes of each head on each backbone; on a GPU if there is one."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    where = torch.cuda.get_device_name() if device.type == "cuda" else f"CPU, {torch.get_num_threads()} threads"
    found: dict[str, Any] = {"device": where, "torch": torch.__version__, "batch": BATCH, "side": SIDE, "backbones": {}}
    crops, target = crops_to_try(BATCH, side=SIDE).to(device), people(30).to(device)
    for name in BACKBONES:
        models = {title: _model(name, config).to(device) for title, config in HEADS.items()}
        backbone = next(iter(models.values())).backbone
        with torch.no_grad():
            features = backbone(crops)
        jobs = {"backbone": partial(backbone, crops)}
        jobs |= {title: partial(_read, model, features, target) for title, model in models.items()}
        seconds = fastest(jobs, device)
        whole = seconds.pop("backbone")
        found["backbones"][name] = {
            "ms": round(whole * 1e3, 2),
            "heads": {
                title: {
                    "ms": round(own * 1e3, 2),
                    "percent_of_forward": round(100 * own / (own + whole), 2),
                    **memory(models[title].head.train(), models[title].neck(features), target),
                }
                for title, own in seconds.items()
            },
        }
    return found


def people(joints: int) -> Target:
    """People in front of crop cameras, all joints known."""
    generator = torch.Generator().manual_seed(0)
    joints_mm = torch.randn(BATCH, joints, 3, generator=generator) * 300 + torch.tensor([0.0, 0.0, 4000.0])
    intrinsics = torch.tensor([[400.0, 0, 127.5], [0, 400.0, 127.5], [0, 0, 1]]).repeat(BATCH, 1, 1)
    px = joints_mm[..., :2] / joints_mm[..., 2:] * 400 + 127.5
    known = torch.ones(BATCH, joints, dtype=torch.bool)
    return Target(joints_mm, px, intrinsics, known, known)


def fastest(jobs: dict[str, Callable[[], object]], device: torch.device) -> dict[str, float]:
    """The shortest time of each job in seconds; they take turns, so that a busy machine slows all of them alike."""
    times: dict[str, list[float]] = {name: [] for name in jobs}
    with torch.no_grad():
        for _ in range(_ROUNDS):
            for name, job in jobs.items():
                _wait(device)
                start = time.perf_counter()
                job()
                _wait(device)
                times[name].append(time.perf_counter() - start)
    return {name: min(seconds[1:]) for name, seconds in times.items()}


def memory(head: Head, features: Tensor, target: Target) -> dict[str, float]:
    """Megabytes that a training step of a head keeps for its backward pass.

    Returns:
        ``training_mb`` of the head and its losses, and ``soft_argmax_mb`` of those by reading the heatmaps alone.
    """
    own = [*head.parameters(), *head.buffers(), features]
    draw = torch.full((len(target),), 0.5, device=features.device)
    whole = kept(lambda: head.losses(head(features), target, 1.0, draw)["total"], own)
    read: dict[nn.Module, Tensor] = {}

    def note(reader: nn.Module, inputs: tuple[Tensor, ...], _output: object) -> None:
        read[reader] = inputs[0].detach().clone().requires_grad_()

    hooks = [module.register_forward_hook(note) for module in head.modules() if isinstance(module, SoftArgmax)]
    with torch.no_grad():
        head(features)
    for hook in hooks:
        hook.remove()
    reading = sum(kept(partial(reader, logits), [*reader.buffers(), logits]) for reader, logits in read.items())
    return {"training_mb": round(whole / 1e6, 2), "soft_argmax_mb": round(reading / 1e6, 2)}


def kept(compute: Callable[[], object], without: list[Tensor]) -> int:
    """Bytes that autograd keeps while something is computed, each piece of memory once, without those given."""
    known = {tensor.untyped_storage().data_ptr() for tensor in without}
    sizes: dict[int, int] = {}
    alive: list[Tensor] = []

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in known:
            sizes[storage.data_ptr()] = storage.nbytes()
            alive.append(tensor)  # or its memory would be used again
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        result = compute()
    del result
    return sum(sizes.values())


def _model(backbone: str, head: dict[str, Any]) -> PoseModel:
    torch.manual_seed(0)
    config = {"backbone": {"name": backbone}, "head": head, "skeletons": ["body_30"], "crop_side": SIDE}
    return build_model(config).eval()


def _read(model: PoseModel, features: dict[str, Tensor], target: Target) -> object:
    return model.head.place(model.head(model.neck(features)), target.intrinsics)


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()
