"""``python -m training evaluate MODEL``: measures an exported model or a checkpoint with the synthetic protocol.

An exported model runs in ONNX Runtime, so the numbers are those of the file that a robot loads. With ``--card`` they
are written into the model card beside it. A checkpoint is not calibrated yet: sizes and uncertainty are as trained.
"""

from __future__ import annotations

import argparse
import json
import logging
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from rich.progress import track

from metric_pose_ros.skeleton import SKELETONS, Skeleton
from training.data.shards import Problems, Sample, read_samples, shard_paths
from training.evaluation.synthetic import Arrays, markdown_table, score_groups
from training.fit import load_model
from training.model_card import write_card
from training.model_file import PoseFile

logger = logging.getLogger(__name__)

BATCH = 4
Predict = Callable[[npt.NDArray[np.float32], npt.NDArray[np.float32]], Arrays]


def open_model(path: Path, threads: int) -> tuple[Predict, Skeleton]:
    """What turns crops (N, 3, S, S) and intrinsics (N, 3, 3) into outputs by name, and the skeleton of those.

    Args:
        path: an exported ``.onnx`` or a ``.ckpt``.
        threads: of the CPU.

    Raises:
        ValueError: for another kind of file, or a model whose joints are no known skeleton.
    """
    if path.suffix == ".onnx":
        file = PoseFile(path, threads)
        names = tuple(file.metadata.get("joints", ()))
        known = [skeleton for skeleton in SKELETONS.values() if skeleton.names == names]
        if not known:
            raise ValueError(f"{path} has the joints {names}: no skeleton that the synthetic people have")
        return file.run, known[0]
    if path.suffix != ".ckpt":
        raise ValueError(f"{path} is neither an exported .onnx nor a .ckpt")
    model, _ = load_model(path)

    def predict(crops: npt.NDArray[np.float32], intrinsics: npt.NDArray[np.float32]) -> Arrays:
        with torch.no_grad():
            output = model(torch.from_numpy(crops), torch.from_numpy(intrinsics))
        return {name: value.numpy() for name, value in output._asdict().items()}

    return predict, model.skeleton


def predict_samples(predict: Predict, samples: list[Sample]) -> Arrays:
    """The outputs for samples, by name."""
    parts: list[Arrays] = []
    for start in track(range(0, len(samples), BATCH), description="predicting"):
        batch = samples[start : start + BATCH]
        crops = np.stack([sample.image.transpose(2, 0, 1) for sample in batch]).astype(np.float32) / np.float32(255)
        parts.append(predict(crops, np.stack([sample.intrinsics for sample in batch])))
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def truth_of(samples: list[Sample]) -> Arrays:
    """The labels of samples, by name."""
    return {name: np.stack([getattr(s, name) for s in samples]) for name in ("joints_mm", "joints_px", "visibility")}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``python -m training evaluate``."""
    parser.add_argument("model", type=Path, help="an exported .onnx or a .ckpt")
    parser.add_argument("--shards", type=Path, default=Path("out/shards"))
    parser.add_argument("--split", default="test", choices=("train", "validation", "test"))
    parser.add_argument("--limit", type=int, default=0, help="at most so many samples, evenly chosen; 0 for all")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", type=Path, help="also write the scores here")
    parser.add_argument("--card", action="store_true", help="write the model card beside the exported model")


def main(arguments: argparse.Namespace) -> int:
    """Measures a model and prints the table."""
    predict, skeleton = open_model(arguments.model, arguments.threads)
    problems = Problems()
    samples = list(read_samples(shard_paths(arguments.shards, arguments.split), problems))
    if arguments.limit and len(samples) > arguments.limit:
        samples = [samples[i] for i in np.linspace(0, len(samples) - 1, arguments.limit).astype(int)]
    if not samples:
        logger.error("no readable sample in the %s shards of %s: %s", arguments.split, arguments.shards, problems)
        return 1
    facts: list[dict[str, Any]] = [sample.facts for sample in samples]
    rows = score_groups(predict_samples(predict, samples), truth_of(samples), facts, skeleton)
    print(f"{arguments.model}, synthetic {arguments.split} split; {problems}\n\n{markdown_table(rows)}")
    if arguments.json:
        arguments.json.write_text(json.dumps({name: asdict(scores) for name, scores in rows.items()}, indent=2))
    if arguments.card:
        print(f"\n{write_card(arguments.model, rows, arguments.split)}")
    return 0
