"""Crops as virtual cameras: a camera at the same place, turned to look at the person, without distortion.

A rectangle cut from the image would show a person at the edge of a wide image from a wrong angle. A crop camera looks
straight at the person, so what the network sees does not depend on where in the image somebody stands (Sarandi et al.
2021, MeTRAbs).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from scipy.interpolate import CubicSpline

from metric_pose_ros.geometry.camera import Camera

Floats = npt.NDArray[np.floating]

_GRID = 16
"""Crop px between the points where a distorted crop is computed exactly; splines in between are good to 0.01 px on real
lenses."""
_FINE_GRID = 4
"""The same where some of those points lie far outside the image; cubics in between are good to 0.03 px inside it, but
for its border on lenses of over 120 degrees that are not fisheyes."""
FACTORS = (1, 2, 3, 4, 6, 8, 12)
"""By how much an image may be shrunk before a crop is sampled from it; few, so that the GPU's graph does the same."""
MIDDLE = 0.125
"""Of a crop's width, how wide the part is whose zoom counts for all of it: the border of a crop at the edge of a wide
image looks far outside the image, where every step is large."""
_OUTSIDE = 1e4
"""A pixel coordinate far outside any image."""


@dataclass(frozen=True, eq=False)
class Crop:
    """A virtual camera that looks at one box.

    Attributes:
        rotation: (3, 3) from the camera frame to the crop camera frame.
        K: (3, 3) intrinsics of the crop, px.
        side: width and height, px.
    """

    rotation: Floats
    K: Floats
    side: int

    def rays(self, points: Floats) -> Floats:
        """(N, 2) px in the crop -> (N, 3) directions in the camera frame, of depth 1 along the crop's axis."""
        ahead = np.concatenate([np.asarray(points, float), np.ones((len(points), 1))], axis=1)
        return ahead @ (self.rotation.T @ np.linalg.inv(self.K)).T

    def to_camera_frame(self, points: Floats) -> Floats:
        """(..., 3) in the crop camera's frame -> (..., 3) in the camera's frame, same unit."""
        return points @ self.rotation


def look_at(
    camera: Camera, box: Floats, side: int, scale: float = 1.25, up: tuple[float, float, float] = (0, -1, 0)
) -> Crop:
    """The crop camera for a box: it looks at the box' centre, with `up` kept up.

    Args:
        camera: that took the image.
        box: (4,) xyxy px in the image as seen, of positive size.
        side: of the crop, px.
        scale: side of what is seen over the larger side of the box.
        up: in the camera frame; the image's own up by default.

    Returns:
        The crop, with its optical axis at ((side - 1) / 2, (side - 1) / 2).
    """
    x1, y1, x2, y2 = (float(value) for value in box)
    x, y = (x1 + x2) / 2, (y1 + y2) / 2
    rays = camera.rays(np.array([[x, y], [x1, y], [x2, y], [x, y1], [x, y2]]))
    ahead = rays[0]
    right = np.cross(ahead, np.asarray(up, float))
    if np.linalg.norm(right) < 1e-3:  # looking straight up or down: any right will do, take the image's
        right = np.cross(np.array([0.0, 1.0, 0.0]) if abs(ahead[1]) < 0.9 else np.array([0.0, 0.0, -ahead[1]]), ahead)
    right /= np.linalg.norm(right)
    rotation = np.stack([right, np.cross(ahead, right), ahead])
    edges = rays[1:] @ rotation.T
    plane = edges[:, :2] / np.maximum(edges[:, 2:], 0.1)
    extent = max(float(np.linalg.norm(plane[1] - plane[0])), float(np.linalg.norm(plane[3] - plane[2])), 1e-6)
    focal = side / (extent * scale)
    centre = (side - 1) / 2
    return Crop(rotation, np.array([[focal, 0, centre], [0, focal, centre], [0, 0, 1]]), side)


def middle_of(side: int) -> Floats:
    """(4, 2) px, the corners of the middle of a crop of `side` px, as large as `MIDDLE` says."""
    return (side - 1) / 2 + MIDDLE * side / 2 * np.array([[-1, -1], [1, -1], [-1, 1], [1, 1]])


def sample(image_bgr: npt.NDArray, camera: Camera, crops: list[Crop], out: npt.NDArray[np.float32]) -> None:
    """Looks at the image through each crop camera.

    Args:
        image_bgr: (height, width, 3) as seen by `camera`.
        camera: that took it.
        crops: N crops of one side S.
        out: (>= N, 3, S, S) is filled with RGB in 0..1, gamma-encoded as in the image, zero outside the image.
    """
    for crop, channels in zip(crops, out, strict=False):
        warped = _warp(image_bgr, camera, crop)
        # Contiguous planes first: scaling strided bytes costs twice as much.
        for plane, channel in zip(cv2.split(warped)[::-1], channels, strict=True):
            np.multiply(plane, np.float32(1 / 255), out=channel, dtype=np.float32)


def _warp(image: npt.NDArray, camera: Camera, crop: Crop) -> npt.NDArray:
    """(S, S, 3) uint8 BGR seen by the crop camera."""
    return _warp_straight(image, camera, crop) if camera.straight else _warp_bent(image, camera, crop)


def _warp_straight(image: npt.NDArray, camera: Camera, crop: Crop) -> npt.NDArray:
    """The same where the lens has no distortion."""
    side = crop.side
    homography = camera.K @ crop.rotation.T @ np.linalg.inv(crop.K)
    seen = _corners(side) @ homography.T
    depth = seen[:, 2]
    middle = seen[4:, :2] / depth[4:, None]
    behind = depth.min() <= 0.05 * depth.max()
    points = np.array([[0, 0], image.shape[1::-1]], float) if behind else seen[:4, :2] / depth[:4, None]
    window = _Window.around(image, points, _zoom(middle, side))
    if window is None:
        return np.zeros((side, side, 3), np.uint8)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    warped = cv2.warpPerspective(window.pixels(image), window.matrix @ homography, (side, side), flags=flags)
    if behind:  # a homography mirrors what lies there into the image
        pixels = np.arange(side)
        along, down, there = homography[2]
        warped[along * pixels + down * pixels[:, None] + there <= 0] = 0
    return warped


def _warp_bent(image: npt.NDArray, camera: Camera, crop: Crop) -> npt.NDArray:
    """The same through any lens."""
    side = crop.side
    nodes, weights = _splines(side)
    points = _project(camera, crop, nodes)
    if not np.abs(points).max() <= _OUTSIDE:  # splines would swing from there as far as into the image
        nodes, weights = _cubics(side)
        points = np.nan_to_num(np.clip(_project(camera, crop, nodes), -_OUTSIDE, _OUTSIDE), nan=_OUTSIDE)
    window = _Window.around(image, points, _zoom(camera.project(crop.rays(middle_of(side))), side))
    if window is None:
        return np.zeros((side, side, 3), np.uint8)
    coarse = window.apply(points).reshape(len(nodes), len(nodes), 2).astype(np.float32)
    map_x, map_y = (_product(_product(weights, coarse[..., axis]), weights.T) for axis in (0, 1))
    return cv2.remap(window.pixels(image), map_x, map_y, cv2.INTER_LINEAR)


def _project(camera: Camera, crop: Crop, nodes: Floats) -> Floats:
    """(nodes^2, 2) px of the image where a crop looks at all pairs of `nodes`, row by row."""
    x, y = np.meshgrid(nodes, nodes)
    rays = crop.rays(np.stack([x.ravel(), y.ravel()], axis=1))
    points = camera.project(rays)
    behind = np.isnan(points[:, 0])
    if behind.any():  # the lens cannot look there: beyond the border that is on the way
        points[behind] = camera.project(rays[behind] * [1, 1, 0] + [0, 0, 1e-4])
    return points


@lru_cache(maxsize=4)
def _corners(side: int) -> Floats:
    """(8, 3) homogeneous px: the corners of a crop, and those of its middle."""
    last = side - 1
    points = np.concatenate([[[0, 0], [last, 0], [0, last], [last, last]], middle_of(side)])
    return np.concatenate([points, np.ones((8, 1))], axis=1)


def _zoom(middle: Floats, side: int) -> float:
    """Image px per crop px, where fewer: of a crop of `side` px whose `middle_of` appears at (4, 2) px."""
    left_top, right_top, left_bottom, right_bottom = middle
    across = (right_top + right_bottom - left_top - left_bottom) / 2
    down = (left_bottom + right_bottom - left_top - right_top) / 2
    return min(math.hypot(*across), math.hypot(*down)) / (MIDDLE * side)


def _product(left: npt.NDArray, right: npt.NDArray) -> npt.NDArray:
    """A matrix product by OpenCV: NumPy's takes threads of its own, which wait on the networks' (16 ms instead of
    0.06)."""
    nothing: Any = None
    return cv2.gemm(np.ascontiguousarray(left), np.ascontiguousarray(right), 1, nothing, 0)


@lru_cache(maxsize=4)
def _splines(side: int) -> tuple[Floats, npt.NDArray[np.float32]]:
    """(nodes,) every `_GRID`-th px, and (side, nodes) weights of the splines through them to each px."""
    nodes = np.arange(0, side + _GRID, _GRID, dtype=float)
    return nodes, CubicSpline(nodes, np.eye(len(nodes)))(np.arange(side, dtype=float)).astype(np.float32)


@lru_cache(maxsize=4)
def _cubics(side: int) -> tuple[Floats, npt.NDArray[np.float32]]:
    """(nodes,) every `_FINE_GRID`-th px, and (side, nodes) weights of the cubics through the four nearest to each
    px."""
    nodes = np.arange(-_FINE_GRID, side + 2 * _FINE_GRID, _FINE_GRID, dtype=float)
    weights = np.zeros((side, len(nodes)), np.float32)
    pixels = np.arange(side)
    first = pixels // _FINE_GRID
    along = pixels / _FINE_GRID + 1 - first
    for node in range(4):
        others = [other for other in range(4) if other != node]
        weights[pixels, first + node] = np.prod([(along - other) / (node - other) for other in others], axis=0)
    return nodes, weights


@dataclass(frozen=True)
class _Window:
    """The part of the image that a crop sees, shrunk by a whole factor so that sampling it bilinearly does not
    alias."""

    left: int
    top: int
    right: int
    bottom: int
    factor: int

    @classmethod
    def around(cls, image: npt.NDArray, points: Floats, zoom: float) -> _Window | None:
        """The window that holds (N, 2) image points, to be shrunk by up to `zoom`; None if it lies outside the
        image."""
        height, width = image.shape[:2]
        low, high = points.min(axis=0), points.max(axis=0)
        factor = max((factor for factor in FACTORS if factor <= zoom), default=1)
        # With what sampling at the outermost points blends in. Cells are counted from the image's corner, whatever the
        # window; at the image's far border the last, incomplete one is given up.
        first = [max(int(np.floor(value)) - factor - 1, 0) // factor * factor for value in low]
        last = [
            min(-(-(int(np.ceil(value)) + factor + 2) // factor), size // factor) * factor
            for value, size in zip(high, (width, height), strict=True)
        ]
        if first[0] >= last[0] or first[1] >= last[1]:
            return None
        (left, top), (right, bottom) = first, last
        return cls(left, top, right, bottom, factor)

    def pixels(self, image: npt.NDArray) -> npt.NDArray:
        part = image[self.top : self.bottom, self.left : self.right]
        size = (part.shape[1] // self.factor, part.shape[0] // self.factor)
        return part if self.factor == 1 else cv2.resize(part, size, interpolation=cv2.INTER_AREA)

    @property
    def matrix(self) -> Floats:
        """(3, 3) from image px to px of `pixels`; pixel centres are whole numbers in both."""
        shift = 0.5 / self.factor - 0.5
        return np.array(
            [
                [1 / self.factor, 0, shift - self.left / self.factor],
                [0, 1 / self.factor, shift - self.top / self.factor],
                [0, 0, 1],
            ]
        )

    def apply(self, points: Floats) -> Floats:
        """(N, 2) image px -> px of `pixels`."""
        return (points - [self.left, self.top] + 0.5) / self.factor - 0.5
