"""Checkpoints of small networks, as `python -m training fit` writes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn

from test.fake_models import STANDING_MM
from training.checkpoint import write_checkpoint
from training.data.batch import Batch, Target
from training.export import made_up_inputs
from training.networks.placement import project
from training.networks.pose_model import PoseModel, build_model

CROP_SIDE = 96


def configuration(head: dict[str, Any], **model: Any) -> dict[str, Any]:
    """Of a small network under a head."""
    return {
        "name": f"small_{head['name']}",
        "model": {
            "backbone": {"name": "mobilenet_v3_small", "stride": 16},
            "neck": {"width": 16, "blocks": 1},
            "head": head,
            "skeletons": ["body_30"],
            "crop_side": CROP_SIDE,
            **model,
        },
        "facts": {"origin": "a test", "licence": "none", "trained_on": "nothing"},
    }


def inputs() -> dict[str, torch.Tensor]:
    """What the small models were trained on: 8 crops, seen by cameras of different focal lengths."""
    return made_up_inputs(CROP_SIDE, 8)


def trained_model(config: dict[str, Any], steps: int = 120) -> PoseModel:
    """A model that says of a few crops that somebody stands there: untrained ones put all joints into the middle, where
    nothing can be placed."""
    torch.manual_seed(0)
    model = build_model(config["model"])
    given = inputs()
    target = standing(model, given["intrinsics"])
    for norm in [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]:
        norm.momentum = None  # the mean over all that is seen
    with torch.no_grad():
        features = model.train().features(given["crops"])
        model.backbone.eval()
    learned = [*model.neck.parameters(), *model.head.parameters()]
    optimizer = torch.optim.Adam(learned, 0.01)
    draw = torch.full((len(target),), 0.5)
    for step in range(steps):
        optimizer.zero_grad()
        losses = model.losses(Batch(None, features, target), step / steps, draw)
        losses["total"].backward()
        optimizer.step()
    return model.eval()


def standing(model: PoseModel, intrinsics: torch.Tensor) -> Target:
    """The same person in front of every camera, as large as the crop."""
    joints_mm = torch.from_numpy(STANDING_MM)[: len(model.space)] - torch.tensor([0.0, 50, 0])
    joints_mm = joints_mm.repeat(len(intrinsics), 1, 1)
    joints_mm[..., 2] += (intrinsics[:, 0, 0] * 2200 / CROP_SIDE)[:, None]
    px = project(joints_mm, intrinsics)
    known = torch.ones(joints_mm.shape[:2], dtype=torch.bool)
    return Target(joints_mm, px, intrinsics, known, known)


def save_checkpoint(path: Path, config: dict[str, Any], steps: int = 0) -> Path:
    """Of a model that is trained for some steps."""
    write_checkpoint(path, {"config": config, "step": steps, "model": trained_model(config, steps).state_dict()})
    return path
