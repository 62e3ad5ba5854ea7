"""Whether a model knows how wrong it is: how often errors are within what it states, and how likely within 150 mm."""

from __future__ import annotations

import itertools

import numpy as np

from metric_pose_ros.pose_network import CONFIDENT_WITHIN_MM, probability_within
from training.evaluation.metrics import Floats, centred
from training.evaluation.people import Mask, People
from training.evaluation.tables import Column, Table

STD_STEPS_MM = (0, 20, 30, 40, 60, 80, 120, 200, 400)
CONFIDENCE_STEPS = (0.0, 0.2, 0.4, 0.6, 0.8, 0.9, 0.95, 1.0)


def within_percent(people: People, deviations: float) -> float:
    """Percent of known coordinates that are off by at most so many stated standard deviations.

    For a Gaussian 68.3 of one and 95.4 of two.
    """
    off, std = coordinate_errors(people)
    return float(100 * (np.abs(off) <= deviations * std).mean()) if off.size else float("nan")


def reliability(people: People) -> list[Table]:
    """Two tables: coordinates by their stated standard deviation, and joints by their stated confidence."""
    off, std = coordinate_errors(people)
    by_std = {
        _span(low, high, " mm"): _deviation_row(off[chosen], std[chosen])
        for low, high, chosen in _bins(std, (*STD_STEPS_MM, np.inf))
    }
    by_std = {"all": _deviation_row(off, std)} | by_std
    known, stated, actual = _confidences(people)
    by_confidence = {
        _span(100 * low, 100 * high, " %"): _confidence_row(stated[chosen], actual[chosen])
        for low, high, chosen in _bins(stated, CONFIDENCE_STEPS)
    }
    by_confidence = {"all": _confidence_row(stated, actual)} | by_confidence
    return [
        Table(
            "reliability",
            "Coordinates by the standard deviation that the model states, poses centred "
            "(a Gaussian has 68.3 % within one and 95.4 % within two):",
            "stated std",
            (
                Column("count", "coordinates", 0),
                Column("stated", "stated std, RMS, mm"),
                Column("actual", "error, RMS, mm"),
                Column("within_one", "within 1 std %"),
                Column("within_two", "within 2 std %"),
            ),
            by_std,
        ),
        Table(
            "confidence",
            f"Joints by the stated probability of being within {CONFIDENT_WITHIN_MM:.0f} mm, poses centred "
            f"({int(known.sum())} joints):",
            "confidence",
            (Column("count", "joints", 0), Column("stated", "stated %"), Column("actual", "within 150 mm %")),
            by_confidence,
        ),
    ]


def coordinate_errors(people: People) -> tuple[Floats, Floats]:
    """(M,) errors of known coordinates, and the stated deviations of those."""
    known = _known(people)
    off = centred(people.found_mm, known) - centred(people.true_mm, known)
    return off[known].ravel(), people.std_mm[known].ravel()


def _known(people: People) -> Mask:
    return np.asarray(np.isfinite(people.true_mm).all(axis=-1))


def _confidences(people: People) -> tuple[Mask, Floats, Mask]:
    """(N, J) which joints are known, and of those (M,) the stated confidence and whether it was right."""
    known = _known(people)
    off = np.linalg.norm(centred(people.found_mm, known) - centred(people.true_mm, known), axis=-1)[known]
    return known, probability_within(CONFIDENT_WITHIN_MM, people.std_mm)[known], np.asarray(off < CONFIDENT_WITHIN_MM)


def _bins(values: Floats, steps: tuple[float, ...]) -> list[tuple[float, float, Mask]]:
    """(low, high, mask) of each span that holds any value; the last one holds its upper end, too."""
    found = []
    for low, high in itertools.pairwise(steps):
        chosen = (values >= low) & ((values < high) | (high == steps[-1]))
        if chosen.any():
            found.append((low, high, chosen))
    return found


def _span(low: float, high: float, unit: str) -> str:
    return f"over {low:g}{unit}" if np.isinf(high) else f"{low:g} to {high:g}{unit}"


def _deviation_row(off: Floats, std: Floats) -> dict[str, float]:
    return {
        "count": float(len(off)),
        "stated": float(np.sqrt((std**2).mean())),
        "actual": float(np.sqrt((off**2).mean())),
        "within_one": float(100 * (np.abs(off) <= std).mean()),
        "within_two": float(100 * (np.abs(off) <= 2 * std).mean()),
    }


def _confidence_row(stated: Floats, actual: Mask) -> dict[str, float]:
    return {"count": float(len(stated)), "stated": float(100 * stated.mean()), "actual": float(100 * actual.mean())}
