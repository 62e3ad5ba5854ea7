"""How right the demo's clip comes out: the man's distance, identity, height and pose, against four calibrated views."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import numpy.typing as npt

from metric_pose_ros import Person, PoseEstimator
from metric_pose_ros.skeleton import COCO_17
from metric_pose_ros.stature import stature
from metric_pose_ros.stream import StreamEstimator
from test.benchmarks.footage import Footage, footage
from training.domain_gap.measures import BODY, hips_aligned, hips_middle
from training.domain_gap.true_views import VIEWS
from training.evaluation.metrics import joint_errors, procrustes_aligned

Floats = npt.NDArray[np.floating]


def measure(model: str) -> dict[str, Any]:
    """Plays every view through the estimator with tracking; what the demo does, without ROS."""
    estimator = PoseEstimator(model)
    return {name: _view(estimator, footage(name)) for name in VIEWS}


def _view(estimator: PoseEstimator, view: Footage) -> dict[str, Any]:
    stream = StreamEstimator(estimator)
    seen: dict[int, Person] = {}
    for frame, image in enumerate(view.images):
        man = who_is(view, frame, stream(image, view.camera, frame / 60))
        if man is not None:
            seen[frame] = man
    frames = np.array(sorted(seen), int)
    if not len(frames):
        return {"frames": len(view.images), "found": 0}
    joints = np.stack([estimator.skeleton.convert(seen[frame].joints3d, COCO_17) for frame in frames])
    truth = view.truth.joints3d[frames]
    distance = np.linalg.norm(hips_middle(joints), axis=1)
    error = 100 * (distance / view.truth.distance[frames] - 1)
    errors = joint_errors(hips_aligned(joints), hips_aligned(truth))
    turned = procrustes_aligned(joints[:, BODY], truth[:, BODY])
    ids = [seen[frame].id for frame in frames]
    return {
        "frames": len(view.images),
        "found": len(frames),
        "id_changes": sum(one != other for one, other in itertools.pairwise(ids)),
        "distance_m": _rounded(np.median(distance), 3),
        "true_distance_m": _rounded(np.median(view.truth.distance[frames]), 3),
        "distance_error_percent": {
            "median": _rounded(np.median(error), 2),
            "median_absolute": _rounded(np.median(abs(error)), 2),
            "worst": _rounded(abs(error).max(), 2),
        },
        "frames_within_10_percent": int((abs(error) <= 10).sum()),
        "height_m": _rounded(np.median([stature(seen[frame].joints3d, estimator.skeleton) for frame in frames]), 3),
        "mpjpe_mm": {
            "root aligned, 17 joints": _rounded(1000 * errors.mean(), 1),
            "root aligned, 12 below the head": _rounded(1000 * errors[:, BODY].mean(), 1),
            "Procrustes, 12 below the head": _rounded(1000 * joint_errors(turned, truth[:, BODY]).mean(), 1),
        },
    }


def who_is(view: Footage, frame: int, people: list[Person]) -> Person | None:
    """The man among people, told by where he is in the image; never by how well he is placed in space."""
    if not people:
        return None
    true = view.truth2d[frame]
    apart = [
        float(np.median(np.linalg.norm(person.skeleton.convert(person.joints2d, COCO_17) - true, axis=1)))
        for person in people
    ]
    nearest = int(np.argmin(apart))
    return people[nearest] if apart[nearest] < 0.25 * float(np.ptp(true[:, 1])) else None


def _rounded(value: Any, digits: int) -> float:
    return round(float(value), digits)
