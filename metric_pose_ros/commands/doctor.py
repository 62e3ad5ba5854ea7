"""`metric-pose doctor`: is everything here that this package needs, and what to do if not."""

from __future__ import annotations

import argparse
import importlib
import importlib.metadata
import importlib.util
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from metric_pose_ros.commands.findings import Finding
from metric_pose_ros.commands.gpu_findings import examine_gpu
from metric_pose_ros.engines.failures import EngineFailure
from metric_pose_ros.estimator import PoseEstimator
from metric_pose_ros.geometry.camera import Camera
from metric_pose_ros.models import SHORT_NAMES, ModelFile

_PACKAGES = {
    "numpy": ("numpy",),
    "cv2": ("opencv-python", "opencv-python-headless", "opencv-contrib-python"),
    "onnxruntime": ("onnxruntime", "onnxruntime-gpu"),
    "scipy": ("scipy",),
    "yaml": ("PyYAML",),
    "transforms3d": ("transforms3d",),
}
"""Modules that are needed and the distributions that bring them."""
_ROS_MODULES = ("rclpy", "sensor_msgs", "visualization_msgs", "tf2_msgs", "diagnostic_msgs")


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Describes the command."""
    parser = commands.add_parser(
        "doctor",
        help="check this machine",
        description="Checks Python, packages, ROS, the GPU, models, a camera file and the speed, and says what to do.",
    )
    parser.add_argument("--camera", type=Path, metavar="YAML", help="also check this calibration")
    parser.add_argument("--model", default="metric_pose_heavy", help="the pose model to try (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads to try it with (default: %(default)s)")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Prints the report; 1 if something that is needed does not work."""
    failed = False
    for finding in examine(arguments.camera, arguments.model, arguments.threads):
        print(f"{finding.state:>4}  {finding.text}", flush=True)
        failed |= finding.state == "FAIL"
    print("something is missing, see FAIL above" if failed else "all that is needed works")
    return int(failed)


def examine(camera: Path | None, model: str, threads: int) -> Iterator[Finding]:
    """All checks in turn; none raises."""
    yield _python(sys.version_info[:2])
    for module, distributions in _PACKAGES.items():
        yield _package(module, distributions)
    yield _ros()
    yield from _threads(threads)
    yield from examine_gpu()
    for name in SHORT_NAMES.values():
        yield _model(name)
    if camera is not None:
        yield _camera(camera)
    yield _trial(model, threads)


def _python(version: tuple[int, int]) -> Finding:
    text = f"Python {version[0]}.{version[1]}"
    if version < (3, 10):
        return Finding("FAIL", f"{text}: 3.10 or newer is needed")
    return Finding("ok", text)


def _package(module: str, distributions: tuple[str, ...]) -> Finding:
    try:
        imported = importlib.import_module(module)
    except ImportError as error:
        return Finding("FAIL", f"{distributions[0]} cannot be imported ({error}): pip install {distributions[0]}")
    version = getattr(imported, "__version__", "")
    for distribution in distributions:
        try:
            version = importlib.metadata.version(distribution)
            return Finding("ok", f"{distribution} {version}")
        except importlib.metadata.PackageNotFoundError:
            continue
    return Finding("ok", f"{module} {version}")


def _ros() -> Finding:
    missing = [module for module in _ROS_MODULES if importlib.util.find_spec(module) is None]
    distribution = os.environ.get("ROS_DISTRO", "")
    if "rclpy" in missing:
        return Finding(
            "note",
            "no ROS 2 here: source /opt/ros/<distro>/setup.bash, or ./run setup in the source tree; predict works",
        )
    if missing:
        return Finding(
            "FAIL", f"ROS 2 {distribution} lacks {', '.join(missing)}: rosdep install --from-paths . --ignore-src"
        )
    return Finding(
        "ok",
        f"ROS 2 {distribution or '(ROS_DISTRO is not set)'}, {os.environ.get('RMW_IMPLEMENTATION', 'default RMW')}",
    )


def _threads(threads: int) -> Iterator[Finding]:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if threads > cores:
        yield Finding("note", f"{threads} threads on {cores} cores: more threads than cores make everything slower")
    else:
        yield Finding("ok", f"{threads} threads on {cores} cores, OpenCV {cv2.getNumThreads()}")


def _model(name: str) -> Finding:
    try:
        model = ModelFile.open(name)
        if model.kind == "pose":
            model.pose_info()
    except (FileNotFoundError, ValueError) as error:
        return Finding("FAIL", f"{name}: {error}")
    return Finding("ok", f"{name} ({model.path}), SHA-256 {model.sha256[:12]} {model.vouched}")


def _camera(path: Path) -> Finding:
    try:
        camera = Camera.from_yaml(path)
    except (ValueError, OSError) as error:
        return Finding("FAIL", str(error))
    edges = np.array([[0, camera.height / 2], [camera.width - 1, camera.height / 2]])
    # Both from the optical axis: between two rays there are never more than 180 degrees.
    x, _, z = camera.rays(edges).T
    left, right = np.degrees(np.arctan2(x, z))
    degrees = float(right - left)
    text = f"camera {path}: {camera.width}x{camera.height}, {camera.model}, {degrees:.0f} degrees wide"
    off = np.abs(camera.K[:2, 2] / [camera.width, camera.height] - 0.5).max()
    if off > 0.2:
        return Finding("note", f"{text}; its principal point is far from the middle: is it for this image size?")
    return Finding("ok", text)


def _trial(model: str, threads: int) -> Finding:
    """Runs a pose model on an empty picture."""
    try:
        estimator = PoseEstimator(model=model, detector=None, threads=threads)
        camera = Camera.from_fov(1280, 720, 70)
        image = np.zeros((720, 1280, 3), np.uint8)
        seconds = []
        for _ in range(5):
            start = time.perf_counter()
            estimator.estimate(image, camera, [[500, 100, 780, 620]])
            seconds.append(time.perf_counter() - start)
    except (ValueError, OSError, EngineFailure) as error:
        return Finding("FAIL", f"{model} does not run: {error}")
    return Finding("ok", f"{estimator.description}: {min(seconds) * 1000:.0f} ms per person")
