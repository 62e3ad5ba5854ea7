"""How fast frames become people on this machine: 1280x720, one person."""

from __future__ import annotations

import os
import time
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from metric_pose_ros import PoseEstimator
from metric_pose_ros.stream import StreamEstimator
from test.benchmarks.footage import ROBOT_CAMERA, alone, footage

MODELS = ("heavy", "fast")
_STAGES = ("detection", "crop", "network", "placement", "tracking")
_WARM_UP = 10
_STEPS = 22
CAMERA_HZ = 30.0


def one_person_video(frames: int) -> list[npt.NDArray[np.uint8]]:
    """The man 3 m away in (720, 1280, 3) images, forth and back through his first steps, when nobody is near him."""
    view = footage("cam02")
    order = [*range(_STEPS), *range(_STEPS - 2, 0, -1)]
    few = {index: alone(view, index, 3.0)[0] for index in sorted({order[n % len(order)] for n in range(frames)})}
    return [few[order[n % len(order)]] for n in range(frames)]


def in_process(frames: int = 200) -> dict[str, Any]:
    """Times per stage; the models take turns frame by frame, so that a busy machine slows all of them alike."""
    cv2.setNumThreads(2)
    video = one_person_video(frames + _WARM_UP)
    streams = {model: StreamEstimator(PoseEstimator(model)) for model in MODELS}
    times: dict[str, dict[str, list[float]]] = {model: {} for model in MODELS}
    found = dict.fromkeys(MODELS, 0)
    for number, image in enumerate(video):
        for model, stream in streams.items():
            start = time.perf_counter()
            people = stream(image, ROBOT_CAMERA, number / CAMERA_HZ)
            whole = time.perf_counter() - start
            if number < _WARM_UP:
                continue
            found[model] += len(people) == 1
            stages = {stage: stream.timings[stage] for stage in _STAGES}
            stages |= {"whole": whole, "outside networks": whole - stages["detection"] - stages["network"]}
            for stage, seconds in stages.items():
                times[model].setdefault(stage, []).append(seconds)
    return {
        model: {
            "frames": frames,
            "frames_with_one_person": found[model],
            "frames_per_second": round(1 / float(np.mean(times[model]["whole"])), 1),
            "ms": {stage: spread(seconds) for stage, seconds in times[model].items()},
        }
        for model in MODELS
    }


def spread(seconds: list[float]) -> dict[str, float]:
    """Median and 95th percentile in milliseconds."""
    median, late = np.percentile(seconds, [50, 95]) * 1e3
    return {"median": round(float(median), 2), "p95": round(float(late), 2)}


def load() -> dict[str, Any]:
    """What else this machine was doing: numbers taken on a busy one are worth little."""
    return {"cores": os.cpu_count(), "load_average_1_min": round(os.getloadavg()[0], 2)}
