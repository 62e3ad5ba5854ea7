"""Lens models: where a ray of the undistorted camera lands on the distorted normalised image plane, and back.

The models are those of ROS' CameraInfo, with OpenCV's coefficient order:

* ``plumb_bob``: k1 k2 p1 p2 [k3]
* ``rational_polynomial``: k1 k2 p1 p2 k3 k4 k5 k6 [s1 s2 s3 s4 [tau_x tau_y]]
* ``equidistant``: k1 k2 k3 k4 (fisheye; Kannala and Brandt 2006)

A polynomial lens model holds only up to some angle, beyond which it folds the world back into the image. Beyond that
angle the radius is extended in proportion instead, so that what the lens cannot see lands outside the image.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]

SIZES = {"pinhole": (0,), "plumb_bob": (4, 5), "rational_polynomial": (8, 12, 14), "equidistant": (4,)}
"""How many coefficients each model takes. None at all always means: no distortion."""

_ALIASES = {"": "pinhole", "none": "pinhole", "fisheye": "equidistant"}
_TABLE = 2048
_NEWTON_STEPS = 6


class Lens(Protocol):
    """Directions and points of the distorted plane at distance 1 (multiply by K to get pixels)."""

    def distort(self, points: Floats) -> Floats:
        """(N, 3) points in the camera frame, any scale -> (N, 2); NaN where the lens cannot look."""
        ...

    def undistort(self, plane: Floats) -> Floats:
        """(N, 2) -> (N, 3) directions of unit length."""
        ...


def lens(model: str, coefficients: Floats) -> Lens:
    """Builds the lens for a model name as in CameraInfo.

    Raises:
        ValueError: for a model that is not known here, or the wrong number of coefficients.
    """
    name = _ALIASES.get(model, model)
    if name not in SIZES:
        raise ValueError(f"unknown distortion model {model!r}; known are {', '.join(SIZES)}")
    if len(coefficients) == 0 and name != "equidistant":
        return Polynomial(np.zeros(14))
    if len(coefficients) == 0:
        return Fisheye(np.zeros(4))
    if len(coefficients) not in SIZES[name]:
        expected = " or ".join(str(size) for size in SIZES[name])
        raise ValueError(
            f"distortion model {name!r} takes {expected} coefficients, but {len(coefficients)} were given: "
            "check the distortion_model that goes with them"
        )
    if name == "equidistant":
        return Fisheye(np.asarray(coefficients, float))
    return Polynomial(np.pad(np.asarray(coefficients, float), (0, 14 - len(coefficients))))


def _rising_part(inputs: Floats, outputs: Floats) -> int:
    """Index of the last sample up to which `outputs` keeps growing."""
    falling = np.flatnonzero(np.diff(outputs) <= 0)
    return int(falling[0]) if len(falling) else len(inputs) - 1


@dataclass(frozen=True, eq=False)
class Polynomial:
    """Brown-Conrady with OpenCV's rational, thin-prism and tilt terms; all zero is the pinhole.

    Attributes:
        coefficients: (14,) in OpenCV's order.
    """

    coefficients: Floats

    @property
    def straight(self) -> bool:
        """Whether this is a pinhole: straight lines stay straight."""
        return not self.coefficients.any()

    def distort(self, points: Floats) -> Floats:
        depth = points[:, 2:]
        plane = np.full((len(points), 2), np.nan)
        front = depth[:, 0] > 1e-9 * np.linalg.norm(points, axis=1)
        plane[front] = points[front, :2] / depth[front]
        return plane if self.straight else self._bend(plane)

    def undistort(self, plane: Floats) -> Floats:
        straight = plane if self.straight else self._unbend(plane)
        rays = np.concatenate([straight, np.ones((len(straight), 1))], axis=1)
        return rays / np.linalg.norm(rays, axis=1, keepdims=True)

    @cached_property
    def _profile(self) -> tuple[Floats, Floats]:
        """Radius before and after the lens along the part where it grows; both start at 0."""
        radius = np.tan(np.linspace(0, np.radians(85), _TABLE))
        bent = radius * self._radial(radius**2)
        end = _rising_part(radius, bent)
        return radius[: end + 1], bent[: end + 1]

    @cached_property
    def _tilt(self) -> Floats:
        """(3, 3) homography of a tilted sensor, OpenCV's computeTiltProjectionMatrix."""
        x, y = self.coefficients[12:]
        about_x = np.array([[1, 0, 0], [0, np.cos(x), np.sin(x)], [0, -np.sin(x), np.cos(x)]])
        about_y = np.array([[np.cos(y), 0, -np.sin(y)], [0, 1, 0], [np.sin(y), 0, np.cos(y)]])
        turn = about_y @ about_x
        onto = np.array([[turn[2, 2], 0, -turn[0, 2]], [0, turn[2, 2], -turn[1, 2]], [0, 0, 1]])
        return onto @ turn

    def _radial(self, r2: Floats) -> Floats:
        k1, k2, _, _, k3, k4, k5, k6 = self.coefficients[:8]
        return (1 + r2 * (k1 + r2 * (k2 + r2 * k3))) / (1 + r2 * (k4 + r2 * (k5 + r2 * k6)))

    def _bend(self, plane: Floats) -> Floats:
        p1, p2 = self.coefficients[2:4]
        s1, s2, s3, s4 = self.coefficients[8:12]
        limit = self._profile[0][-1]
        radius = np.hypot(plane[:, 0], plane[:, 1])
        beyond = np.maximum(radius / limit, 1.0)[:, None]
        inside = plane / beyond
        x, y = inside.T
        r2 = x * x + y * y
        bent = inside * self._radial(r2)[:, None]
        bent[:, 0] += 2 * p1 * x * y + p2 * (r2 + 2 * x * x) + r2 * (s1 + r2 * s2)
        bent[:, 1] += p1 * (r2 + 2 * y * y) + 2 * p2 * x * y + r2 * (s3 + r2 * s4)
        if self.coefficients[12:].any():
            tilted = np.concatenate([bent, np.ones((len(bent), 1))], axis=1) @ self._tilt.T
            bent = tilted[:, :2] / tilted[:, 2:]
        return bent * beyond

    def _unbend(self, bent: Floats) -> Floats:
        """Newton's method on `_bend`, started from the radial part alone, which a table inverts."""
        before, after = self._profile
        radius = np.hypot(bent[:, 0], bent[:, 1])
        start = np.interp(radius, after, before) * np.maximum(radius / after[-1], 1.0)
        plane = bent * (start / np.maximum(radius, 1e-12))[:, None]
        step = 1e-6
        nudges = np.array([[0.0, 0.0], [step, 0.0], [0.0, step]])[:, None]
        for _ in range(_NEWTON_STEPS):
            value, right, below = self._bend((plane + nudges).reshape(-1, 2)).reshape(3, -1, 2)
            error = value - bent
            if np.abs(error).max(initial=0) < 1e-12:
                break
            a, c = (right - value).T / step
            b, d = (below - value).T / step
            determinant = a * d - b * c
            determinant = np.where(np.abs(determinant) < 1e-9, np.inf, determinant)
            move = np.stack([d * error[:, 0] - b * error[:, 1], a * error[:, 1] - c * error[:, 0]], axis=1)
            move /= determinant[:, None]
            longest = np.maximum(np.linalg.norm(move, axis=1, keepdims=True), 1e-12)
            plane = plane - move * np.minimum(1.0, 0.5 / longest)
        return plane


@dataclass(frozen=True, eq=False)
class Fisheye:
    """Equidistant projection with an odd polynomial in the angle; sees beyond 90 degrees.

    Attributes:
        coefficients: (4,) k1..k4.
    """

    coefficients: Floats

    straight = False

    def distort(self, points: Floats) -> Floats:
        across = np.hypot(points[:, 0], points[:, 1])
        angle = np.arctan2(across, points[:, 2])
        # The direction within the plane is undefined on the axis, where the radius is zero anyway.
        return points[:, :2] * (self._radius(angle) / np.maximum(across, 1e-12))[:, None]

    def undistort(self, plane: Floats) -> Floats:
        radius = np.hypot(plane[:, 0], plane[:, 1])
        before, after = self._profile
        angle = np.interp(radius, after, before) * np.maximum(radius / after[-1], 1.0)
        step = 1e-6
        for _ in range(_NEWTON_STEPS):
            slope = (self._radius(angle + step) - self._radius(angle)) / step
            angle = angle - (self._radius(angle) - radius) / np.maximum(slope, 1e-3)
        angle = np.clip(angle, 0, np.pi)
        direction = plane / np.maximum(radius, 1e-12)[:, None]
        return np.concatenate([direction * np.sin(angle)[:, None], np.cos(angle)[:, None]], axis=1)

    @cached_property
    def _profile(self) -> tuple[Floats, Floats]:
        """Angle from the axis (radians) and its radius, along the part where the radius grows."""
        angle = np.linspace(0, np.pi, _TABLE)
        radius = self._polynomial(angle)
        end = _rising_part(angle, radius)
        return angle[: end + 1], radius[: end + 1]

    def _polynomial(self, angle: Floats) -> Floats:
        k1, k2, k3, k4 = self.coefficients
        t2 = angle * angle
        return angle * (1 + t2 * (k1 + t2 * (k2 + t2 * (k3 + t2 * k4))))

    def _radius(self, angle: Floats) -> Floats:
        before, _ = self._profile
        beyond = np.maximum(angle / before[-1], 1.0)
        return self._polynomial(angle / beyond) * beyond
