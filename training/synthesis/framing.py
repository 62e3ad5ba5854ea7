"""Cameras: where a robot's camera stands, what of a person it sees, and the virtual camera of the crop. All batched.

The robot looks at strangers by their boxes and at whom it knows by their bodies, see
`metric_pose_ros.geometry.body_crop`; so do the virtual cameras here, with the errors that boxes and earlier looks have.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from metric_pose_ros.geometry.body_crop import NEAREST_M
from metric_pose_ros.skeleton import BODY_30
from training.synthesis.lens import distort, sample_lenses, undistort
from training.synthesis.renderer import CROP_SIDE, Views

BOX_MARGIN = 1.25
"""The crop is this much larger than the box."""

BODY_SCALE = 1.4
"""Half a side of a crop around a body over the distance of the joint that is farthest from the hips."""

STRANGERS = 0.25
"""Share of crops that look at boxes."""

_PELVIS = BODY_30.names.index("pelvis")
_SHOULDERS = BODY_30.indices(("left_shoulder", "right_shoulder")).tolist()

NEAREST_SKIN = 0.25
"""A person with skin nearer to the camera than this (m) cannot be framed."""

_FEWEST_VERTICES = 150
"""As many vertices of the skin must lie in the image."""

_UP = np.array([0, 0, 1.0])


def look_at(position: np.ndarray, target: np.ndarray, up: np.ndarray = _UP) -> np.ndarray:
    """(..., 3, 3) world to camera of cameras at `position` (..., 3) whose axes go through `target`, `up` upwards."""
    forward = target - position
    forward = forward / np.linalg.norm(forward, axis=-1, keepdims=True)
    right = np.cross(forward, up)
    right /= np.linalg.norm(right, axis=-1, keepdims=True)
    return np.stack([right, np.cross(forward, right), forward], -2)


def sample_cameras(rng: np.random.Generator, centre: np.ndarray, ground: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Cameras of robots and people, 1 to 12 m from the person, nine in ten 0.2 to 3 m above the ground, mostly level.

    Args:
        centre: (N, 3) middle of the person, m; ground: (N,) height of the floor, m.

    Returns:
        rotation (N, 3, 3) world to camera and position (N, 3).
    """
    count, uniform = len(centre), rng.uniform
    distance = np.where(rng.random(count) < 0.75, np.exp(uniform(np.log(1.0), np.log(12), count)), uniform(2, 6, count))
    mount = rng.choice(3, count, p=[0.5, 0.3, 0.2])  # a person's or a robot's eyes, a small robot, a mast or a ceiling
    height = uniform(np.array([0.8, 0.2, 1.8])[mount], np.array([1.8, 0.8, 3.0])[mount])
    elevation = np.deg2rad(uniform(-25, 65, count))
    anywhere = rng.random(count) < 0.10  # upstairs, drones, slopes
    height = np.where(anywhere, np.clip(distance * np.tan(elevation) + 0.9, -2, 11), height)
    azimuth = uniform(0, 2 * np.pi, count)
    aside = distance[:, None] * np.stack([np.cos(azimuth), np.sin(azimuth)], 1)
    position = np.column_stack([centre[:, :2] + aside, ground + height])
    pitch = np.arcsin(-look_at(position, centre)[:, 2, 2])
    level = np.clip(np.deg2rad(rng.normal(0, 6, count)), pitch - 0.6, pitch + 0.6)  # the person stays in sight
    pitch = np.where(rng.random(count) < 0.5, level, pitch)
    heading = azimuth + np.pi + uniform(-0.45, 0.45, count)
    forward = np.stack([np.cos(heading) * np.cos(pitch), np.sin(heading) * np.cos(pitch), -np.sin(pitch)], 1)
    kind = rng.choice(3, count, p=[0.86, 0.11, 0.03])  # held level, on a leaning robot, lying on its side or overhead
    roll = np.deg2rad(np.choose(kind, [rng.normal(0, 2.5, count), rng.normal(0, 15, count), uniform(-180, 180, count)]))
    cosine, sine, zero = np.cos(roll), np.sin(roll), np.zeros(count)
    lean = np.stack([cosine, -sine, zero, sine, cosine, zero, zero, zero, zero + 1], 1).reshape(count, 3, 3)
    return lean @ look_at(position, position + forward), position


def frame(
    rng: np.random.Generator,
    rotation: Tensor,
    position: Tensor,
    skin: Tensor,
    joints: Tensor,
    truncate: np.ndarray,
    strangers: float = STRANGERS,
) -> tuple[Views, Tensor]:
    """Frames people as the estimator will: virtual cameras look at boxes of what is seen or at bodies, not quite
    exactly.

    Args:
        rotation, position: (N, 3, 3), (N, 3) real cameras, world to camera; skin: (N, V, 3) the people's skin, world.
        joints: (N, 30, 3) of `BODY_30`, world.
        truncate: (N,) bool, whether the image cuts the person.
        strangers: share of crops that look at boxes.

    Returns:
        the views, and (N,) bool whether each is good: the person is not too near and enough of them lies in the image.
    """
    device, count = skin.device, len(skin)
    points = (skin - position[:, None]) @ rotation.transpose(1, 2)
    good = points[..., 2].amin(1) >= NEAREST_SKIN
    lens = torch.as_tensor(sample_lenses(rng, count), dtype=torch.float32, device=device)
    plane = distort(points[..., :2] / points[..., 2:].clamp(min=NEAREST_SKIN), lens)
    low, high = plane.amin(1), plane.amax(1)
    image = _place_images(rng, low, high, truncate)
    seen = ((plane >= image[:, None, :2]) & (plane <= image[:, None, 2:])).all(-1)
    good &= seen.sum(1) >= _FEWEST_VERTICES
    low = torch.maximum(torch.where(seen[..., None], plane, torch.inf).amin(1), image[:, :2])
    high = torch.minimum(torch.where(seen[..., None], plane, -torch.inf).amax(1), image[:, 2:])
    low, high = torch.where(good[:, None], low, -0.1), torch.where(good[:, None], high, 0.1)
    from_real, focal, fits = _at_boxes(rng, low, high, lens)
    bodies, body_focal = _at_bodies(rng, (joints - position[:, None]) @ rotation.transpose(1, 2), truncate)
    strange = torch.as_tensor(rng.random(count) < strangers, device=device)
    from_real = torch.where(strange[:, None, None], from_real, bodies)
    focal = torch.where(strange, focal, body_focal)
    good &= fits | ~strange
    views = Views(
        rotation=from_real @ rotation,
        position=position,
        focal=focal,
        image=image,
        lens=lens,
        to_real=from_real.transpose(1, 2).contiguous(),
        truncated=torch.as_tensor(truncate, device=device),
    )
    return views, good


def _at_boxes(rng: np.random.Generator, low: Tensor, high: Tensor, lens: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Crops around boxes (N, 2) of the real cameras' distorted image planes.

    Returns:
        (N, 3, 3) real camera to crop camera, (N,) focal length in crop pixels, and (N,) bool whether a camera can look
        so.
    """
    device, count = low.device, len(low)
    shift = _floats(np.clip(rng.normal(0, 0.035, (count, 2)), -0.1, 0.1), device)
    zoom = _floats(rng.triangular(0.85, 1.0, 1.25, count), device)
    centre = (low + high) / 2 + shift * (high - low)
    from_real = _towards(undistort(centre, lens))
    (x, y), (left, top), (right, bottom) = centre.T, low.T, high.T
    edges = torch.stack([torch.stack([left, right, x, x], 1), torch.stack([y, y, top, bottom], 1)], -1)
    rays = functional.pad(undistort(edges, lens), (0, 1), value=1.0)
    turned = rays @ from_real.transpose(1, 2)
    good = (turned[..., 2] > 0.05).all(1)
    turned = turned[..., :2] / turned[..., 2:].clamp(min=0.05)
    extent = torch.maximum(turned[:, 1, 0] - turned[:, 0, 0], turned[:, 3, 1] - turned[:, 2, 1])
    good &= extent > 1e-3
    return from_real, CROP_SIDE / (extent.clamp(min=1e-3) * BOX_MARGIN * zoom), good


def _at_bodies(rng: np.random.Generator, joints: Tensor, truncate: np.ndarray) -> tuple[Tensor, Tensor]:
    """Crops around bodies whose joints (N, 30, 3) in the real cameras' frames are known from a look before.

    Of whoever is cut by the image much was guessed then, so less is right.

    Returns:
        (N, 3, 3) real camera to crop camera, and (N,) focal length in crop pixels.
    """
    count, device = len(joints), joints.device
    worse = np.where(truncate, 2.0, 1.0)
    upright, radius = at_body(joints)
    shift = _floats(rng.normal(0, 0.06, (count, 2)) * worse[:, None], device) * radius[:, None]
    roll = _floats(np.deg2rad(rng.normal(0, 10, count)) * worse, device)
    zoom = _floats(np.exp(rng.normal(0, 0.1, count) * worse), device)
    return _rolled(torch.cos(roll), torch.sin(roll)) @ _towards(shift) @ upright, CROP_SIDE / (
        2 * BODY_SCALE * radius * zoom
    )


def at_body(joints: Tensor) -> tuple[Tensor, Tensor]:
    """Cameras that look at hips, with the shoulders upwards.

    Args:
        joints: (N, 30, 3) in the frames of cameras at the same places.

    Returns:
        (N, 3, 3) from those cameras, and (N,) how far from the hips the farthest joint appears at a depth of 1.
    """
    level = _towards(_plane(joints[:, _PELVIS]))
    plane = _plane(joints @ level.transpose(1, 2))
    up = functional.normalize(plane[:, _SHOULDERS].mean(1) - plane[:, _PELVIS], dim=1)
    # Down, the crop's second axis, is away from the shoulders.
    return _rolled(-up[:, 1], -up[:, 0]) @ level, plane.norm(dim=-1).amax(1)


def _plane(points: Tensor) -> Tensor:
    """(..., 2) where points (..., 3) in a camera's frame appear at a depth of 1."""
    return points[..., :2] / points[..., 2:].clamp(min=NEAREST_M)


def _rolled(cosine: Tensor, sine: Tensor) -> Tensor:
    """(N, 3, 3) turns about the optical axis by angles of these cosines and sines (N,)."""
    zero = torch.zeros_like(cosine)
    return torch.stack([cosine, -sine, zero, sine, cosine, zero, zero, zero, zero + 1], 1).reshape(-1, 3, 3)


def _floats(values: np.ndarray, device: torch.device) -> Tensor:
    """What was drawn, as a renderer takes it."""
    return torch.as_tensor(values, dtype=torch.float32, device=device)


def _towards(centre: Tensor) -> Tensor:
    """(N, 3, 3) turns of a camera that put the point (N, 2) of its image plane on the axis, without roll."""
    forward = functional.normalize(torch.cat([centre, torch.ones_like(centre[:, :1])], 1), dim=1)
    down = torch.tensor([0.0, 1, 0], device=centre.device).expand_as(forward)
    right = functional.normalize(torch.linalg.cross(down, forward), dim=1)
    return torch.stack([right, torch.linalg.cross(forward, right), forward], 1)


def _place_images(rng: np.random.Generator, low: Tensor, high: Tensor, truncate: np.ndarray) -> Tensor:
    """(N, 4) image bounds around people's bounds (N, 2), one or two of them cutting the person if asked for."""
    count, uniform, device = len(low), rng.uniform, low.device
    size = high - low
    # Most people stand clear of the image's border, so most crops have none of its black beyond.
    clear = np.where(rng.random(count) < 0.6, 10.0, 0.0)
    margins = _floats(rng.exponential(1.5, (count, 4)) + clear[:, None], device) * size.amax(1, keepdim=True)
    image = torch.cat([low - margins[:, :2], high + margins[:, 2:]], 1)
    side = rng.choice(5, count, p=[0.55, 0.10, 0.125, 0.125, 0.10])
    feet, head, left, right, corner = (side == number for number in range(5))
    on_left = left | (corner & (rng.random(count) < 0.5))
    on_right = right | (corner & ~on_left)
    cuts = {  # bound of the image -> whom it cuts, and where along the person
        0: (on_left, low[:, 0] + size[:, 0] * _floats(uniform(0.1, 0.5, count), device)),
        1: (head, low[:, 1] + size[:, 1] * _floats(uniform(0.08, 0.5, count), device)),
        2: (on_right, high[:, 0] - size[:, 0] * _floats(uniform(0.1, 0.5, count), device)),
        3: (feet | corner, low[:, 1] + size[:, 1] * _floats(uniform(0.32, 0.9, count), device)),
    }
    for bound, (whom, where) in cuts.items():
        cut = torch.as_tensor(whom & truncate, device=device)
        image[:, bound] = torch.where(cut, where, image[:, bound])
    return image
