"""The camera: from metres to pixels and from pixels to rays."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from metric_pose_ros import plain_yaml
from metric_pose_ros.geometry.distortion import Lens, Polynomial, lens

Floats = npt.NDArray[np.floating]

_LARGEST_SIDE = 100_000
"""px; no camera has more."""
_EXTREME = 1000.0
"""Focal lengths are at most so many times longer or shorter than the image: 0.06 degrees of view, or all around."""

_STRONGEST = 1e6
"""Of the coefficients of a distortion."""


class UncalibratedError(ValueError):
    """A camera whose intrinsic matrix is all zero, as drivers publish it until somebody calibrates."""


@dataclass(frozen=True, eq=False)
class Camera:
    """Intrinsics and distortion of one camera, as ROS' CameraInfo has them.

    The frame is the optical one (x right, y down, z forward). Pixel (0, 0) is the centre of the top-left pixel.

    Attributes:
        K: (3, 3) intrinsic matrix, px.
        distortion: coefficients in OpenCV's order; empty means no distortion.
        model: ``pinhole``, ``plumb_bob``, ``rational_polynomial`` or ``equidistant``.
        width: px.
        height: px.

    Raises:
        UncalibratedError: if K is all zero.
        ValueError: if K is no intrinsic matrix, the size is not positive, or model and coefficients do not fit.
    """

    K: Floats
    distortion: Floats
    model: str
    width: int
    height: int

    def __post_init__(self) -> None:
        K = np.array(self.K, dtype=float)
        if K.size == 9:
            K = K.reshape(3, 3)
        if K.shape != (3, 3):
            raise ValueError(f"K has shape {K.shape}, expected (3, 3)")
        if not K.any():
            raise UncalibratedError("K is all zero: this camera is not calibrated. Calibrate it, or give a camera file")
        if not np.isfinite(K).all():
            raise ValueError(f"K holds values that are not finite: {K.tolist()}")
        if K[0, 0] <= 0 or K[1, 1] <= 0 or not np.allclose(K[[1, 2, 2, 2], [0, 0, 1, 2]], [0, 0, 0, 1]):
            raise ValueError(
                f"K is no intrinsic matrix [[fx, s, cx], [0, fy, cy], [0, 0, 1]] with fx, fy > 0: {K.tolist()}"
            )
        coefficients = np.array(self.distortion, dtype=float).ravel()
        if not np.isfinite(coefficients).all():
            raise ValueError(f"the distortion holds values that are not finite: {coefficients.tolist()}")
        if np.abs(coefficients).max(initial=0) > _STRONGEST:
            raise ValueError(
                f"the distortion is {coefficients.tolist()}: no lens is like that; calibrate the camera again"
            )
        size = (self.width, self.height)
        if not all(1 <= side <= _LARGEST_SIDE for side in size):
            raise ValueError(
                f"the camera's image size is {self.width}x{self.height}, expected positive numbers "
                f"up to {_LARGEST_SIDE}"
            )
        longer = max(size)
        if min(K[0, 0], K[1, 1]) < longer / _EXTREME or np.abs(K[:2]).max() > longer * _EXTREME:
            raise ValueError(
                f"K is {K.tolist()} for an image of {self.width}x{self.height}: no lens is like that; expected focal "
                "lengths and a principal point of the order of the image's size, in px"
            )
        K.setflags(write=False)
        coefficients.setflags(write=False)
        object.__setattr__(self, "K", K)
        object.__setattr__(self, "distortion", coefficients)
        object.__setattr__(self, "width", int(self.width))
        object.__setattr__(self, "height", int(self.height))
        object.__setattr__(self, "_lens", lens(self.model, coefficients))
        if not self.straight and not np.isfinite(self.rays(self._border())).all():
            raise ValueError(
                f"the distortion {coefficients.tolist()} ({self.model}) makes no image of {self.width}x{self.height}: "
                "calibrate the camera again"
            )

    @classmethod
    def from_yaml(cls, path: str | Path) -> Camera:
        """Reads the file that ROS' camera_calibration writes.

        Raises:
            FileNotFoundError: if there is no such file.
            ValueError: if it is not such a file; the message names the missing entry.
        """
        path = Path(path)
        if not path.is_file():
            raise FileNotFoundError(f"no camera file {path}; expected the YAML file that camera_calibration writes")
        try:
            content = plain_yaml.load(path.read_bytes())
        except ValueError as error:
            raise ValueError(f"camera file {path} cannot be read: {error}") from error
        if not isinstance(content, dict):
            raise ValueError(
                f"camera file {path} has no entries; expected image_width, image_height, camera_matrix, ..."
            )
        missing = [name for name in ("image_width", "image_height", "camera_matrix") if name not in content]
        if missing:
            raise ValueError(f"camera file {path} has no {', '.join(missing)}; expected what camera_calibration writes")
        try:
            return cls(
                K=np.array(_matrix(content["camera_matrix"]), dtype=float),
                distortion=np.array(_matrix(content.get("distortion_coefficients", [])), dtype=float),
                model=str(content.get("distortion_model", "plumb_bob")),
                width=content["image_width"],
                height=content["image_height"],
            )
        except (ValueError, TypeError) as error:
            raise ValueError(f"camera file {path}: {error}") from error

    @classmethod
    def from_fov(cls, width: int, height: int, fov_degrees: float) -> Camera:
        """A camera without distortion whose longer image side spans `fov_degrees`.

        A stand-in for a calibration: distances come out wrong by as much as the focal length is wrong.
        """
        if not 0 < fov_degrees < 180:
            raise ValueError(
                f"a field of view of {fov_degrees} degrees was given, expected more than 0 and less than 180"
            )
        focal = max(width, height) / 2 / math.tan(math.radians(fov_degrees) / 2)
        K = np.array([[focal, 0, (width - 1) / 2], [0, focal, (height - 1) / 2], [0, 0, 1]])
        return cls(K, np.zeros(0), "pinhole", width, height)

    def resized(self, width: int, height: int) -> Camera:
        """The same camera where its images are scaled to another size, not cropped."""
        scale = np.array([width / self.width, height / self.height])
        K = self.K.copy()
        # Pixels' centres are at whole numbers, so the image begins half a pixel before the first one.
        K[:2, 2] += 0.5
        K[:2] *= scale[:, None]
        K[:2, 2] -= 0.5
        return Camera(K, self.distortion, self.model, width, height)

    def _border(self) -> Floats:
        """(8, 2) px, the corners of the image and the middles of its sides."""
        x, y = np.meshgrid([0, (self.width - 1) / 2, self.width - 1], [0, (self.height - 1) / 2, self.height - 1])
        return np.delete(np.stack([x.ravel(), y.ravel()], axis=1), 4, axis=0)

    @property
    def straight(self) -> bool:
        """Whether the lens has no distortion, so that lines stay lines."""
        return self.lens.straight if isinstance(self.lens, Polynomial) else False

    @property
    def lens(self) -> Lens:
        """The lens model, on the plane at distance 1."""
        return self.__dict__["_lens"]

    @cached_property
    def _inverse(self) -> Floats:
        return np.linalg.inv(self.K)

    def rays(self, points: Floats) -> Floats:
        """Directions in which image points lie.

        Args:
            points: (N, 2) px in the image as seen.

        Returns:
            (N, 3) of length 1, in the camera frame.
        """
        points = np.asarray(points, float).reshape(-1, 2)
        plane = points @ self._inverse[:2, :2].T + self._inverse[:2, 2]
        return self.lens.undistort(plane)

    def project(self, points: Floats) -> Floats:
        """Where points in space appear in the image as seen.

        Args:
            points: (N, 3) in the camera frame; metres, or any unit.

        Returns:
            (N, 2) px, possibly outside the image. NaN for points that the lens cannot see: behind a pinhole camera.
            A fisheye sees all around, and nothing is NaN.
        """
        plane = self.lens.distort(np.asarray(points, float).reshape(-1, 3))
        return plane @ self.K[:2, :2].T + self.K[:2, 2]

    def undistort(self, points: Floats) -> Floats:
        """Where image points would be if the lens had no distortion.

        Args:
            points: (N, 2) px in the image as seen.

        Returns:
            (N, 2) px for the same K. NaN for points 90 degrees or more off the axis, which no undistorted image shows.
        """
        rays = self.rays(points)
        plane = np.full((len(rays), 2), np.nan)
        front = rays[:, 2] > 1e-6
        plane[front] = rays[front, :2] / rays[front, 2:]
        return plane @ self.K[:2, :2].T + self.K[:2, 2]


def _matrix(entry: Any) -> Any:
    """The numbers of a calibration file's matrix, written with rows, cols and data or as a plain list."""
    values = entry["data"] if isinstance(entry, dict) and "data" in entry else entry
    rows = values if isinstance(values, list) and all(isinstance(row, list) for row in values) else [values]
    if not all(isinstance(row, list) and all(isinstance(number, (int, float)) for number in row) for row in rows):
        raise ValueError(f"{str(values)[:80]} stands where a list of numbers is expected")
    return values
