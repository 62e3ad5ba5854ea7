"""A picture of whether a model knows how wrong it is: shares of errors inside so many stated deviations, and errors by
stated deviation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from scipy.special import erf

from training.evaluation.calibration_report import coordinate_errors
from training.evaluation.people import Floats, People

_DEVIATIONS = np.linspace(0, 3, 61)
_BINS = 12
_FEWEST = 50
"""Coordinates that a point of the right-hand curve rests on, at least."""


def draw_reliability(groups: dict[str, People], path: Path, title: str) -> None:
    """Writes a PNG with two diagrams; a model that knows itself lies on the grey lines of both.

    Args:
        groups: of people, such as all, whole and truncated; empty ones are left out.
        path: of the picture.
        title: above it.
    """
    figure = Figure(figsize=(10, 4.6), layout="constrained")
    FigureCanvasAgg(figure)
    shares, sizes = figure.subplots(1, 2)
    shares.plot(_DEVIATIONS, 100 * erf(_DEVIATIONS / np.sqrt(2)), color="0.6", linewidth=4, label="Gaussian")
    largest = 1.0
    for name, people in groups.items():
        off, std = coordinate_errors(people)
        if not off.size:
            continue
        ratio = np.sort(np.abs(off) / std)
        inside = 100 * np.searchsorted(ratio, _DEVIATIONS, side="right") / len(ratio)
        one, two = (100 * float((ratio <= count).mean()) for count in (1, 2))
        shares.plot(_DEVIATIONS, inside, label=f"{name}: {one:.0f} % / {two:.0f} %")
        stated, actual = _by_stated(off, std)
        sizes.plot(stated, actual, marker="o", label=name)
        largest = max(largest, float(np.max([*stated, *actual])))
    for deviations in (1, 2):
        shares.axvline(deviations, color="0.85", zorder=0)
    shares.set(xlabel="stated standard deviations", ylabel="errors inside, %", xlim=(0, 3), ylim=(0, 100))
    shares.legend(title="inside 1 / 2 std", loc="lower right")
    sizes.plot([0, largest], [0, largest], color="0.6", linewidth=4, zorder=0)
    sizes.set(xlabel="stated standard deviation, mm", ylabel="68 % of errors are below, mm")
    sizes.set(xlim=(0, largest), ylim=(0, largest))
    sizes.legend(loc="upper left")
    figure.suptitle(title)
    figure.savefig(path, dpi=100)


def _by_stated(off: Floats, std: Floats) -> tuple[list[float], list[float]]:
    """Coordinates in bins of about as many, by stated deviation: its mean, and what 68.3 % of the errors are below."""
    order = np.argsort(std)
    parts = np.array_split(order, max(1, min(_BINS, len(order) // _FEWEST)))
    return (
        [float(std[part].mean()) for part in parts],
        [float(np.quantile(np.abs(off[part]), 0.6827)) for part in parts],
    )
