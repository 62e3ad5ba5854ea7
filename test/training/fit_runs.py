"""Small training runs in processes of their own, as `python -m training fit` makes them."""

from __future__ import annotations

import argparse
import csv
import multiprocessing
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import yaml

from training import fit

SETTINGS = {
    "seed": 3,
    "steps": 10,
    "batch": 4,
    "optimizer": {"name": "adamw", "rate": 1e-3},
    "schedule": {"name": "cosine", "warmup": 2},
    "clip_gradient": 5.0,
    "average": 0.8,
    "validate_every": 5,
    "validation_samples": 6,
    "pictures_every": 5,
    "checkpoint_every_s": 0,
    "accelerator": "cpu",
}


def configuration(folder: Path, **fit_settings: Any) -> dict[str, Any]:
    """A small network on figures of `folder`."""
    return {
        "name": "small",
        "model": {
            "backbone": {"name": "blazepose_full", "taps": ["c16"]},
            "neck": {"width": 16, "blocks": 1},
            "head": {"name": "metrabs", "absolute_after": 0.3, "weak_until": 0.0},
            "skeletons": ["h36m_17"],
            "crop_side": 64,
        },
        "data": {
            "train": [{"shards": str(folder), "figures": 12}],
            "validation": {"shards": str(folder), "figures": 6},
            "augmentation": {"occlusion": 0.3},
            "workers": 1,
        },
        "fit": {**SETTINGS, **fit_settings},
        "facts": {"origin": "a test", "licence": "none", "trained_on": "figures"},
    }


def run_fit(config: dict[str, Any], out: Path, **arguments: Any) -> int:
    """Runs the command here; its exit status."""
    out.mkdir(parents=True, exist_ok=True)
    path = out.with_suffix(".yaml")
    path.write_text(yaml.safe_dump(config))
    options = {
        "config": path, "out": out, "start_from": None, "threads": 1, "steps": None, "devices": None,
        "time_limit_minutes": None, "small_checkpoint": False, **arguments,
    }  # fmt: skip
    return fit.main(argparse.Namespace(**options))


def start(target: Callable[..., Any], *arguments: Any) -> multiprocessing.process.BaseProcess:
    """Starts `target` in a forked process, which ends with the status that it returns."""
    process = multiprocessing.get_context("fork").Process(target=_ending, args=(target, *arguments))
    process.start()
    return process


def _ending(target: Callable[..., Any], *arguments: Any) -> None:
    torch.set_num_threads(1)
    status = target(*arguments)
    # Without what pytest would do at the end of its process.
    os._exit(status or 0)


def as_process_of(rank: int, world: int, port: int, config: dict[str, Any], out: Path) -> int:
    """`run_fit` as torchrun would start it."""
    os.environ.update(
        {
            "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "RANK": str(rank), "LOCAL_RANK": str(rank),
            "WORLD_SIZE": str(world), "LOCAL_WORLD_SIZE": str(world), "GROUP_RANK": "0", "TORCHELASTIC_RUN_ID": "test",
        }
    )  # fmt: skip
    return run_fit(config, out)


def free_port() -> int:
    """A TCP port that nobody listens on."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


def curve(out: Path) -> list[dict[str, float]]:
    """The rows of curve.csv without the time they took."""
    with (out / "curve.csv").open(newline="") as file:
        return [
            {name: float(value) for name, value in row.items() if name != "seconds"} for row in csv.DictReader(file)
        ]


def checkpoint(out: Path) -> dict[str, Any]:
    """The last checkpoint."""
    return torch.load(out / "last.ckpt", weights_only=True)
