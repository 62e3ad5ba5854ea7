"""Checkpoints of small networks with random weights, as `python -m training fit` writes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from training.checkpoint import write_checkpoint
from training.networks.pose_model import build_model

CROP_SIDE = 128


def configuration(head: dict[str, Any], **model: Any) -> dict[str, Any]:
    """Of a small trunk under a head."""
    return {
        "name": f"small_{head['name']}",
        "model": {
            "backbone": {"name": "blazepose_full", "taps": ["c16"]},
            "neck": {"width": 16, "blocks": 1},
            "head": head,
            "skeletons": ["body_30"],
            "crop_side": CROP_SIDE,
            **model,
        },
        "facts": {"origin": "a test", "licence": "none", "trained_on": "nothing"},
    }


def save_checkpoint(path: Path, config: dict[str, Any], seed: int = 0) -> Path:
    """Of a model with random weights that puts joints at different places."""
    torch.manual_seed(seed)
    model = build_model(config["model"])
    # Random heatmaps are flat and put all joints into the middle: sharper ones make a pose of them.
    with torch.no_grad():
        for name, parameter in model.head.named_parameters():
            if name.endswith("weight"):
                parameter.mul_(8)
    write_checkpoint(path, {"config": config, "step": 7, "model": model.state_dict()})
    return path
