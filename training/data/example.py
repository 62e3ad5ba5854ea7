"""What the reader of a data set finds: a person, or a frame with several, as its files have it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from metric_pose_ros.geometry.camera import Camera
from metric_pose_ros.skeleton import Skeleton

Floats = npt.NDArray[np.floating]
Image = npt.NDArray[np.uint8]

FOV_WITHOUT_CALIBRATION = 8.0
"""Degrees that the longer side of a picture spans for sets with 2D labels only: nearly parallel rays, so that looking
from another side leaves the person's picture as it is."""


@dataclass(frozen=True, eq=False)
class Example:
    """One person in one picture. J counts the joints of its skeleton.

    Attributes:
        key: unique in its data set: letters, digits, ``_`` and ``-``.
        image: (H, W, 3) BGR as the camera saw it.
        camera: that took the picture, with its distortion.
        skeleton: of the joints.
        joints_mm: (J, 3) in the camera's frame; NaN where unknown.
        box: (4,) xyxy px around the person.
        joints_px: (J, 2) in the picture as seen, NaN where unknown; None if `joints_mm` says it.
        hidden: (J,) which joints something hides; None if nobody knows.
        mask: (H, W) 255 where the person is, else 0; None if nobody drew one.
        universal_mm: (J, 3) the pose as a person of standard size would have it (MPI-INF-3DHP), camera frame.
        facts: for protocols, such as ``subject``, ``action``, ``camera``, ``sequence``, ``frame`` and ``person``.
    """

    key: str
    image: Image
    camera: Camera
    skeleton: Skeleton
    joints_mm: Floats
    box: Floats
    joints_px: Floats | None = None
    hidden: npt.NDArray[np.bool_] | None = None
    mask: Image | None = None
    universal_mm: Floats | None = None
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class FrameExample:
    """One whole picture of P people; fields as of `Example`, with P in front.

    Attributes:
        intrinsics: (3, 3); the picture has no distortion.
        valid: (P,) whose labels count.
    """

    key: str
    image: Image
    intrinsics: Floats
    skeleton: Skeleton
    joints_mm: Floats
    joints_px: Floats
    universal_mm: Floats
    hidden: npt.NDArray[np.bool_]
    valid: npt.NDArray[np.bool_]
    facts: dict[str, Any] = field(default_factory=dict)


def camera_without_calibration(image: Image) -> Camera:
    """The camera that stands in where nobody calibrated one."""
    return Camera.from_fov(image.shape[1], image.shape[0], FOV_WITHOUT_CALIBRATION)


def box_around(points: Floats, scale: float) -> Floats:
    """(4,) xyxy: the smallest box around (N, 2) points that are not NaN, enlarged about its centre."""
    low, high = np.nanmin(points, axis=0), np.nanmax(points, axis=0)
    centre, half = (low + high) / 2, (high - low) / 2 * scale
    return np.concatenate([centre - half, centre + half])


def inside(points: Floats, width: int, height: int) -> npt.NDArray[np.bool_]:
    """(...,) which (..., 2) px lie in a picture; NaN lies outside."""
    return np.all((points >= -0.5) & (points <= np.array([width, height]) - 0.5), axis=-1)
