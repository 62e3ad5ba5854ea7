"""Beside MediaPipe Pose heavy and full, in one run on the same crops: time, agreement, who is nearer the truth."""

from __future__ import annotations

import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from metric_pose_ros import PoseEstimator
from metric_pose_ros.engines import open_engine
from metric_pose_ros.geometry.body_crop import look_at_body
from metric_pose_ros.geometry.crop import sample
from metric_pose_ros.models import ModelFile
from metric_pose_ros.skeleton import COCO_17
from metric_pose_ros.stream import StreamEstimator
from test.benchmarks.footage import ROBOT_CAMERA, footage
from test.benchmarks.speed import MODELS, one_person_video, spread
from training.domain_gap import mediapipe_side
from training.domain_gap.measures import BODY, agree, hips_aligned, torso_size
from training.domain_gap.true_views import VIEWS
from training.evaluation.metrics import joint_errors, procrustes_aligned
from training.synthesis.framing import BODY_SCALE

Floats = npt.NDArray[np.floating]

_THREADS = (2, 1)
_STEP = 4
"""Every so-many-th frame of each view is compared."""
_ROUNDS = 2
_THEIRS = {"mediapipe": mediapipe_side.MODEL, "mediapipe full": mediapipe_side.FULL_MODEL}
_COUNTERPART = {"heavy": "mediapipe", "fast": "mediapipe full"}
"""The network of theirs whose trunk one of ours has."""


def measure() -> dict[str, Any]:
    """All of it.

    Raises:
        mediapipe_side.UnavailableError: if MediaPipe cannot be had here.
    """
    mediapipe_side.ensure()
    networks = {f"{threads} threads": _networks(threads) for threads in _THREADS}
    return {"networks": networks, "whole images": _whole_images()}


def _networks(threads: int) -> dict[str, Any]:
    """Crop by crop in turn, so that what else the machine does slows all of them; the best times are the quiet ones."""
    crops, intrinsics, truth2d, truth3d = _crops()
    ours = {model: open_engine(ModelFile.open(model), "auto", threads) for model in MODELS}
    skeletons = {model: ModelFile.open(model).pose_info().skeleton for model in MODELS}
    seconds: dict[str, list[float]] = {name: [] for name in (*MODELS, *_THEIRS)}
    points: dict[str, list[Floats]] = {name: [] for name in seconds}
    poses: dict[str, list[Floats]] = {name: [] for name in seconds}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "crops.npy"
        np.save(file, np.round(crops.transpose(0, 2, 3, 1) * 255).astype(np.uint8))
        with ExitStack() as stack:
            workers = {
                name: stack.enter_context(mediapipe_side.Worker("network", str(path), str(file), str(threads)))
                for name, path in _THEIRS.items()
            }
            for number in [0, 0, 0, *list(range(len(crops))) * _ROUNDS]:
                for name, worker in workers.items():
                    answer = worker(number)
                    seconds[name].append(answer["seconds"])
                    points[name].append(mediapipe_side.coco_joints(answer["landmarks"])[0])
                    poses[name].append(np.array(answer["world"])[mediapipe_side.COCO_LANDMARKS])
                for model, engine in ours.items():
                    start = time.perf_counter()
                    output = engine.run(crops=crops[number][None], intrinsics=intrinsics[number][None])
                    seconds[model].append(time.perf_counter() - start)
                    points[model].append(skeletons[model].convert(output["joints2d"][0], COCO_17))
                    poses[model].append(skeletons[model].convert(output["relative"][0], COCO_17) / 1000)
    last = slice(-len(crops), None)
    seen = {name: np.stack(values[last]) for name, values in points.items()}
    bodies = {name: np.stack(values[last]) for name, values in poses.items()}
    torso = torso_size(truth2d)
    best = {name: float(np.min(values[3:])) for name, values in seconds.items()}
    return {
        "crops": len(crops),
        "threads": threads,
        "ms_per_person": {name: spread(values[3:]) for name, values in seconds.items()},
        "best_ms_per_person": {name: round(1e3 * value, 2) for name, value in best.items()},
        "times_faster": {
            model: {
                "than": their,
                "best": round(best[their] / best[model], 2),
                "median": round(float(np.median(seconds[their]) / np.median(seconds[model])), 2),
            }
            for model, their in _COUNTERPART.items()
        },
        "agreement_with_mediapipe_pck_0.2": {
            model: _pck(seen[model], seen["mediapipe"], torso) for model in MODELS
        },
        "against_truth": {
            name: {
                "pck_0.2_torso_12_joints": _pck(seen[name][:, BODY], truth2d[:, BODY], torso),
                "median_px_12_joints": _rounded(np.median(np.linalg.norm(seen[name] - truth2d, axis=-1)[:, BODY])),
                "mpjpe_mm_root_aligned_12_joints": _rounded(
                    1000 * joint_errors(hips_aligned(bodies[name]), hips_aligned(truth3d))[:, BODY].mean()
                ),
                "mpjpe_mm_procrustes_12_joints": _rounded(
                    1000
                    * joint_errors(
                        procrustes_aligned(bodies[name][:, BODY], truth3d[:, BODY]), truth3d[:, BODY]
                    ).mean()
                ),
            }
            for name in seen
        },
        "note": "MediaPipe's 2D joints are half of what the truth was triangulated from, so its 2D score is flattered.",
    }  # fmt: skip


def _crops() -> tuple[npt.NDArray[np.float32], Floats, Floats, Floats]:
    """The man in all views: (N, 3, 256, 256) crops, (N, 3, 3) intrinsics and the truth: (N, 17, 2) px, (N, 17, 3) m.

    He is seen as both they and we look at people whom we know, from where the truth has him, so that nobody's detector
    and nobody's first look have a say.
    """
    crops, intrinsics, points, joints = [], [], [], []
    for name in VIEWS:
        view = footage(name)
        for frame in range(0, len(view.images), _STEP):
            crop = look_at_body(view.truth.joints3d[frame], COCO_17, 256, BODY_SCALE)
            assert crop is not None
            batch = np.zeros((1, 3, 256, 256), np.float32)
            sample(view.images[frame], view.camera, [crop], batch)
            seen = view.truth.joints3d[frame] @ crop.rotation.T
            crops.append(batch[0])
            intrinsics.append(crop.K.astype(np.float32))
            points.append((seen @ crop.K.T)[:, :2] / seen[:, 2:])
            joints.append(seen)
    return np.stack(crops), np.stack(intrinsics), np.stack(points), np.stack(joints)


def _whole_images(frames: int = 100) -> dict[str, Any]:
    """MediaPipe's own solution beside ours, turn by turn, on 1280x720 images with one person."""
    mediapipe_side.install_for_solutions()
    video = one_person_video(frames)
    streams = {model: StreamEstimator(PoseEstimator(model, threads=max(_THREADS))) for model in MODELS}
    seconds: dict[str, list[float]] = {name: [] for name in (*MODELS, "mediapipe")}
    missed = 0
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "images.npy"
        np.save(file, np.stack(video)[..., ::-1])
        with mediapipe_side.Worker("solutions", str(file)) as worker:
            for number, image in enumerate(video):
                answer = worker(number)
                seconds["mediapipe"].append(answer["seconds"])
                missed += not answer["found"]
                for model, stream in streams.items():
                    start = time.perf_counter()
                    stream(image, ROBOT_CAMERA, number / 30)
                    seconds[model].append(time.perf_counter() - start)
    return {
        "frames": frames,
        "ms_per_frame": {name: spread(values[5:]) for name, values in seconds.items()},
        "frames_per_second": {name: round(1 / float(np.mean(values[5:])), 1) for name, values in seconds.items()},
        "mediapipe_missed": missed,
    }


def _pck(points: Floats, others: Floats, torso: Floats) -> float:
    return round(float(agree(points, others, torso).mean()), 3)


def _rounded(value: Any) -> float:
    return round(float(value), 1)
