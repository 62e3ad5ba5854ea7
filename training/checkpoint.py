"""Checkpoints: written whole or not at all, and read without running anything that they say.

``last.ckpt`` holds ``config``, ``step``, ``model`` (weights), ``average`` (the running average of those that are
trained), ``optimizer`` and ``curve`` (what the learning curve goes on from).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from training.networks.pose_model import PoseModel, build_model

CHECKPOINT = "last.ckpt"
SMALL_CHECKPOINT = "small.ckpt"


def write_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Writes a state; a kill at any moment, or a power cut, leaves the old file or the new one."""
    partial = path.with_suffix(".partial")
    with partial.open("wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())
    partial.rename(path)


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Reads a state into the CPU's memory.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is none of ours.
    """
    if not path.is_file():
        raise FileNotFoundError(f"there is no checkpoint {path}; expected the {CHECKPOINT} of `python -m training fit`")
    try:
        state = torch.load(path, weights_only=True, map_location="cpu")
    # Whatever a broken file makes PyTorch raise; its own advice is to run what the file says.
    except Exception as error:
        reason = str(error).partition("\n")[0][:200]
        raise ValueError(
            f"{path} is no checkpoint that can be read ({type(error).__name__}: {reason}): it is cut off, damaged or "
            "something else; take it from where it came from again"
        ) from error
    missing = [part for part in ("config", "step", "model") if not isinstance(state, dict) or part not in state]
    if missing:
        raise ValueError(f"{path} is no checkpoint of `python -m training fit`: it lacks {', '.join(missing)}")
    return state


def load_model(path: Path) -> tuple[PoseModel, dict[str, Any]]:
    """The averaged model of a checkpoint, small or not, in evaluation mode, and its configuration with ``step`` added.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is none of ours.
    """
    state = read_checkpoint(path)
    model = build_model(state["config"]["model"], with_weights=False)
    model.load_state_dict(averaged_weights(state))
    return model.eval(), {**state["config"], "step": state["step"]}


def averaged_weights(state: dict[str, Any]) -> dict[str, Tensor]:
    """The weights of a state by name, averaged ones in the place of those that were averaged."""
    return {**state["model"], **state.get("average", {})}


@torch.no_grad()
def blend(model: PoseModel, other: PoseModel, share: float) -> None:
    """Moves a model's weights and statistics towards those of another, such as the one it was tuned from.

    Between the two lies what is learnt of both kinds of pictures (Wortsman et al., "Robust fine-tuning of zero-shot
    models", 2022).

    Args:
        model: changed.
        other: of the same network.
        share: of the other's; 0 changes nothing.

    Raises:
        ValueError: if the networks differ, or the share makes no sense.
    """
    if not 0 <= share <= 1:
        raise ValueError(f"a share of {share:g} of another model's weights was asked for, expected 0 to 1")
    ours, theirs = model.state_dict(), other.state_dict()
    unlike = [
        name for name in sorted({*ours, *theirs})
        if name not in ours or name not in theirs or ours[name].shape != theirs[name].shape
    ]  # fmt: skip
    if unlike:
        raise ValueError(f"networks of the same kind can be blended, but these differ in {', '.join(unlike[:4])}")
    for name, value in ours.items():
        if value.is_floating_point():
            value.lerp_(theirs[name], share)


def small_state(state: dict[str, Any]) -> dict[str, Any]:
    """What is needed to use a model, not to train it on: its averaged weights, matrices among them in fp16."""
    weights = {}
    for name, value in averaged_weights(state).items():
        half = value.half() if value.is_floating_point() and value.ndim > 1 else value
        # What fp16 cannot hold stays as it is.
        weights[name] = half if torch.isfinite(half).all() else value
    return {"config": state["config"], "step": state["step"], "model": weights}
