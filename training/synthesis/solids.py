"""Furniture-like boxes: chairs, beds, tables and crates that hide people, clutter; drawn in batches."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from training.synthesis.renderer import Boxes

CORNERS = np.array([[x, y, z] for x in (-0.5, 0.5) for y in (-0.5, 0.5) for z in (-0.5, 0.5)])
SIDES = (
    ((0, 1, 3, 2), (-1, 0, 0)), ((4, 6, 7, 5), (1, 0, 0)), ((0, 4, 5, 1), (0, -1, 0)),
    ((2, 3, 7, 6), (0, 1, 0)), ((0, 2, 6, 4), (0, 0, -1)), ((1, 5, 7, 3), (0, 0, 1)),
)  # fmt: skip
"""A box's sides: corners (in the order that texture coordinates run) and outward normal, in the box's own axes."""


@dataclass(frozen=True)
class Solids:
    """Triangles of boxes, as `shade_solids` takes them: vertices (24 n, 3), faces (12 n, 3), normals (12 n, 3) one a
    face, uv (24 n, 2), texture_of (12 n,)."""

    vertices: np.ndarray
    faces: np.ndarray
    normals: np.ndarray
    uv: np.ndarray
    texture_of: np.ndarray


def build_solids(centre: np.ndarray, size: np.ndarray, heading: np.ndarray, look: np.ndarray) -> Solids:
    """Triangulates K boxes, see `Boxes`; textures repeat once a metre."""
    count = len(centre)
    cosine, sine = np.cos(heading), np.sin(heading)
    spin = np.zeros((count, 3, 3))
    spin[:, 0, 0], spin[:, 0, 1], spin[:, 1, 0], spin[:, 1, 1], spin[:, 2, 2] = cosine, -sine, sine, cosine, 1
    corners = (CORNERS * size[:, None]) @ spin.transpose(0, 2, 1) + centre[:, None]
    quads = corners[:, [ids for ids, _ in SIDES]]  # (K, 6, 4, 3)
    normals = np.array([normal for _, normal in SIDES], float) @ spin.transpose(0, 2, 1)
    width = np.linalg.norm(quads[:, :, 1] - quads[:, :, 0], axis=-1)
    height = np.linalg.norm(quads[:, :, 3] - quads[:, :, 0], axis=-1)
    zero = np.zeros_like(width)
    uv = np.stack([zero, zero, width, zero, width, height, zero, height], -1)
    starts = 4 * np.arange(6 * count)[:, None, None]
    return Solids(
        np.ascontiguousarray(quads.reshape(-1, 3), np.float32),
        np.ascontiguousarray((starts + np.array([[0, 1, 2], [0, 2, 3]])).reshape(-1, 3), np.int32),
        np.ascontiguousarray(np.repeat(normals.reshape(-1, 3), 2, 0), np.float32),
        np.ascontiguousarray(uv.reshape(-1, 2), np.float32),
        np.repeat(look, 12).astype(np.int32),
    )


class BoxPile:
    """Collects boxes of many crops."""

    def __init__(self) -> None:
        self._parts: list[tuple[np.ndarray, ...]] = []

    def add(
        self, crop: np.ndarray, centre: np.ndarray, size: np.ndarray, heading: np.ndarray, look: np.ndarray | int = 0
    ) -> None:
        """Adds a box to each of the crops (n,): centre and size (n, 3), heading (n,), look (n,) or one for all."""
        self._parts.append((crop, centre, size, heading, np.broadcast_to(look, crop.shape)))

    def boxes(self) -> Boxes:
        """All of them, crop by crop."""
        empty = (np.zeros(0, int), np.zeros((0, 3)), np.zeros((0, 3)), np.zeros(0), np.zeros(0, int))
        crop, centre, size, heading, look = (np.concatenate(values) for values in zip(empty, *self._parts, strict=True))
        order = np.argsort(crop, kind="stable")
        return Boxes.of(
            crop=crop[order], centre=centre[order], size=size[order], heading=heading[order], look=look[order]
        )


def add_chairs(
    rng: np.random.Generator, pile: BoxPile, crop: np.ndarray, seat: np.ndarray, ground: np.ndarray, heading: np.ndarray
) -> None:
    """Chairs, stools or blocks below seats (n, 3), their backs against `heading` (n,) rad, the way the person faces."""
    height = seat[:, 2] - ground
    high = height >= 0.15
    crop, seat, ground, heading, height = crop[high], seat[high], ground[high], heading[high], height[high]
    count, uniform = len(crop), rng.uniform
    forward, side = _axes(heading)
    width, depth, thickness = uniform(0.38, 0.6, count), uniform(0.36, 0.5, count), uniform(0.03, 0.08, count)
    middle = seat + forward * 0.08
    solid = rng.random(count) < 0.3
    thickness = np.where(solid, height, thickness)
    pile.add(crop, _lowered(middle, thickness / 2), np.stack([depth, width, thickness], 1), heading)
    legs = ~solid
    for along, across in ((1, 1), (1, -1), (-1, 1), (-1, -1)):
        foot = middle + forward * (along * depth * 0.45)[:, None] + side * (across * width * 0.45)[:, None]
        foot[:, 2] = ground + height / 2
        thin = np.full(count, 0.035)
        pile.add(crop[legs], foot[legs], np.stack([thin, thin, height], 1)[legs], heading[legs])
    tall = uniform(0.3, 0.55, count)
    back = middle - forward * (depth / 2 + 0.08)[:, None]
    back[:, 2] = seat[:, 2] + tall / 2
    backed = legs & (rng.random(count) < 0.7)
    pile.add(crop[backed], back[backed], np.stack([np.full(count, 0.03), width, tall], 1)[backed], heading[backed])


def add_beds(
    rng: np.random.Generator, pile: BoxPile, crop: np.ndarray, middle: np.ndarray, ground: np.ndarray, top: np.ndarray
) -> None:
    """Mats, beds and sofas from the floor (n,) up to `top` (n,), below people that lie around `middle` (n, 3)."""
    count, uniform = len(crop), rng.uniform
    size = np.stack([uniform(1.7, 2.4, count), uniform(0.8, 1.9, count), top - ground], 1)
    centre = np.column_stack([middle[:, :2] + rng.normal(0, 0.12, (count, 2)), (top + ground) / 2])
    pile.add(crop, centre, size, uniform(0, np.pi, count))


def add_obstacles(
    rng: np.random.Generator,
    pile: BoxPile,
    crop: np.ndarray,
    person: np.ndarray,
    camera: np.ndarray,
    ground: np.ndarray,
    height: np.ndarray,
) -> None:
    """Things between camera and person that hide a part: tables, crates, posts.

    Args:
        person, camera: (n, 3) world positions; height: (n,) the person's, m.
    """
    count, uniform = len(crop), rng.uniform
    towards = camera[:, :2] - person[:, :2]
    distance = np.linalg.norm(towards, axis=1)
    towards = towards / distance[:, None]
    gap = np.clip(uniform(0.35, 1.2, count), 0.3, np.maximum(0.35, distance - 0.6))
    side = np.stack([-towards[:, 1], towards[:, 0]], 1)
    heading = np.arctan2(towards[:, 1], towards[:, 0]) + rng.normal(0, 0.3, count)
    place = person[:, :2] + towards * gap[:, None] + side * uniform(-0.55, 0.55, (count, 1))
    kind = rng.choice(3, count, p=[0.45, 0.35, 0.2])
    crate, table, post = (kind == number for number in range(3))
    tall = np.choose(kind, [uniform(0.2, 0.6, count) * height, uniform(0.65, 0.8, count), np.full(count, 3.0)])
    solid = crate | post
    size = np.stack(
        [
            np.where(crate, uniform(0.2, 0.6, count), uniform(0.05, 0.2, count)),
            np.where(crate, uniform(0.3, 1.4, count), uniform(0.05, 0.25, count)),
            tall,
        ],
        1,
    )
    pile.add(crop[solid], np.column_stack([place, ground + tall / 2])[solid], size[solid], heading[solid])
    width = uniform(0.8, 1.6, count)
    top = np.stack([np.full(count, 0.6), width, np.full(count, 0.04)], 1)
    pile.add(crop[table], np.column_stack([place, ground + tall])[table], top[table], heading[table])
    panel = np.stack([np.full(count, 0.05), np.full(count, 0.05), tall], 1)
    for across in (-1, 1):
        end = np.column_stack([place + side * (across * width * 0.45)[:, None], ground + tall / 2])
        pile.add(crop[table], end[table], panel[table], heading[table])


def add_clutter(
    rng: np.random.Generator,
    pile: BoxPile,
    crop: np.ndarray,
    person: np.ndarray,
    camera: np.ndarray,
    ground: np.ndarray,
    looks: int,
) -> None:
    """A few boxes beyond the people: shelves, cupboards, parcels."""
    away = person[:, :2] - camera[:, :2]
    away = away / np.linalg.norm(away, axis=1, keepdims=True)
    side = np.stack([-away[:, 1], away[:, 0]], 1)
    boxes = rng.integers(0, 5, len(crop))
    for number in range(4):
        some = boxes > number
        count = int(some.sum())
        place = person[some, :2] + away[some] * rng.uniform(0.8, 3.5, (count, 1))
        place = place + side[some] * rng.uniform(-2.5, 2.5, (count, 1))
        size = np.stack([rng.uniform(0.1, 1.2, count), rng.uniform(0.1, 1.2, count), rng.uniform(0.2, 2.0, count)], 1)
        centre = np.column_stack([place, ground[some] + size[:, 2] / 2])
        pile.add(crop[some], centre, size, rng.uniform(0, np.pi, count), rng.integers(looks, size=count))


def _axes(heading: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(n, 3) forwards and (n, 3) to the left."""
    cosine, sine, zero = np.cos(heading), np.sin(heading), np.zeros_like(heading)
    return np.stack([cosine, sine, zero], 1), np.stack([-sine, cosine, zero], 1)


def _lowered(points: np.ndarray, by: np.ndarray) -> np.ndarray:
    lowered = points.copy()
    lowered[:, 2] -= by
    return lowered
