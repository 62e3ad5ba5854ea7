"""``python -m training fit --config C.yaml``: trains a head on the cached maps of a frozen trunk.

Everything random is drawn from (seed, step), so a run that was killed goes on from its last checkpoint exactly as if
nothing had happened. Lightning Fabric brings devices and precision; several processes share each batch between them.
"""

from __future__ import annotations

import argparse
import csv
import logging
import math
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from torch import Tensor
from torch.optim.swa_utils import AveragedModel

from training.configuration import load_configuration
from training.data.features import FeatureCache
from training.devices import Fabric
from training.evaluation.synthetic import Scores, score
from training.losses import LossWeights, Target, pose_losses
from training.networks.metrabs import MetrabsHead
from training.networks.placement import place
from training.networks.pose_model import PoseModel, build_model

logger = logging.getLogger(__name__)

CHECKPOINT = "last.ckpt"
Tensors = tuple[Tensor, ...] | list[Tensor]


class Run:
    """One training run: model, average, optimizer and how far they are.

    Args:
        config: see training/configs.
        out: folder of the checkpoint and the learning curve.
        fabric: devices and precision.
    """

    def __init__(self, config: dict[str, Any], out: Path, fabric: Fabric) -> None:
        self.config, self.fit, self.out, self.fabric = config, config["fit"], out, fabric
        torch.manual_seed(self.fit["seed"])
        self.model = build_model(config["model"], config["data"]["trunks"])
        self.average = AveragedModel(
            self.model.head, multi_avg_fn=running_average(self.fit["average"]), use_buffers=True
        )
        optimizer = torch.optim.AdamW(
            self.model.head.parameters(), lr=self.fit["learning_rate"], weight_decay=self.fit["weight_decay"]
        )
        # Depthwise convolutions train twice as fast on a CPU with the channels last.
        self.model.head = self.model.head.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.head, self.optimizer = fabric.setup(self.model.head, optimizer)
        self.average.to(fabric.device)
        self.weights = LossWeights(**self.fit.get("losses", {}))
        self.step = 0

    def train_step(self, taps: dict[str, Tensor], target: Target) -> dict[str, float]:
        """One step of the optimizer.

        Returns:
            the losses by name.
        """
        for group in self.optimizer.param_groups:
            group["lr"] = self.fit["learning_rate"] * self.schedule()
        generator = torch.Generator().manual_seed(self.fit["seed"] * 1_000_003 + self.step)
        mix = torch.rand(len(target.has_3d), 1, 1, generator=generator).to(self.fabric.device)
        self.head.train()
        output = self.head(taps)
        with_absolute = self.step >= self.fit["absolute_after"] * self.fit["steps"]
        losses = pose_losses(output, target, self.model.head.geometry, self.weights, mix, with_absolute)
        self.optimizer.zero_grad()
        self.fabric.backward(losses["total"])
        self.fabric.clip_gradients(self.head, self.optimizer, max_norm=self.fit["clip_gradient"])
        self.optimizer.step()
        self.average.update_parameters(self.model.head)
        self.step += 1
        return {name: float(loss.detach()) for name, loss in losses.items()}

    def schedule(self) -> float:
        """The factor on the learning rate at this step: a linear start, then half a cosine down to a hundredth."""
        warm = min(1.0, (self.step + 1) / self.fit["warmup"])
        return warm * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * self.step / self.fit["steps"])))

    def save(self) -> None:
        """Writes the checkpoint; a kill at any moment leaves the old or the new one."""
        path = self.out / CHECKPOINT
        partial = path.with_suffix(".partial")
        state = {
            "config": self.config,
            "step": self.step,
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }
        self.fabric.save(partial, state)
        if self.fabric.is_global_zero:
            partial.rename(path)

    def resume(self) -> bool:
        """Goes on from the checkpoint if there is one."""
        path = self.out / CHECKPOINT
        if not path.is_file():
            return False
        state = torch.load(path, weights_only=True, map_location=self.fabric.device)
        self.model.load_state_dict(state["model"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step = state["step"]
        return True


def running_average(decay: float) -> Callable[[Tensors, Tensors, Tensor | int], None]:
    """An exponential running average that soon forgets its first, random values: the decay rises to `decay`."""

    @torch.no_grad()
    def update(averages: Tensors, values: Tensors, count: Tensor | int) -> None:
        share = 1 - min(decay, (1 + int(count)) / (10 + int(count)))
        for average, value in zip(averages, values, strict=True):
            if average.is_floating_point():
                average.lerp_(value, share)
            else:
                average.copy_(value)

    return update


def start_from(run: Run, checkpoint: Path) -> None:
    """Takes the averaged weights of another run of the same model, and nothing else of it."""
    model, _ = load_model(checkpoint)
    run.model.load_state_dict(model.state_dict())
    run.average.module.load_state_dict(model.head.state_dict())


def load_model(checkpoint: Path) -> tuple[PoseModel, dict[str, Any]]:
    """The averaged model of a checkpoint, and its configuration with ``step`` added.

    Raises:
        FileNotFoundError: if there is no such file.
    """
    state = torch.load(checkpoint, weights_only=True, map_location="cpu")
    model = build_model(state["config"]["model"])
    model.load_state_dict(state["model"])
    head = {name.removeprefix("module."): value for name, value in state["average"].items() if name != "n_averaged"}
    model.head.load_state_dict(head)
    return model.eval(), {**state["config"], "step": state["step"]}


def rows_of_step(step: int, batch: int, count: int, seed: int) -> npt.NDArray[np.intp]:
    """Which rows make the batch of a step: every epoch is a new permutation, drawn from the seed and its number."""
    positions = step * batch + np.arange(batch)
    epochs = positions // count
    orders = {epoch: np.random.default_rng((seed, int(epoch))).permutation(count) for epoch in np.unique(epochs)}
    return np.array(
        [orders[epoch][position % count] for epoch, position in zip(epochs, positions, strict=True)], np.intp
    )


def batch_of(cache: FeatureCache, rows: npt.NDArray[np.intp]) -> tuple[dict[str, Tensor], Target]:
    """The taps and the truth of some rows."""
    labels = {name: torch.from_numpy(values[rows]) for name, values in cache.labels.items()}
    taps = {tap: maps.contiguous(memory_format=torch.channels_last) for tap, maps in cache.maps(rows).items()}
    return taps, Target(
        joints_mm=labels["joints_mm"],
        joints_px=labels["joints_px"],
        intrinsics=labels["intrinsics"],
        known=labels["visibility"] > 0,
        has_3d=torch.ones(len(rows), dtype=torch.bool),
    )


def batches(cache: FeatureCache, run: Run) -> Iterator[tuple[dict[str, Tensor], Target]]:
    """The batches from the run's step to its end, this process's share of each; the next is read while one is used."""
    fit, fabric = run.fit, run.fabric

    def load(step: int) -> tuple[dict[str, Tensor], Target]:
        rows = rows_of_step(step, fit["batch"], len(cache), fit["seed"])[fabric.global_rank :: fabric.world_size]
        return batch_of(cache, rows)

    with ThreadPoolExecutor(1) as pool:
        pending = pool.submit(load, run.step)
        for step in range(run.step, fit["steps"]):
            taps, target = pending.result()
            if step + 1 < fit["steps"]:
                pending = pool.submit(load, step + 1)
            moved = Target(**{name: value.to(fabric.device) for name, value in vars(target).items()})
            yield {tap: maps.to(fabric.device) for tap, maps in taps.items()}, moved


@torch.no_grad()
def predict_rows(head: torch.nn.Module, cache: FeatureCache, rows: npt.NDArray[np.intp]) -> dict[str, npt.NDArray[Any]]:
    """``joints2d``, ``relative``, ``absolute`` and ``spread`` of some rows, by a head in evaluation mode."""
    assert isinstance(head, MetrabsHead)
    head.eval()
    device, geometry = next(head.parameters()).device, head.geometry
    found: dict[str, list[npt.NDArray[Any]]] = {"joints2d": [], "relative": [], "absolute": [], "spread": []}
    for start in range(0, len(rows), 64):
        chunk = rows[start : start + 64]
        output = head({tap: maps.to(device) for tap, maps in cache.maps(chunk).items()})
        intrinsics = torch.from_numpy(cache.labels["intrinsics"][chunk]).to(device)
        absolute = place(output.joints2d, output.relative, intrinsics, geometry.crop_side, geometry.stride)
        for name, value in (*output._asdict().items(), ("absolute", absolute)):
            found[name].append(value.cpu().numpy())
    return {name: np.concatenate(parts) for name, parts in found.items()}


def validate(run: Run, cache: FeatureCache, limit: int) -> Scores:
    """Scores of the averaged head on evenly chosen rows."""
    rows = np.linspace(0, len(cache) - 1, min(limit, len(cache))).astype(np.intp)
    found = predict_rows(run.average.module, cache, rows)
    found["std"] = found.pop("spread")
    return score(found, {name: values[rows] for name, values in cache.labels.items()}, run.model.skeleton)


def train(run: Run, training: FeatureCache, validation: FeatureCache) -> Scores:
    """Trains to the end.

    Returns:
        the scores on the validation split at the end.
    """
    fit, started = run.fit, time.monotonic()
    columns = ("[progress.description]{task.description}",)
    progress = Progress(
        TextColumn(columns[0]), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn(),
        TextColumn("{task.fields[state]}"), disable=not run.fabric.is_global_zero,
    )  # fmt: skip
    smooth: dict[str, float] = {}
    saved = time.monotonic()
    with progress:
        task = progress.add_task(run.config["name"], total=fit["steps"], completed=run.step, state="")
        for taps, target in batches(training, run):
            losses = run.train_step(taps, target)
            smooth = {name: 0.98 * smooth.get(name, value) + 0.02 * value for name, value in losses.items()}
            progress.update(task, completed=run.step, state=f"loss {smooth['total']:.3f}")
            if run.step % fit["validate_every"] == 0 or run.step == fit["steps"]:
                scores = validate(run, validation, fit["validation_rows"])
                _note(run, smooth, scores, time.monotonic() - started)
            if time.monotonic() - saved > fit["checkpoint_every_s"] or run.step == fit["steps"]:
                run.save()
                saved = time.monotonic()
    return validate(run, validation, fit["validation_rows"])


def _note(run: Run, losses: dict[str, float], scores: Scores, seconds: float) -> None:
    """Adds a row to the learning curve, curve.csv, and says it."""
    row = {"step": run.step, "examples": run.step * run.fit["batch"], "seconds": round(seconds)}
    row |= {f"loss_{name}": round(value, 5) for name, value in losses.items()}
    row |= {name: round(value, 2) for name, value in asdict(scores).items()}
    if not run.fabric.is_global_zero:
        return
    path = run.out / "curve.csv"
    fresh = not path.is_file()
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, list(row))
        if fresh:
            writer.writeheader()
        writer.writerow(row)
    logger.info(
        "step %d (%.0f s): loss %.4f; validation MPJPE %.1f, PA %.1f, A %.0f mm, root %.1f %%, 2D %.2f px",
        run.step, seconds, losses["total"], scores.mpjpe, scores.pa_mpjpe, scores.a_mpjpe, scores.root_percent,
        scores.px,
    )  # fmt: skip


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``python -m training fit``."""
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True, help="folder of the checkpoint and the learning curve")
    parser.add_argument("--start-from", type=Path, help="checkpoint whose weights to begin with")
    parser.add_argument("--threads", type=int, default=0, help="CPU threads; 0 leaves it to torch")
    parser.add_argument("--steps", type=int, help="instead of the configuration's")


def main(arguments: argparse.Namespace) -> int:
    """Trains, or goes on where a killed run stopped."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", datefmt="%H:%M:%S")
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    config = load_configuration(arguments.config)
    if arguments.steps:
        config["fit"]["steps"] = arguments.steps
    fabric = Fabric(**config["fit"].get("fabric", {"accelerator": "auto", "devices": 1, "precision": "32-true"}))
    fabric.launch()
    arguments.out.mkdir(parents=True, exist_ok=True)
    run = Run(config, arguments.out, fabric)
    if run.resume():
        logger.info("going on from step %d", run.step)
    elif arguments.start_from:
        start_from(run, arguments.start_from)
    folder, taps = Path(config["data"]["cache"]), tuple(config["model"]["taps"])
    training, validation = FeatureCache(folder, "train", taps), FeatureCache(folder, "validation", taps)
    logger.info("%d rows to train on, %d to validate", len(training), len(validation))
    scores = train(run, training, validation)
    print(f"{arguments.out / CHECKPOINT}: validation MPJPE {scores.mpjpe:.1f} mm, PA-MPJPE {scores.pa_mpjpe:.1f} mm")
    return 0
