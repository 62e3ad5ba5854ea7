"""Boxes that stand around: chairs to sit on, tables and crates that hide legs, clutter behind."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_CORNERS = np.array([[x, y, z] for x in (-0.5, 0.5) for y in (-0.5, 0.5) for z in (-0.5, 0.5)])
_SIDES = (
    ((0, 1, 3, 2), (-1, 0, 0)), ((4, 6, 7, 5), (1, 0, 0)), ((0, 4, 5, 1), (0, -1, 0)),
    ((2, 3, 7, 6), (0, 1, 0)), ((0, 2, 6, 4), (0, 0, -1)), ((1, 5, 7, 3), (0, 0, 1)),
)  # fmt: skip


@dataclass(frozen=True)
class Box:
    """centre: (3,) m; size: (3,) m; heading: rad about the vertical; look: which texture and tint it wears."""

    centre: np.ndarray
    size: np.ndarray
    heading: float
    look: int = 0


@dataclass(frozen=True)
class Solids:
    """Triangles of boxes, as `shade_solids` takes them: vertices (24 n, 3), faces (12 n, 3), normals (12 n, 3) one a
    face, uv (24 n, 2), texture_of (12 n,)."""

    vertices: np.ndarray
    faces: np.ndarray
    normals: np.ndarray
    uv: np.ndarray
    texture_of: np.ndarray


def build_solids(boxes: list[Box]) -> Solids:
    """Triangulates boxes; textures repeat once a metre."""
    vertices: list[np.ndarray] = []
    faces: list[np.ndarray] = []
    normals: list[np.ndarray] = []
    uv: list[np.ndarray] = []
    texture_of: list[int] = []
    for box in boxes:
        cosine, sine = np.cos(box.heading), np.sin(box.heading)
        spin = np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1]])
        corners = (_CORNERS * box.size) @ spin.T + box.centre
        for corner_ids, normal in _SIDES:
            start = 4 * len(vertices)
            quad = corners[list(corner_ids)]
            vertices.append(quad)
            faces.append(np.array([[0, 1, 2], [0, 2, 3]]) + start)
            normals.append(np.tile(spin @ np.array(normal, float), (2, 1)))
            width, height = np.linalg.norm(quad[1] - quad[0]), np.linalg.norm(quad[3] - quad[0])
            uv.append(np.array([[0, 0], [width, 0], [width, height], [0, height]]))
            texture_of += [box.look, box.look]
    return Solids(
        np.concatenate(vertices).astype(np.float32),
        np.concatenate(faces).astype(np.int32),
        np.concatenate(normals).astype(np.float32),
        np.concatenate(uv).astype(np.float32),
        np.array(texture_of, np.int32),
    )


def chair(rng: np.random.Generator, seat: np.ndarray, ground: float, heading: float) -> list[Box]:
    """A chair, stool or block below `seat` (3,), its back against `heading` (rad, direction the person faces)."""
    height = float(seat[2]) - ground
    if height < 0.15:
        return []
    forward, side = np.array([np.cos(heading), np.sin(heading), 0]), np.array([-np.sin(heading), np.cos(heading), 0])
    width, depth = rng.uniform(0.38, 0.6), rng.uniform(0.36, 0.5)
    middle = seat + forward * 0.08
    if rng.random() < 0.3:
        solid = Box(np.array([middle[0], middle[1], ground + height / 2]), np.array([depth, width, height]), heading)
        return [solid]
    thickness = rng.uniform(0.03, 0.08)
    boxes = [Box(middle - [0, 0, thickness / 2], np.array([depth, width, thickness]), heading)]
    for along, across in ((1, 1), (1, -1), (-1, 1), (-1, -1)):
        foot = middle + forward * along * depth * 0.45 + side * across * width * 0.45
        foot[2] = ground + height / 2
        boxes.append(Box(foot, np.array([0.035, 0.035, height]), heading))
    if rng.random() < 0.7:
        tall = rng.uniform(0.3, 0.55)
        back = middle - forward * (depth / 2 + 0.08)
        back[2] = seat[2] + tall / 2
        boxes.append(Box(back, np.array([0.03, width, tall]), heading))
    return boxes


def obstacle(
    rng: np.random.Generator, person: np.ndarray, camera: np.ndarray, ground: float, height: float
) -> list[Box]:
    """Something between the camera and the person that hides a part: a table, a crate, a post.

    Args:
        person, camera: (3,) world positions; height: the person's, m.
    """
    towards = camera[:2] - person[:2]
    distance = float(np.linalg.norm(towards))
    towards /= distance
    gap = float(np.clip(rng.uniform(0.35, 1.2), 0.3, max(0.35, distance - 0.6)))
    side = np.array([-towards[1], towards[0]])
    heading = float(np.arctan2(towards[1], towards[0]) + rng.normal(0, 0.3))
    place = person[:2] + towards * gap + side * rng.uniform(-0.55, 0.55)
    kind = rng.choice(["crate", "table", "post"], p=[0.45, 0.35, 0.2])
    if kind == "crate":
        tall = rng.uniform(0.2, 0.6) * height
        size = np.array([rng.uniform(0.2, 0.6), rng.uniform(0.3, 1.4), tall])
        return [Box(np.array([*place, ground + tall / 2]), size, heading)]
    if kind == "post":
        size = np.array([rng.uniform(0.05, 0.2), rng.uniform(0.05, 0.25), 3.0])
        return [Box(np.array([*place, ground + 1.5]), size, heading)]
    tall, width = rng.uniform(0.65, 0.8), rng.uniform(0.8, 1.6)
    ends = [place + side * across * width * 0.45 for across in (-1, 1)]
    return [
        Box(np.array([*place, ground + tall]), np.array([0.6, width, 0.04]), heading),
        *(Box(np.array([*end, ground + tall / 2]), np.array([0.05, 0.05, tall]), heading) for end in ends),
    ]


def clutter(rng: np.random.Generator, person: np.ndarray, camera: np.ndarray, ground: float, looks: int) -> list[Box]:
    """A few boxes beyond the person: shelves, cupboards, parcels."""
    away = person[:2] - camera[:2]
    away = away / np.linalg.norm(away)
    side = np.array([-away[1], away[0]])
    boxes = []
    for _ in range(rng.integers(0, 5)):
        place = person[:2] + away * rng.uniform(0.8, 3.5) + side * rng.uniform(-2.5, 2.5)
        tall = rng.uniform(0.2, 2.0)
        size = np.array([rng.uniform(0.1, 1.2), rng.uniform(0.1, 1.2), tall])
        boxes.append(Box(np.array([*place, ground + tall / 2]), size, rng.uniform(0, np.pi), int(rng.integers(looks))))
    return boxes
