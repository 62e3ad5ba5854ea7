"""``python -m training compare-heads --config training/configs/heads.yaml --out FOLDER``: heads against each other.

Each head is trained by ``fit`` on the same backbone, neck and examples in the same order, measured by ``evaluate`` on
the synthetic test split, and timed. Each part that is done stays done, so the command can be stopped and run again.
The configuration has a section ``heads`` (a title and the ``head`` section of a model each) in place of the model's
own.
"""

from __future__ import annotations

import argparse
import copy
import json
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch
import yaml

from training.checkpoint import CHECKPOINT, load_model, read_checkpoint
from training.configuration import load_configuration
from training.evaluation.tables import Column, Table
from training.head_cost import head_cost

BATCH = 8
"""Crops that the costs are measured with."""
COLUMNS = (
    Column("mpjpe", "MPJPE mm"),
    Column("pa_mpjpe", "PA-MPJPE mm"),
    Column("a_mpjpe", "A-MPJPE mm"),
    Column("truncated_mpjpe", "truncated: MPJPE mm"),
    Column("truncated_present", "truncated, shown joints: MPJPE mm"),
    Column("training_ms", f"training step of neck and head, batch {BATCH}, ms"),
    Column("remembered_mb", f"kept for the way back, batch {BATCH}, MB"),
    Column("head_ms", f"head and placement, batch {BATCH}, ms"),
    Column("share", "of the forward pass %"),
    Column("parameters", "parameters of the head, thousands", 0),
)


def with_head(config: dict[str, Any], title: str) -> dict[str, Any]:
    """The configuration of the run with one of the heads."""
    one = {name: copy.deepcopy(section) for name, section in config.items() if name != "heads"}
    one["name"] = folder_name(title)
    one["model"]["head"] = copy.deepcopy(config["heads"][title])
    return one


def folder_name(title: str) -> str:
    """A title as the name of a folder."""
    return "_".join("".join(letter if letter.isalnum() else " " for letter in title.lower()).split())


def train_and_measure(config: dict[str, Any], folder: Path, shards: Path, limit: int) -> dict[str, float]:
    """Trains one head if it is not trained yet, measures it if it is not measured yet.

    Returns:
        what `COLUMNS` are about.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(config, sort_keys=False))
    checkpoint, measured = folder / CHECKPOINT, folder / "synthetic.json"
    done = checkpoint.is_file() and read_checkpoint(checkpoint)["step"] >= config["fit"]["steps"]
    if not done:
        measured.unlink(missing_ok=True)
        _training("fit", "--config", path, "--out", folder)
    if not measured.is_file():
        partial = measured.with_suffix(".partial")
        _training(
            "evaluate", checkpoint, "--protocol", "synthetic", "--shards", shards, "--limit", limit, "--json", partial
        )
        partial.rename(measured)
    rows = json.loads(measured.read_text())["tables"]["people"]["rows"]
    rows = {group: {key: _number(value) for key, value in row.items()} for group, row in rows.items()}
    model, _ = load_model(checkpoint)
    cost = head_cost(model, BATCH)
    return {
        **{key: rows["all"][key] for key in ("mpjpe", "pa_mpjpe", "a_mpjpe")},
        "truncated_mpjpe": rows["truncated"]["mpjpe"],
        "truncated_present": rows["truncated"]["mpjpe_present"],
        "training_ms": cost.training_ms,
        "remembered_mb": cost.remembered_bytes / 1e6,
        "head_ms": cost.head_ms,
        "share": 100 * cost.share,
        "parameters": cost.parameters / 1000,
    }


def _training(*arguments: object) -> None:
    subprocess.run([sys.executable, "-m", "training", *(str(argument) for argument in arguments)], check=True)


def _number(value: float | None) -> float:
    return float("nan") if value is None else float(value)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``python -m training compare-heads``."""
    parser.add_argument("--config", type=Path, default=Path("training/configs/heads.yaml"))
    parser.add_argument("--out", type=Path, required=True, help="folder of the runs and of heads.md and heads.json")
    parser.add_argument("--shards", type=Path, help="of the test split; those of the training by default")
    parser.add_argument("--limit", type=int, default=0, help="at most so many test samples; 0 for all")
    parser.add_argument("--steps", type=int, help="instead of the configuration's")


def main(arguments: argparse.Namespace) -> int:
    """Trains and measures every head and writes the table.

    Raises:
        ValueError: if the configuration has no heads.
    """
    config = load_configuration(arguments.config)
    if not config.get("heads"):
        raise ValueError(f"{arguments.config} has no section `heads`: a title and a head section each")
    if arguments.steps:
        config["fit"]["steps"] = arguments.steps
    shards = arguments.shards or Path(config["data"]["train"][0]["shards"])
    rows = {
        title: train_and_measure(with_head(config, title), arguments.out / folder_name(title), shards, arguments.limit)
        for title in config["heads"]
    }
    fit = config["fit"]
    about = (
        f"Synthetic test split (not comparable with Human3.6M): {fit['steps']} steps of {fit['batch']} examples, seed "
        f"{fit.get('seed', 1)}, on {config['model']['backbone']['name']}; times on {platform.machine()}, "
        f"{torch.get_num_threads()} threads, torch {torch.__version__}:"
    )
    table = Table("heads", about, "head", COLUMNS, rows)
    (arguments.out / "heads.md").write_text(table.markdown() + "\n")
    (arguments.out / "heads.json").write_text(json.dumps(table.json(), indent=2) + "\n")
    print(table.markdown())
    return 0
