"""`metric-pose predict`: people in an image or a video file, as JSON and as a drawing."""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from metric_pose_ros.engines import ENGINES
from metric_pose_ros.estimator import PoseEstimator
from metric_pose_ros.geometry.camera import Camera
from metric_pose_ros.overlay import draw
from metric_pose_ros.people import Person
from metric_pose_ros.stature import stature
from metric_pose_ros.stream import StreamEstimator

IMAGE_SUFFIXES = {".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"}
_GUESSED_FOV = 60.0


@dataclass(frozen=True, eq=False)
class Frame:
    """One image of the input.

    Attributes:
        image: (height, width, 3) BGR.
        stamp_s: seconds since the first frame.
    """

    image: npt.NDArray
    stamp_s: float


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Describes the command."""
    parser = commands.add_parser(
        "predict",
        help="find people in an image or a video",
        description="Finds the people in an image or a video and says where they stand, in metres.",
    )
    parser.add_argument("input", type=Path, help="an image or a video file")
    camera = parser.add_mutually_exclusive_group()
    camera.add_argument("--camera", type=Path, metavar="YAML", help="calibration, as ROS' camera_calibration writes it")
    camera.add_argument(
        "--fov",
        type=float,
        metavar="DEGREES",
        help=f"field of view along the longer side, where there is no calibration (default: {_GUESSED_FOV:g})",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the people here")
    parser.add_argument(
        "--overlay", type=Path, metavar="FILE", help="write the drawing here: .png or .jpg, .mp4 for videos"
    )
    parser.add_argument("--model", default="metric_pose_heavy", help="heavy, fast or a file (default: %(default)s)")
    parser.add_argument("--skeleton", metavar="NAME", help="that people shall have (default: the model's first)")
    parser.add_argument("--detector", default="movenet", help="movenet, nanodet or a file (default: %(default)s)")
    parser.add_argument("--engine", default="auto", choices=ENGINES)
    parser.add_argument("--threads", type=int, default=2, help="CPU threads (default: %(default)s)")
    parser.add_argument(
        "--boxes",
        nargs="+",
        metavar="X1,Y1,X2,Y2",
        help="boxes of the people in px, instead of a detector (images only)",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Runs the command; see `metric_pose_ros.commands.main` for the exit status.

    Raises:
        ValueError: if an argument or the input cannot be used.
        OSError: if a file is missing or cannot be written.
        EngineFailure: if a network cannot be run, for want of memory perhaps.
    """
    is_image = arguments.input.suffix.lower() in IMAGE_SUFFIXES
    if arguments.boxes and not is_image:
        raise ValueError(f"--boxes goes with an image, but {arguments.input} is a video: leave it out")
    for output in (arguments.json, arguments.overlay):
        if output is not None and not output.parent.is_dir():
            raise ValueError(f"there is no folder {output.parent} for {output.name}: make it first")
    boxes = np.array([_parse_box(text) for text in arguments.boxes]) if arguments.boxes else None
    frames = _read_image(arguments.input) if is_image else _read_video(arguments.input)
    first = next(frames)
    camera = _camera(arguments, first.image)
    cv2.setNumThreads(arguments.threads)
    estimator = PoseEstimator(
        model=arguments.model,
        engine=arguments.engine,
        detector=None if boxes is not None else arguments.detector,
        threads=arguments.threads,
        skeleton=arguments.skeleton,
    )
    print(estimator.description, file=sys.stderr)
    records = []
    if is_image:
        image = first.image
        people = estimator(image, camera) if boxes is None else estimator.estimate(image, camera, boxes)
        print(_table(people))
        records.append(_record(0, first, people))
        if arguments.overlay:
            _write_image(arguments.overlay, draw(image, people))
    else:
        records = _follow(estimator, camera, first, frames, arguments.overlay, _frame_rate(arguments.input))
    if arguments.json:
        arguments.json.write_text(json.dumps(_document(estimator, camera, records)) + "\n", encoding="utf-8")
    return 0


def _follow(
    estimator: PoseEstimator, camera: Camera, first: Frame, rest: Iterator[Frame], overlay: Path | None, rate: float
) -> list[dict[str, Any]]:
    """Tracks people through a video; returns one record per frame."""
    stream = StreamEstimator(estimator)
    records: list[dict[str, Any]] = []
    writer = _video_writer(overlay, rate, first.image) if overlay else None
    start = said = time.monotonic()
    try:
        for number, frame in enumerate(_and_then(first, rest)):
            people = stream(frame.image, camera, frame.stamp_s)
            records.append(_record(number, frame, people))
            if writer is not None:
                writer.write(draw(frame.image, people))
            if time.monotonic() - said > 1:
                said = time.monotonic()
                print(f"frame {number + 1}, {(number + 1) / (said - start):.1f} frames/s", file=sys.stderr)
    finally:
        stream.close()
        if writer is not None:
            writer.release()
    names = sorted({person["id"] for record in records for person in record["people"]})
    seconds = time.monotonic() - start
    print(f"{len(records)} frames in {seconds:.1f} s, {len(names)} people: {', '.join(names) or 'nobody'}")
    return records


def _and_then(first: Frame, rest: Iterator[Frame]) -> Iterator[Frame]:
    yield first
    yield from rest


def _read_image(path: Path) -> Iterator[Frame]:
    if not path.is_file():
        raise FileNotFoundError(f"no image {path}")
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise ValueError(f"{path} is not an image that OpenCV can read; it may be truncated")
    yield Frame(image, 0.0)


def _read_video(path: Path) -> Iterator[Frame]:
    if not path.is_file():
        raise FileNotFoundError(f"no video {path}")
    video = cv2.VideoCapture(str(path))
    try:
        rate = _frame_rate(path)
        number = 0
        while True:
            read, image = video.read()
            if not read:
                break
            yield Frame(image, number / rate)
            number += 1
    finally:
        video.release()
    if number == 0:
        raise ValueError(
            f"{path} has no frame that OpenCV can read; expected an image ({', '.join(sorted(IMAGE_SUFFIXES))}) or a "
            f"video"
        )


def _frame_rate(path: Path) -> float:
    video = cv2.VideoCapture(str(path))
    rate = float(video.get(cv2.CAP_PROP_FPS))
    video.release()
    return rate if 1 <= rate <= 1000 else 30.0


def _camera(arguments: argparse.Namespace, image: npt.NDArray) -> Camera:
    if arguments.camera is not None:
        return Camera.from_yaml(arguments.camera)
    if arguments.fov is None:
        print(
            f"no --camera and no --fov: {_GUESSED_FOV:g} degrees are assumed, and distances are wrong by as much as "
            f"that is",
            file=sys.stderr,
        )
    height, width = image.shape[:2]
    return Camera.from_fov(width, height, _GUESSED_FOV if arguments.fov is None else arguments.fov)


def _parse_box(text: str) -> list[float]:
    try:
        values = [float(part) for part in text.split(",")]
    except ValueError:
        values = []
    if len(values) != 4:
        raise ValueError(f"box {text!r} cannot be read; expected four numbers in px such as 100,50,260,420")
    return values


def _write_image(path: Path, image: npt.NDArray) -> None:
    if path.suffix.lower() not in IMAGE_SUFFIXES or not cv2.imwrite(str(path), image):
        raise ValueError(
            f"cannot write the overlay {path}; expected a name that ends in {', '.join(sorted(IMAGE_SUFFIXES))}"
        )


def _video_writer(path: Path, rate: float, image: npt.NDArray) -> cv2.VideoWriter:
    size = (image.shape[1], image.shape[0])
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), rate, size)
    if path.suffix.lower() != ".mp4" or not writer.isOpened():
        raise ValueError(f"cannot write the overlay {path}; for a video, expected a name that ends in .mp4")
    return writer


def _table(people: list[Person]) -> str:
    """One line per person, nearest first."""
    if not people:
        return "nobody found"
    lines = [f"{len(people)} people", "  distance      x      y      z  height  confidence"]
    for person in sorted(people, key=lambda person: float(np.linalg.norm(person.position))):
        x, y, z = person.position
        distance = float(np.linalg.norm(person.position))
        height = stature(person.joints3d, person.skeleton)
        tall = "-" if math.isnan(height) else f"{height:.2f} m"
        lines.append(f"  {distance:6.2f} m {x:6.2f} {y:6.2f} {z:6.2f} {tall:>7} {person.confidence.mean():10.0%}")
    return "\n".join(lines)


def _record(number: int, frame: Frame, people: list[Person]) -> dict[str, Any]:
    return {
        "frame": number,
        "stamp_s": round(frame.stamp_s, 6),
        "people": [
            {
                "id": person.id,
                "score": round(float(person.score), 4),
                "box": _rounded(person.box, 2),
                "joints3d": _rounded(person.joints3d, 4),
                "joints2d": _rounded(person.joints2d, 2),
                "std": _rounded(person.std, 4),
                "distance_std": round(person.distance_std, 4),
                "confidence": _rounded(person.confidence, 4),
                "velocity": _rounded(person.velocity, 4),
            }
            for person in people
        ],
    }


def _rounded(values: npt.NDArray, digits: int) -> list[Any]:
    return np.round(np.asarray(values, float), digits).tolist()


def _document(estimator: PoseEstimator, camera: Camera, records: list[dict[str, Any]]) -> dict[str, Any]:
    """What is written: units are metres and px, the frame is the camera's optical one (x right, y down, z forward)."""
    return {
        "model": {
            "name": estimator.info.name,
            "version": estimator.info.version,
            "sha256": estimator.model.sha256 if estimator.model else None,
        },
        "skeleton": {
            "name": estimator.skeleton.name,
            "names": list(estimator.skeleton.names),
            "edges": [list(edge) for edge in estimator.skeleton.edges],
        },
        "camera": {
            "K": camera.K.tolist(),
            "distortion": camera.distortion.tolist(),
            "model": camera.model,
            "width": camera.width,
            "height": camera.height,
        },
        "frames": records,
    }
