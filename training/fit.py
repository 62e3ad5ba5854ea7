"""``python -m training fit --config C.yaml --out FOLDER``: trains a network on shards, or on a backbone's cached maps.

The same command trains on a CPU, on one GPU, on several and, started by torchrun or srun, on several machines. It can
be stopped in any way and run again: it goes on to the very curve and weights that it would have come to.
"""

from __future__ import annotations

import argparse
import logging
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import torch

from training.checkpoint import CHECKPOINT, SMALL_CHECKPOINT
from training.configuration import load_configuration
from training.data.batch import Batch
from training.data.features import fill_cache
from training.data.shards import Problems
from training.data.sources import Source, open_source
from training.fitting.fit_settings import FitSettings, build_fabric
from training.fitting.held_memory import hold_memory
from training.fitting.learning_curve import LearningCurve, ProgressLine
from training.fitting.pictures import draw_predictions
from training.fitting.stopping import AGREE_EVERY, Stop
from training.fitting.training_run import Run
from training.fitting.validation import Scores, predict, score

logger = logging.getLogger(__name__)

VALIDATION_BATCH = 32
PICTURED = 4
"""Examples in a picture."""
SCALARS_EVERY = 20
"""Steps between two points of TensorBoard's curves of losses."""


def validate(run: Run, source: Source) -> Scores:
    """Scores of the averaged model on the validation split."""
    batches = source.validation(run.settings.validation_samples, VALIDATION_BATCH)
    return score(predict(run.average.model, batches), run.model.space)


def train(run: Run, source: Source, stop: Stop) -> Scores | None:
    """Trains to the end, or until it must stop; a checkpoint is written either way.

    Returns:
        the scores on the validation split at the end; None if that was not reached, or in all processes but one.
    """
    settings, fabric = run.settings, run.fabric
    curve = LearningCurve(run.out, run.step) if fabric.is_global_zero else None
    scores = None
    saved = before = time.monotonic()
    steps = range(run.step, settings.steps)
    with ProgressLine(run.config["name"], run.step, settings.steps, fabric.is_global_zero) as line:
        for batch in source.training(steps, settings.batch, fabric.global_rank, fabric.world_size):
            losses = run.train_step(batch)
            run.follow(losses)
            now = time.monotonic()
            run.seconds, before = run.seconds + now - before, now
            line.update(run.step, run.smooth["total"])
            last = run.step == settings.steps
            if curve is not None:
                scores = _report(run, source, curve, last)
            stopping = stop.now(run.step)
            if last or stopping or _agreed(run, now - saved > settings.checkpoint_every_s):
                run.save()
                saved = time.monotonic()
            if stopping and not last:
                scores = None
                break
    if curve is not None:
        curve.close()
    return scores


def _agreed(run: Run, wish: bool) -> bool:
    """Whether the first process wishes so: clocks differ, and all must wait together while it writes."""
    if run.fabric.world_size == 1:
        return wish
    return run.step % AGREE_EVERY == 0 and bool(run.fabric.broadcast(wish))


def _report(run: Run, source: Source, curve: LearningCurve, last: bool) -> Scores | None:
    """Notes what is due at this step; gives the scores if they are."""
    settings, scores = run.settings, None
    if run.step % SCALARS_EVERY == 0:
        groups = run.optimizer.param_groups
        rates = {"rate/head": groups[0]["lr"], "rate/backbone_last": groups[-1]["lr"]}
        curve.scalars(run.step, {**{f"loss/{name}": value for name, value in run.smooth.items()}, **rates})
    if run.step % settings.validate_every == 0 or last:
        scores = validate(run, source)
        curve.note(run.step, run.step * settings.batch, run.seconds, run.smooth, scores)
    if settings.pictures_every and run.step % settings.pictures_every == 0:
        few: Iterator[Batch] = islice(source.validation(PICTURED, PICTURED), 1)
        for batch in few:
            crops = None if batch.crops is None else batch.crops.float().cpu().numpy()
            curve.picture(run.step, draw_predictions(crops, predict(run.average.model, [batch]), run.model.space))
    return scores


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``python -m training fit``."""
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True, help="folder of the checkpoint and the learning curve")
    parser.add_argument("--start-from", type=Path, help="instead of the configuration's")
    parser.add_argument("--threads", type=int, default=0, help="CPU threads; 0 leaves it to torch")
    parser.add_argument("--steps", type=int, help="instead of the configuration's")
    parser.add_argument("--devices", help="processes a machine, instead of the configuration's")
    parser.add_argument(
        "--time-limit-minutes", type=float, help="stop in order after so long; the same command then goes on"
    )
    parser.add_argument(
        "--small-checkpoint", action="store_true", help=f"also write {SMALL_CHECKPOINT}: fp16 weights, enough to export"
    )


def main(arguments: argparse.Namespace) -> int:
    """Trains, or goes on where a stopped or killed run was.

    Returns:
        0 when done or when the time limit was reached, 128 + the signal's number if a signal ended it.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", datefmt="%H:%M:%S")
    hold_memory()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    config = load_configuration(arguments.config)
    for name, value in (("steps", arguments.steps), ("devices", arguments.devices)):
        if value:
            config["fit"][name] = value
    fabric = build_fabric(FitSettings.from_configuration(config["fit"]))
    fabric.launch()
    # Crops and batches are always as large: which of cuDNN's ways is quickest is worth finding out.
    torch.backends.cudnn.benchmark = fabric.device.type == "cuda"
    stop = Stop(fabric, arguments.time_limit_minutes)
    if "cache" in config["data"] and fabric.is_global_zero:
        # What is cached already is enough where the shards are elsewhere. A signal ends this at once: nothing is lost.
        fill_cache(config, ("train", "validation"), torch.get_num_threads(), as_far_as_there=True)
    fabric.barrier()
    with stop:
        arguments.out.mkdir(parents=True, exist_ok=True)
        start = arguments.start_from or config["fit"].get("start_from")
        untrained = start is None and not (arguments.out / CHECKPOINT).is_file()
        run, problems = Run(config, arguments.out, fabric, with_weights=untrained), Problems()
        if run.resume():
            logger.info("going on from step %d", run.step)
        elif start:
            run.start_from(Path(start))
            logger.info("starting from the weights of %s", start)
        source = open_source(config["data"], run.model, run.settings.seed, fabric.device, problems)
        if fabric.is_global_zero:
            logger.info("%s; %d processes, %s", source, fabric.world_size, fabric.device)
        scores = train(run, source, stop)
    if arguments.small_checkpoint:
        run.save_small()
    if fabric.is_global_zero:
        where = f"{arguments.out / CHECKPOINT}: step {run.step} of {run.settings.steps}"
        if stop.reason and run.step < run.settings.steps:
            print(f"{where}, stopped by {stop.reason}; the same command goes on from here")
        elif scores is not None:
            print(f"{where}; validation MPJPE {scores.mpjpe:.1f} mm, PA-MPJPE {scores.pa_mpjpe:.1f} mm; {problems}")
        else:
            print(f"{where}: nothing was left to do")
    return stop.status if run.step < run.settings.steps else 0
