"""How well people keep their ids where they cross and hide each other, and what smoothing takes and costs.

Simulated scenes (`crowd`) go through the whole stream: the detector looks now and then, tracks lead in between.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import motmetrics
import numpy as np
import numpy.typing as npt

from metric_pose_ros.estimator import PoseEstimator
from metric_pose_ros.people import Person
from metric_pose_ros.stream import StreamEstimator
from test.benchmarks.crowd import CAMERA, RATE_HZ, Scene, SeesCrowd, scenes

Floats = npt.NDArray[np.floating]

_COUNTED = 0.35
"""Share of the joints in view from which somebody must be found; whoever is hidden more may be."""
SEEDS = 15


@dataclass(eq=False)
class Course:
    """One track beside the truth: (T, 30, 3) metres each, of frames in a row."""

    frames: list[int] = field(default_factory=list)
    truth: list[Floats] = field(default_factory=list)
    seen: list[Floats] = field(default_factory=list)
    smooth: list[Floats] = field(default_factory=list)


def measure(seeds: int = SEEDS) -> dict[str, Any]:
    """Every scene with so many seeds: ids, jitter, lag and the tracker's time."""
    by_name: dict[str, list[tuple[motmetrics.MOTAccumulator, list[Course], float, float]]] = {}
    for seed in range(seeds):
        for each in scenes(seed):
            by_name.setdefault(each.name, []).append(follow(each))
    host = motmetrics.metrics.create()
    result: dict[str, Any] = {"ids": {}, "smoothing": {}}
    every = [run for runs in by_name.values() for run in runs]
    for name, runs in {**by_name, "all": every}.items():
        result["ids"][name] = _ids(host, [accumulator for accumulator, *_ in runs])
    courses = [course for _, found, *_ in every for course in found]
    result["smoothing"] = smoothing(courses)
    result["tracker ms per frame"] = round(float(np.mean([seconds for *_, seconds, _ in every])) * 1e3, 2)
    result["crops per frame and person"] = round(float(np.mean([crops for *_, crops in every])), 2)
    return result


def follow(seen: Scene) -> tuple[motmetrics.MOTAccumulator, list[Course], float, float]:
    """Lets a stream look at a scene.

    Returns:
        what was matched, the tracks beside the truth, seconds of tracking per frame, and crops looked at per frame and
        person.
    """
    estimator = SeesCrowd(seen)
    stream = StreamEstimator(cast(PoseEstimator, estimator))
    accumulator = motmetrics.MOTAccumulator(auto_id=True)
    courses: dict[tuple[int, str], Course] = {}
    seconds = 0.0
    for frame in range(len(seen)):
        started = time.perf_counter()
        reported = stream(estimator.image(frame), CAMERA, frame / RATE_HZ)
        seconds += time.perf_counter() - started
        whose = [estimator.whose(frame, person) for person in reported]
        _match(accumulator, seen, frame, reported, whose)
        _note(courses, seen, estimator.seen, frame, reported, whose)
    return accumulator, list(courses.values()), seconds / len(seen), estimator.looks / seen.visible.size


def smoothing(courses: Sequence[Course]) -> dict[str, dict[str, float]]:
    """Jitter before and after, and by how much what is published lags behind.

    Jitter is the second difference in mm/frame^2, less the truth's own. Lag in ms is the time by which the truth must
    be shifted to fit the published motion best, in least squares over frames in which the joint moves.
    """
    result: dict[str, dict[str, float]] = {}
    for name, joint in {"pelvis": 0, "left wrist": 20}.items():
        jitter: dict[str, list[Floats]] = {"before": [], "after": []}
        late: dict[str, list[Floats]] = {"before": [], "after": []}
        for course in courses:
            if len(course.frames) < 10:
                continue
            truth = np.stack(course.truth)[:, joint]
            rows = {"before": np.stack(course.seen)[:, joint], "after": np.stack(course.smooth)[:, joint]}
            velocity = np.gradient(truth, axis=0) * RATE_HZ
            moving = np.linalg.norm(velocity, axis=1) > 0.5
            # Across the image only: along the ray, a lasting error of the distance is no lag.
            velocity[:, 2] = 0
            for when, row in rows.items():
                bend = np.diff(row - truth, 2, axis=0)
                jitter[when].append(np.linalg.norm(bend, axis=1))
                off = truth - row
                off = off - off[~moving].mean(axis=0) if (~moving).any() else off
                late[when].append(np.stack([(off * velocity).sum(axis=1)[moving], (velocity**2).sum(axis=1)[moving]]))
        result[name] = {}
        for when in ("before", "after"):
            result[name][f"jitter {when}, mm/frame^2"] = round(float(np.concatenate(jitter[when]).mean()) * 1e3, 1)
        for when in ("before", "after"):
            top, bottom = np.concatenate(late[when], axis=1).sum(axis=1)
            result[name][f"lag {when}, ms"] = round(float(top / bottom) * 1e3, 1)
    return result


def _ids(host: Any, accumulators: list[motmetrics.MOTAccumulator]) -> dict[str, float]:
    names = ["mota", "idf1", "num_switches", "num_misses", "num_false_positives", "num_objects", "motp"]
    found = host.compute_many(accumulators, metrics=names, generate_overall=True).loc["OVERALL"]
    return {
        "mota": round(float(found["mota"]), 4),
        "idf1": round(float(found["idf1"]), 4),
        "switches": int(found["num_switches"]),
        "misses": int(found["num_misses"]),
        "false": int(found["num_false_positives"]),
        "people x frames": int(found["num_objects"]),
        "off_m": round(float(found["motp"]), 3),
    }


def _match(
    accumulator: motmetrics.MOTAccumulator, seen: Scene, frame: int, reported: list[Person], whose: list[int]
) -> None:
    """Tells motmetrics who is where; whoever is found though mostly hidden is neither right nor wrong."""
    counted = np.flatnonzero(seen.visible[frame] >= _COUNTED)
    kept = [(who, person) for who, person in zip(whose, reported, strict=True) if who in counted]
    distances = np.full((len(counted), len(kept)), np.nan)
    for column, (who, person) in enumerate(kept):
        distances[counted == who, column] = np.linalg.norm(person.position - seen.joints3d[frame, who, 0])
    accumulator.update(counted.tolist(), [int(person.id[1:]) for _, person in kept], distances)


def _note(
    courses: dict[tuple[int, str], Course],
    seen: Scene,
    estimates: Floats,
    frame: int,
    reported: list[Person],
    whose: list[int],
) -> None:
    """Keeps what is published beside what was seen and the truth; a gap starts another course."""
    for who, person in zip(whose, reported, strict=True):
        course = courses.setdefault((who, person.id), Course())
        if course.frames and frame != course.frames[-1] + 1:
            courses[(who, f"{person.id} until {frame}")] = course
            course = courses[(who, person.id)] = Course()
        course.frames.append(frame)
        course.truth.append(seen.joints3d[frame, who])
        course.seen.append(estimates[frame, who])
        course.smooth.append(person.joints3d)
