"""The four calibrated views of the demo's clip, with where the man in it really is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

from metric_pose_ros import Camera
from metric_pose_ros.demo import clip
from metric_pose_ros.demo.truth import Truth, for_view

Floats = npt.NDArray[np.floating]
Image = npt.NDArray[np.uint8]

CACHE = Path(__file__).resolve().parents[2] / ".cache"
"""Keeps what is fetched; git ignores it."""
VIEWS = ("cam01", "cam02", "cam03", "cam04")
RATE_HZ = 60.0


@dataclass(frozen=True, eq=False)
class TrueView:
    """One view with the truth about the man.

    Attributes:
        name: ``cam01`` ... ``cam04``.
        video: 100 frames of (1920, 1088) or (1920, 1080), 60 per second.
        camera: that took them.
        truth: in the camera's frame.
        truth2d: (frames, 17, 2) px, the true joints in the images.
    """

    name: str
    video: Path
    camera: Camera
    truth: Truth
    truth2d: Floats

    def box(self, frame: int, margin: float = 0.08) -> Floats:
        """(4,) xyxy px around the man, with so much of his size more on every side."""
        low, high = self.truth2d[frame].min(axis=0), self.truth2d[frame].max(axis=0)
        more = margin * (high - low).max()
        return np.clip(np.concatenate([low - more, high + more]), 0, np.tile(self.size, 2))

    @property
    def size(self) -> Floats:
        """(2,) px width and height."""
        return np.array([self.camera.width, self.camera.height], float)


def true_view(name: str) -> TrueView:
    """A view of the clip; fetched if need be.

    Raises:
        ClipUnavailableError: if it cannot be fetched.
    """
    files = clip.fetch(CACHE / "clip")
    camera = clip.views(files["calibration"].read_text())[name].camera
    truth = for_view(name)
    truth2d = camera.project(truth.joints3d.reshape(-1, 3)).reshape(*truth.joints3d.shape[:2], 2)
    return TrueView(name, files[name], camera, truth, truth2d)


def decode(video: Path) -> Iterator[Image]:
    """The frames of a video in turn, (height, width, 3) BGR."""
    with av.open(str(video)) as container:
        for frame in container.decode(video=0):
            yield np.asarray(frame.to_ndarray(format="bgr24"), np.uint8)
