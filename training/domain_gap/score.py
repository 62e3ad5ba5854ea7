"""From what witnesses say to tables: one row a witness, then by clip."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from training.domain_gap.clips import Clip
from training.domain_gap.measures import (
    BODY,
    agree,
    asymmetry_percent,
    disproportion_percent,
    height,
    hips_aligned,
    hips_middle,
    jitter_mm,
    torso_size,
    variation_percent,
)
from training.domain_gap.witnesses import MEDIAPIPE, TRUTH, Seen, Testimony
from training.evaluation.metrics import centred, joint_errors, mean, median, procrustes_aligned
from training.evaluation.tables import Column, Table

Floats = npt.NDArray[np.floating]
Values = dict[str, Floats]
"""Measure -> a value for each frame, joint or person."""

_FEWEST_FRAMES = 10
"""Of a person, to say how much bones vary and joints tremble."""

_HIM = 0.5
"""Share of joints that must be where the truth has them in the image; else somebody else was looked at, who stands in
the way in a third of the crops."""

STEREO = (
    Column("crops", "crops", 0),
    Column("mpjpe", "MPJPE mm"),
    Column("mpjpe_median", "median"),
    Column("pa_mpjpe", "PA-MPJPE mm"),
    Column("position", "position off, % of distance"),
    Column("position_median", "median"),
    Column("nearer", "too far, median %"),
    Column("pck_truth", "2D as the truth %"),
    Column("saw", "looked at him %"),
    Column("mpjpe_saw", "MPJPE of those mm"),
    Column("within_one_std", "within 1 std %"),
    Column("within_two_std", "within 2 std %"),
)
BY_ITSELF = (
    Column("pck_mediapipe", "2D as MediaPipe %"),
    Column("asymmetry", "left/right differ %"),
    Column("disproportion", "limbs off proportion %"),
    Column("height", "height m", 2),
    Column("variation", "limbs vary %"),
    Column("jitter", "jitter mm/frame²"),
    Column("jitter_smooth", "tracked"),
    Column("place_jitter", "jitter of the place"),
    Column("place_jitter_smooth", "tracked"),
)
_REDUCTIONS: dict[str, Callable[[Floats], float]] = {
    "crops": lambda values: float(len(values)),
    "mpjpe_median": median,
    "position_median": median,
    "nearer": median,
    "height": median,
}
"""How values become one; the mean where nothing is said."""


def tables(clips: list[Clip], told: list[Testimony]) -> list[Table]:
    """Everything, the summary of all clips first.

    Args:
        clips: that were looked at.
        told: what was said of each.
    """
    witnesses = list(dict.fromkeys(name for testimony in told for name in testimony))
    values = {
        (clip.name, name): _person_by_person(clip, testimony, name)
        for clip, testimony in zip(clips, told, strict=True)
        for name in testimony
    }

    def rows(columns: tuple[Column, ...], group: Callable[[Clip], str | None]) -> dict[str, dict[str, float]]:
        found: dict[str, dict[str, float]] = {}
        for label in dict.fromkeys(group(clip) for clip in clips):
            for name in witnesses:
                mine = [
                    values[clip.name, name] for clip in clips if group(clip) == label and (clip.name, name) in values
                ]
                if label is not None and mine:
                    found[f"{name}{label}"] = _row(mine, columns)
        return found

    stereo = rows(STEREO, lambda clip: "" if clip.truth is not None else None)
    views = rows(STEREO, lambda clip: f", {clip.name.split()[-1]}" if clip.truth is not None else None)
    return [
        Table(
            "stereo",
            "A man in four calibrated views (PyPI pose2sim), each view's skeleton in its camera's frame beside the "
            "triangulated one; 12 joints below the head, hips aligned unless it says position. He was looked at where "
            "half of his joints are right in 2D:",
            "witness",
            STEREO,
            _without_truth(stereo),
        ),
        Table(
            "plausibility",
            "All clips; jitter is the second difference of joints about the hips, and of the hips' middle:",
            "witness",
            BY_ITSELF,
            _without_truth(rows(BY_ITSELF, lambda clip: "")),
        ),
        Table("views", "The calibrated views one by one:", "witness, view", STEREO, _without_truth(views)),
        Table(
            "clips",
            "The clips one by one:",
            "witness, clip",
            BY_ITSELF,
            rows(BY_ITSELF, _group),
        ),
    ]


def _group(clip: Clip) -> str:
    return f", {clip.group} ({clip.rate_hz:.0f} Hz)" if clip.rate_hz else f", {clip.group}"


def _without_truth(rows: dict[str, dict[str, float]]) -> dict[str, dict[str, float]]:
    return {name: row for name, row in rows.items() if not name.startswith(TRUTH)}


def _row(people: list[list[Values]], columns: tuple[Column, ...]) -> dict[str, float]:
    parts = [person for clip in people for person in clip]
    row = {}
    for column in columns:
        found = [part[column.key] for part in parts if column.key in part]
        row[column.key] = _REDUCTIONS.get(column.key, mean)(np.concatenate(found)) if found else float("nan")
    return row


def _person_by_person(clip: Clip, testimony: Testimony, name: str) -> list[Values]:
    mediapipe = testimony.get(MEDIAPIPE, [None] * len(clip.people))
    return [
        _by_itself(seen, clip) | _beside_mediapipe(seen, other, clip) | _beside_truth(seen, clip)
        for seen, other in zip(testimony[name], mediapipe, strict=True)
    ]


def _by_itself(seen: Seen, clip: Clip) -> Values:
    """Whether bodies are as bodies are, and stay so; of pictures, nothing."""
    if len(seen.poses) < _FEWEST_FRAMES:
        return {}
    found = {
        "asymmetry": asymmetry_percent(seen.poses),
        "disproportion": np.array([disproportion_percent(seen.poses)]),
        "height": np.array([height(seen.poses)]),
        "variation": np.array([variation_percent(seen.poses)]),
        "jitter": np.array([jitter_mm(hips_aligned(seen.poses)[:, BODY])]),
        "place_jitter": np.array([jitter_mm(hips_middle(seen.poses))]),
    }
    if seen.smooth is not None:
        found["jitter_smooth"] = np.array([jitter_mm(hips_aligned(seen.smooth)[:, BODY])])
        found["place_jitter_smooth"] = np.array([jitter_mm(hips_middle(seen.smooth))])
    return found


def _beside_mediapipe(seen: Seen, mediapipe: Seen | None, clip: Clip) -> Values:
    """Of joints that MediaPipe sees in the image."""
    if mediapipe is None or mediapipe is seen or mediapipe.sure is None:
        return {}
    inside = np.all((mediapipe.points >= 0) & (mediapipe.points < [clip.camera.width, clip.camera.height]), axis=-1)
    same = agree(seen.points, mediapipe.points, torso_size(mediapipe.points))
    return {"pck_mediapipe": 100.0 * same[mediapipe.sure & inside]}


def _beside_truth(seen: Seen, clip: Clip) -> Values:
    if clip.truth is None:
        return {}
    true = clip.truth
    errors = joint_errors(hips_aligned(seen.poses), hips_aligned(true))[:, BODY].mean(axis=1)
    turned = joint_errors(procrustes_aligned(seen.poses[:, BODY], true[:, BODY]), true[:, BODY])
    place, true_place = hips_middle(seen.poses), hips_middle(true)
    distance = np.linalg.norm(true_place, axis=1)
    off = np.linalg.norm(place - true_place, axis=1)
    points = clip.camera.project(true.reshape(-1, 3)).reshape(*true.shape[:2], 2)
    right = agree(seen.points, points, torso_size(points))[:, BODY]
    saw = right.mean(axis=1) >= _HIM
    found = {
        "crops": np.ones(len(true)),
        "mpjpe": 1000 * errors,
        "mpjpe_median": 1000 * errors,
        "pa_mpjpe": 1000 * turned.mean(axis=1),
        "position": 100 * off / distance,
        "position_median": 100 * off / distance,
        "nearer": 100 * (np.linalg.norm(place, axis=1) / distance - 1),
        "pck_truth": 100.0 * right.ravel(),
        "saw": 100.0 * saw,
        "mpjpe_saw": 1000 * errors[saw],
    }
    if seen.std is not None:
        apart = np.abs(centred(seen.poses[:, BODY]) - centred(true[:, BODY]))
        for key, deviations in (("within_one_std", 1), ("within_two_std", 2)):
            found[key] = 100.0 * (apart <= deviations * seen.std[:, BODY]).ravel()
    return found
