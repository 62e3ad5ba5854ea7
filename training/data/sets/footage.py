"""Pictures and videos that nobody labelled, with the poses that a pose model says: its own, to keep them, or a better
one's, to learn from.

A trunk that is trained on rendered people alone forgets what it knew of real ones. Beside them, real pictures with what
the network said before it was trained hold it to that, as in learning without forgetting (Li and Hoiem 2016); and what
several looks at somebody who is followed over frames agree on is better than any one look, as in data distillation
(Radosavovic et al. 2018).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path

import av
import numpy as np

from metric_pose_ros import Camera, PoseEstimator
from metric_pose_ros.geometry.body_crop import look_at_body
from metric_pose_ros.geometry.crop import sample
from metric_pose_ros.people import Person
from metric_pose_ros.stream import StreamEstimator
from training.data.example import Example, Image
from training.data.picture import MARGIN, project, side_worth
from training.data.sets.data_set import DataSet, Part
from training.data.sets.files import UnreadableError, read_picture
from training.data.shards import CROP_SCALE, Problems

PICTURES = (".jpg", ".jpeg", ".png")
VIDEOS = (".avi", ".mkv", ".mov", ".mp4", ".webm")
_SURE = 0.4
"""Confidence that half of somebody's joints must have: of whom the model sees little, it should not learn more."""

LAYOUT = f"""\
  pictures ({", ".join(PICTURES)}) and videos ({", ".join(VIDEOS)});
  NAME.yaml beside NAME.mp4, or camera.yaml for all: the camera as camera_calibration writes it (else --fov)"""


@dataclass(frozen=True)
class Teaching:
    """How footage is labelled.

    Attributes:
        model: file of the pose model.
        sha256: of the file, which tells it from others of its name.
        views: looks at each person, see `PoseEstimator`.
        rate_hz: frames of a video that are looked at, per second.
        fov_degrees: that the longer side of pictures spans where no camera is given.
        least_px: height of the smallest people.
        side: px, at most, of a person's picture.
    """

    model: Path
    sha256: str
    views: int = 5
    rate_hz: float = 30.0
    fov_degrees: float = 50.0
    least_px: float = 100.0
    side: int = 512


@dataclass(frozen=True)
class File:
    """A picture or a video.

    Attributes:
        path: of the file.
        name: unique among the footage.
        teaching: how it is labelled.
    """

    path: Path
    name: str
    teaching: Teaching

    def examples(self, problems: Problems) -> Iterator[Example]:
        """Everybody who is followed, frame after frame.

        Raises:
            UnreadableError: if it is no picture or video.
            ValueError: if the camera beside it cannot be used.
        """
        estimator = PoseEstimator(self.teaching.model, views=self.teaching.views)
        # What training takes off the size of people on its own, calibration puts back: it must not do so twice.
        size = estimator.model.metadata.get("size", 1.0) if estimator.model is not None else 1.0
        stream = StreamEstimator(estimator)
        is_picture = self.path.suffix.lower() in PICTURES
        shots = iter([(0.0, read_picture(self.path))]) if is_picture else frames(self.path, self.teaching.rate_hz)
        for number, (stamp_s, image) in enumerate(shots):
            camera = self._camera(image)
            people = estimator(image, camera) if is_picture else stream(image, camera, stamp_s)
            large = [person for person in people if person.box[3] - person.box[1] >= self.teaching.least_px]
            for place, person in enumerate(large):
                key = f"{self.name}_{number:06d}_{person.id or place}"
                raw = replace(person, joints3d=person.joints3d / size)
                made = example(key, image, camera, raw, estimator.info.body_scale, self.teaching.side)
                if made is not None:
                    yield made

    def _camera(self, image: Image) -> Camera:
        """As a file beside this one says, else as assumed."""
        height, width = image.shape[:2]
        for file in (self.path.with_suffix(".yaml"), self.path.parent / "camera.yaml"):
            if file.is_file():
                camera = Camera.from_yaml(file)
                return camera if (camera.width, camera.height) == (width, height) else camera.resized(width, height)
        return Camera.from_fov(width, height, self.teaching.fov_degrees)


def example(key: str, image: Image, camera: Camera, person: Person, body_scale: float, side: int) -> Example | None:
    """Somebody as a robot looks at whom it knows, see `look_at_body`, with all around that training may want to show.

    Args:
        key: of the example.
        image: (H, W, 3) BGR.
        camera: that took it.
        person: as the model says, before its size was calibrated.
        body_scale: of the model; 0 for one that looks at boxes.
        side: px of the picture, at most; fewer where the source has no more to show.

    Returns:
        the example; None if the model is not sure of it, or if nobody can be looked at so.
    """
    if np.median(person.confidence) < _SURE:
        return None
    if not body_scale:
        joints_mm = person.joints3d * 1000
        return Example(key, image, camera, person.skeleton, joints_mm, person.box, joints_px=person.joints2d)
    crop = look_at_body(person.joints3d, person.skeleton, side, body_scale * MARGIN)
    if crop is None:
        return None
    crop = look_at_body(person.joints3d, person.skeleton, side_worth(crop, camera), body_scale * MARGIN)
    assert crop is not None
    planes = np.zeros((1, 3, crop.side, crop.side), np.float32)
    sample(image, camera, [crop], planes)
    centre, half = (crop.side - 1) / 2, crop.side / MARGIN / CROP_SCALE / 2
    return Example(
        key,
        np.round(planes[0, ::-1].transpose(1, 2, 0) * 255).astype(np.uint8),
        Camera(crop.K, np.zeros(0), "pinhole", crop.side, crop.side),
        person.skeleton,
        person.joints3d @ crop.rotation.T * 1000,
        np.array([centre - half, centre - half, centre + half, centre + half]),
        joints_px=project(crop.K, camera.rays(person.joints2d) @ crop.rotation.T),
    )


def frames(video: Path, rate_hz: float) -> Iterator[tuple[float, Image]]:
    """Times in seconds and pictures, (H, W, 3) BGR, of a video, no more than so many a second.

    Raises:
        UnreadableError: if it is no video.
    """
    due_s = -math.inf
    try:
        with av.open(str(video)) as container:
            for frame in container.decode(video=0):
                if frame.time is None or frame.time < due_s - 1e-3:
                    continue
                due_s = frame.time + 1 / rate_hz
                yield frame.time, np.asarray(frame.to_ndarray(format="bgr24"), np.uint8)
    except (av.FFmpegError, IndexError) as error:
        raise UnreadableError(f"{video} is no video that can be read: {error}") from error


def footage(teaching: Teaching, only: Sequence[str] = ("*",)) -> DataSet:
    """The data set of a folder of pictures and videos, labelled so.

    Args:
        teaching: how.
        only: patterns of the shell for names of files; others are left out.
    """

    def files(root: Path, split: str, problems: Problems) -> list[Part]:
        known = [path for path in root.rglob("*") if path.suffix.lower() in (*PICTURES, *VIDEOS)]
        paths = sorted(path for path in known if any(fnmatchcase(path.name, pattern) for pattern in only))
        names = [re.sub(r"[^A-Za-z0-9_]", "-", path.relative_to(root).as_posix()) for path in paths]
        return [File(path, name, teaching) for path, name in zip(paths, names, strict=True)]

    how = {name: value for name, value in asdict(teaching).items() if name != "model"}
    return DataSet("footage", ("train", "validation"), LAYOUT, files, json.dumps({**how, "only": list(only)}))
