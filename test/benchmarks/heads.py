"""What the papers' heads cost on top of a backbone: time in use, and memory in training.

Time is of one forward pass at 256 px, batch 8, in torch: the backbone alone, and head with placement alone on its map.
Memory is what a training step of the head keeps for its backward pass, and how much of that soft-argmax alone needs:
MargiPose reads three maps a joint where the others read a volume.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from training.head_cost import head_cost, kept_bytes
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
_REPEATS = 5


def measure() -> dict[str, Any]:
    """Milliseconds, shares and megabytes of each head on each backbone; on a GPU if there is one."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    where = torch.cuda.get_device_name() if device.type == "cuda" else f"CPU, {torch.get_num_threads()} threads"
    rows = []
    for backbone in BACKBONES:
        for title, config in HEADS.items():
            model = _model(backbone, config).to(device)
            cost = head_cost(model, BATCH, _REPEATS)
            features = crops_to_try(BATCH, side=SIDE).to(device)
            with torch.no_grad():
                features = model.neck(model.features(features))
            rows.append(
                {
                    "backbone": backbone,
                    "backbone_ms": round(cost.before_ms, 2),
                    "head": title,
                    "head_ms": round(cost.head_ms, 2),
                    "percent_of_forward": round(100 * cost.share, 2),
                    "training_mb": round(cost.remembered_bytes / 1e6, 2),
                    "soft_argmax_mb": round(soft_argmax_bytes(model.head, features) / 1e6, 2),
                }
            )
    return {"device": where, "torch": torch.__version__, "batch": BATCH, "side": SIDE, "rows": rows}


def soft_argmax_bytes(head: nn.Module, features: Tensor) -> int:
    """What reading the heatmaps that a head has of features keeps for the backward pass."""
    read: dict[nn.Module, Tensor] = {}

    def note(reader: nn.Module, inputs: tuple[Tensor, ...], _output: object) -> None:
        read[reader] = inputs[0].detach().clone().requires_grad_()

    hooks = [module.register_forward_hook(note) for module in head.modules() if isinstance(module, SoftArgmax)]
    with torch.no_grad():
        head(features)
    for hook in hooks:
        hook.remove()
    return sum(kept_bytes(partial(reader, logits), [*reader.buffers(), logits]) for reader, logits in read.items())


def _model(backbone: str, head: dict[str, Any]) -> PoseModel:
    torch.manual_seed(0)
    config = {"backbone": {"name": backbone}, "head": head, "skeletons": ["body_30"], "crop_side": SIDE}
    return build_model(config).eval()
