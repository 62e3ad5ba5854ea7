"""How a run goes: curve.csv, TensorBoard and the log."""

from __future__ import annotations

import csv
import logging
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from torch.utils.tensorboard import SummaryWriter

from training.fitting.validation import Scores

logger = logging.getLogger(__name__)

CURVE = "curve.csv"
LOG_EVERY_S = 60.0
"""Seconds between two lines of the log where no progress bar can be shown."""


class LearningCurve:
    """Writes what is known at a step; what a killed run wrote after its last checkpoint is taken back.

    Args:
        out: folder of ``curve.csv`` and of TensorBoard's files.
        step: at which the run goes on.
    """

    def __init__(self, out: Path, step: int) -> None:
        self.path = out / CURVE
        self._forget_after(step)
        self.board = SummaryWriter(str(out / "tensorboard"), purge_step=step + 1)

    def _forget_after(self, step: int) -> None:
        if not self.path.is_file():
            return
        with self.path.open(newline="") as file:
            rows = list(csv.reader(file))
        # The last line may be cut off.
        kept = [row for row in rows[1:] if len(row) == len(rows[0]) and int(row[0]) <= step]
        partial = self.path.with_suffix(".partial")
        with partial.open("w", newline="") as file:
            csv.writer(file).writerows([*rows[:1], *kept] if kept else [])
        partial.rename(self.path)

    def note(self, step: int, examples: int, seconds: float, losses: dict[str, float], scores: Scores) -> None:
        """Adds a row."""
        row: dict[str, Any] = {"step": step, "examples": examples, "seconds": round(seconds)}
        row |= {f"loss_{name}": round(value, 5) for name, value in sorted(losses.items())}
        row |= {name: round(value, 2) for name, value in asdict(scores).items()}
        fresh = not self.path.is_file() or not self.path.stat().st_size
        with self.path.open("a", newline="") as file:
            writer = csv.DictWriter(file, list(row))
            if fresh:
                writer.writeheader()
            writer.writerow(row)
        for name, value in asdict(scores).items():
            self.board.add_scalar(f"validation/{name}", value, step)
        self.board.flush()
        logger.info(
            "step %d (%.0f s): loss %.4f; validation MPJPE %.1f, PA %.1f, A %.0f mm, root %.1f %%, 2D %.2f px",
            step, seconds, losses["total"], scores.mpjpe, scores.pa_mpjpe, scores.a_mpjpe, scores.root_percent,
            scores.px,
        )  # fmt: skip

    def scalars(self, step: int, values: dict[str, float]) -> None:
        """Adds numbers to TensorBoard, by name."""
        for name, value in values.items():
            self.board.add_scalar(name, value, step)

    def picture(self, step: int, image: npt.NDArray[np.uint8]) -> None:
        """Adds a picture (H, W, 3) RGB of predictions to TensorBoard."""
        self.board.add_image("predictions", image, step, dataformats="HWC")

    def close(self) -> None:
        """Writes what is not written yet."""
        self.board.close()


class ProgressLine:
    """A progress bar with the time left, or lines in the log where there is no terminal. Use as a context.

    Args:
        name: of the run.
        step: at which it goes on.
        steps: of the whole run.
        shown: false in all processes but one.
    """

    def __init__(self, name: str, step: int, steps: int, shown: bool) -> None:
        self.step, self.steps, self.shown = step, steps, shown
        self._bar = Progress(
            TextColumn("[progress.description]{task.description}"), BarColumn(), MofNCompleteColumn(),
            TimeElapsedColumn(), TimeRemainingColumn(), TextColumn("{task.fields[state]}"), disable=not shown,
        )  # fmt: skip
        self._task = self._bar.add_task(name, total=steps, completed=step, state="")
        self._since, self._logged_step = time.monotonic(), step

    def __enter__(self) -> ProgressLine:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def update(self, step: int, loss: float) -> None:
        """Shows that a step is done."""
        self._bar.update(self._task, completed=step, state=f"loss {loss:.3f}")
        passed = time.monotonic() - self._since
        if self.shown and not self._bar.console.is_terminal and passed > LOG_EVERY_S:
            rate = (step - self._logged_step) / passed
            logger.info(
                "step %d of %d, loss %.4f, %.2f steps/s, %.0f min left",
                step, self.steps, loss, rate, (self.steps - step) / max(rate, 1e-9) / 60,
            )  # fmt: skip
            self._since, self._logged_step = time.monotonic(), step
