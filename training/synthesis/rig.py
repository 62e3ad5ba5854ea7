"""The body's bones as poses see them: where they begin, who hangs on whom, left and right.

Frame: x to the person's left, y backwards, z up. A pose is (bones, 3, 3): each bone's rotation against its parent, in
the axes of the rest pose, so that world(child) = world(parent) @ pose(child).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

X, Y, Z = np.eye(3)
DOWN = np.array([0.0, 0, -1])

SPINE = (("spine05", 0.15), ("spine04", 0.25), ("spine03", 0.25), ("spine02", 0.2), ("spine01", 0.15))
NECK = (("neck01", 0.3), ("neck02", 0.2), ("neck03", 0.1), ("head", 0.4))
"""Bones from below upwards and the share of a bend that each takes."""

LIMB_PARENT = {
    "upperarm01": "spine01", "lowerarm01": "upperarm01", "wrist": "lowerarm01", "finger3-1": "wrist",
    "upperleg01": "root", "lowerleg01": "upperleg01", "foot": "lowerleg01", "toe2-1": "foot",
}  # fmt: skip
"""Limb bone -> the bone before it whose rotation a pose sets."""

_LIMB_END = {
    "upperarm01": "lowerarm01", "lowerarm01": "wrist", "upperleg01": "lowerleg01", "lowerleg01": "foot",
    "foot": "toe2-1",
}  # fmt: skip


def turn(axis: Sequence[float] | np.ndarray, degrees: float) -> np.ndarray:
    """(3, 3) rotation about an axis of any length (Rodrigues; many times faster than SciPy for a single one)."""
    x, y, z = (float(value) for value in axis)
    length = math.sqrt(x * x + y * y + z * z)
    x, y, z = x / length, y / length, z / length
    angle = math.radians(degrees)
    c, s = math.cos(angle), math.sin(angle)
    t = 1 - c
    return np.array(
        [
            [t * x * x + c, t * x * y - s * z, t * x * z + s * y],
            [t * x * y + s * z, t * y * y + c, t * y * z - s * x],
            [t * x * z - s * y, t * y * z + s * x, t * z * z + c],
        ]
    )


def align(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """(3, 3) smallest rotation that turns direction `start` into `end`."""
    start, end = start / np.linalg.norm(start), end / np.linalg.norm(end)
    cosine = start @ end
    if cosine < -0.9999:
        return turn(np.cross(start, X if abs(start[0]) < 0.9 else Y), 180)
    x, y, z = np.cross(start, end)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + cross + cross @ cross / (1 + cosine)


class Rig:
    """Bones by name.

    Args:
        bones: names in the body's order; rest_heads: (bones, 3) where they begin in the rest pose, m.
    """

    def __init__(self, bones: Sequence[str], rest_heads: np.ndarray) -> None:
        self.index = {name: number for number, name in enumerate(bones)}
        self._heads = rest_heads
        self.other_side = np.array([self.index[_other_side(name)] for name in bones])
        """(bones,) each bone's counterpart; those in the middle are their own."""

    def rest(self) -> np.ndarray:
        """(bones, 3, 3) the rest pose."""
        return np.tile(np.eye(3), (len(self.index), 1, 1))

    def mirror(self, rotations: np.ndarray) -> np.ndarray:
        """The pose seen in a mirror: left and right change places."""
        flip = np.diag([-1.0, 1, 1])
        return flip @ rotations[self.other_side] @ flip

    def offset(self, start: str, end: str) -> np.ndarray:
        """(3,) from where one bone begins to where another does in the rest pose, m."""
        return self._heads[self.index[end]] - self._heads[self.index[start]]

    def direction(self, bone: str, side: str) -> np.ndarray:
        """(3,) from a limb bone's beginning to its end in the rest pose, m."""
        return self._heads[self.index[f"{_LIMB_END[bone]}.{side}"]] - self._heads[self.index[f"{bone}.{side}"]]

    def bend(
        self, rotations: np.ndarray, bones: Sequence[tuple[str, float]], flex: float, side: float, twist: float
    ) -> None:
        """Bends SPINE or NECK in place: forwards, to the right and to the left about the vertical, in degrees."""
        for bone, weight in bones:
            rotations[self.index[bone]] = turn(Z, twist * weight) @ turn(Y, side * weight) @ turn(X, flex * weight)

    def limb_positions(
        self, rotations: np.ndarray, limb: Sequence[str], side: str
    ) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """Where a limb's bones begin, in the pelvis's axes and from its middle.

        Returns:
            bone -> (3,) m (also ``root`` and ``spine01``), and the (3, 3) rotation of the chest.
        """
        chest, origin, previous = np.eye(3), np.zeros(3), self._heads[self.index["root"]]
        for bone, _ in SPINE:
            head = self._heads[self.index[bone]]
            origin, previous = origin + chest @ (head - previous), head
            chest = chest @ rotations[self.index[bone]]
        world = {"root": np.eye(3), "spine01": chest}
        places = {"root": np.zeros(3), "spine01": origin}
        for bone in limb:
            parent, name = LIMB_PARENT[bone], f"{bone}.{side}"
            start = self._heads[self.index[parent if parent in ("root", "spine01") else f"{parent}.{side}"]]
            places[bone] = places[parent] + world[parent] @ (self._heads[self.index[name]] - start)
            world[bone] = world[parent] @ rotations[self.index[name]]
        return places, chest


def _other_side(bone: str) -> str:
    if bone.endswith(".L"):
        return bone[:-1] + "R"
    return bone[:-1] + "L" if bone.endswith(".R") else bone
