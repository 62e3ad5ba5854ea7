"""Cameras: where a robot's camera stands, what of a person it sees, and the virtual camera of the crop."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

CROP_SIDE = 256
BOX_MARGIN = 1.25
"""The crop is this much larger than the box."""


@dataclass(frozen=True)
class Camera:
    """A camera without distortion. rotation: (3, 3) world to camera (x right, y down, z forward); position: (3,) m."""

    rotation: np.ndarray
    position: np.ndarray

    def see(self, points: np.ndarray) -> np.ndarray:
        """(..., 3) world points in the camera frame, m."""
        return (points - self.position) @ self.rotation.T


@dataclass(frozen=True)
class Crop:
    """A virtual camera looking at a box.

    Attributes:
        camera: its pose. intrinsics: (3, 3), pixel centres at integers, optical axis at ((S-1)/2, (S-1)/2).
        image: (4,) the real image's left, top, right, bottom in the real camera's normalised coordinates;
        to_real: (3, 3) rotation from the crop camera to the real camera; truncated: whether the image cuts the person.
    """

    camera: Camera
    intrinsics: np.ndarray
    image: np.ndarray
    to_real: np.ndarray
    truncated: bool

    @property
    def focal(self) -> float:
        return float(self.intrinsics[0, 0])

    def project(self, points: np.ndarray) -> np.ndarray:
        """(..., 2) pixels of points (..., 3) given in the crop camera's frame."""
        depth = np.maximum(points[..., 2:], 1e-3)
        return points[..., :2] / depth * self.focal + self.intrinsics[0, 2]

    def inside_image(self, scale: int = 1) -> np.ndarray:
        """(S * scale, S * scale) bool: which pixels of the crop the real image covers."""
        side = CROP_SIDE * scale
        pixels = (np.arange(side) + 0.5) / scale - 0.5
        slope = (pixels - self.intrinsics[0, 2]) / self.focal
        x, y = np.meshgrid(slope, slope)
        rays = np.stack([x, y, np.ones_like(x)], -1) @ self.to_real.T
        u, v = rays[..., 0] / rays[..., 2], rays[..., 1] / rays[..., 2]
        left, top, right, bottom = self.image
        return (rays[..., 2] > 0) & (u >= left) & (u <= right) & (v >= top) & (v <= bottom)


def look_at(position: np.ndarray, target: np.ndarray, up: np.ndarray) -> Camera:
    """A camera at `position` whose axis goes through `target`, with `up` upwards in its image."""
    forward = target - position
    forward = forward / np.linalg.norm(forward)
    right = np.cross(forward, up)
    right /= np.linalg.norm(right)
    return Camera(np.stack([right, np.cross(forward, right), forward]), position)


def sample_camera(rng: np.random.Generator, centre: np.ndarray, ground: float) -> Camera:
    """A robot's or a person's camera, 1.1 to 12 m from the person, 0.2 to 3 m above the ground, mostly level.

    Args:
        centre: (3,) middle of the person, m; ground: height of the floor, m.
    """
    distance = float(np.exp(rng.uniform(np.log(1.2), np.log(11.0)))) if rng.random() < 0.75 else rng.uniform(2.0, 6.0)
    heights = (rng.uniform(0.8, 1.8), rng.uniform(0.2, 0.8), rng.uniform(1.8, 3.0))
    height = float(rng.choice(heights, p=[0.5, 0.3, 0.2]))
    if rng.random() < 0.06:  # anything else: upstairs, drones, slopes
        height = float(np.clip(distance * np.tan(np.deg2rad(rng.uniform(-25, 60))) + 0.9, -2, 8))
    azimuth = rng.uniform(0, 2 * np.pi)
    position = np.array([*(centre[:2] + distance * np.array([np.cos(azimuth), np.sin(azimuth)])), ground + height])
    aimed = look_at(position, centre, np.array([0, 0, 1.0]))
    pitch = np.arcsin(-aimed.rotation[2, 2])
    if rng.random() < 0.5:  # a level camera, unless the person would be out of sight
        pitch = float(np.clip(rng.normal(0, 6) * np.pi / 180, pitch - 0.6, pitch + 0.6))
    heading = azimuth + np.pi + rng.uniform(-0.45, 0.45)
    forward = np.array([np.cos(heading) * np.cos(pitch), np.sin(heading) * np.cos(pitch), -np.sin(pitch)])
    roll = np.deg2rad(rng.normal(0, 2.5))
    level = look_at(position, position + forward, np.array([0, 0, 1.0]))
    lean = np.array([[np.cos(roll), -np.sin(roll), 0], [np.sin(roll), np.cos(roll), 0], [0, 0, 1]])
    return Camera(lean @ level.rotation, position)


def sample_crop(rng: np.random.Generator, camera: Camera, surface: np.ndarray, truncate: bool) -> Crop | None:
    """Frames a person as the estimator will: a virtual camera looks at the box of what is seen, not quite exactly.

    Args:
        camera: the real camera; surface: (V, 3) the person's skin, world frame; truncate: let the image cut the person.

    Returns:
        None if the person is too close to the camera to be framed.
    """
    points = camera.see(surface)
    if points[:, 2].min() < 0.25:
        return None
    plane = points[:, :2] / points[:, 2:]
    low, high = plane.min(0), plane.max(0)
    image = _sample_image(rng, low, high, truncate)
    seen = plane[(plane >= image[:2]).all(1) & (plane <= image[2:]).all(1)]
    if len(seen) < 150:
        return None
    low, high = np.maximum(seen.min(0), image[:2]), np.minimum(seen.max(0), image[2:])
    size = high - low
    centre = (low + high) / 2 + np.clip(rng.normal(0, 0.035, 2), -0.1, 0.1) * size
    to_real = look_at(np.zeros(3), np.append(centre, 1.0), np.array([0, -1.0, 0])).rotation.T
    edges = np.array([[low[0], centre[1], 1], [high[0], centre[1], 1], [centre[0], low[1], 1], [centre[0], high[1], 1]])
    turned = edges @ to_real
    turned = turned[:, :2] / turned[:, 2:]
    extent = max(turned[1, 0] - turned[0, 0], turned[3, 1] - turned[2, 1])
    focal = CROP_SIDE / (extent * BOX_MARGIN * rng.triangular(0.85, 1.0, 1.25))
    middle = (CROP_SIDE - 1) / 2
    intrinsics = np.array([[focal, 0, middle], [0, focal, middle], [0, 0, 1]])
    return Crop(Camera(to_real.T @ camera.rotation, camera.position), intrinsics, image, to_real, truncate)


def _sample_image(rng: np.random.Generator, low: np.ndarray, high: np.ndarray, truncate: bool) -> np.ndarray:
    """(4,) image bounds around a person's bounds, one or two of them cutting the person if asked for."""
    size = high - low
    # Most people stand clear of the image's border, so most crops have none of its black beyond.
    margins = rng.exponential(1.5, 4) * size.max() + (10 * size.max() if rng.random() < 0.6 else 0)
    image = np.concatenate([low - margins[:2], high + margins[2:]])
    if truncate:
        side = rng.choice(["feet", "head", "left", "right", "corner"], p=[0.55, 0.10, 0.125, 0.125, 0.10])
        if side in ("feet", "corner"):
            image[3] = low[1] + size[1] * rng.uniform(0.32, 0.9)
        if side == "head":
            image[1] = low[1] + size[1] * rng.uniform(0.08, 0.5)
        if side == "left" or (side == "corner" and rng.random() < 0.5):
            image[0] = low[0] + size[0] * rng.uniform(0.1, 0.5)
        elif side in ("right", "corner"):
            image[2] = high[0] - size[0] * rng.uniform(0.1, 0.5)
    return image
