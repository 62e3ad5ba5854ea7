"""Where a pose puts the body's parts: collisions with itself, its centre of mass, how it stands on the ground."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from training.synthesis.rig import NECK, Rig, Z, turn

_LIMBS = (
    "upperarm01", "lowerarm01", "wrist", "finger3-1", "upperleg01", "lowerleg01", "foot", "toe2-1",
)  # fmt: skip

_CAPSULES = {  # part -> its ends and its radius, m
    "trunk": (("root", "spine01"), 0.115),
    "chest": (("spine01", "neck"), 0.115),
    "head": (("skull", "skull"), 0.095),
    "upper arm": (("upperarm01", "lowerarm01"), 0.042),
    "forearm": (("lowerarm01", "wrist"), 0.036),
    "hand": (("wrist", "finger3-1"), 0.032),
    "thigh": (("upperleg01", "lowerleg01"), 0.07),
    "shin": (("lowerleg01", "foot"), 0.045),
    "foot": (("foot", "toe2-1"), 0.04),
}
_MIDDLE = ("trunk", "chest", "head")

_PAIRS = (
    *((part, other) for part in ("forearm", "hand") for other in ("trunk", "chest", "head")),
    ("upper arm", "head"),
    *((part, other) for part in ("forearm", "hand") for other in ("thigh", "shin", "foot")),
    *((part, other) for part in ("shin", "foot") for other in ("trunk", "chest", "head")),
    ("thigh", "chest"), ("thigh", "head"),
)  # fmt: skip
_ACROSS = (
    ("forearm", "forearm"), ("forearm", "hand"), ("hand", "hand"), ("upper arm", "forearm"), ("upper arm", "hand"),
    ("thigh", "shin"), ("shin", "shin"), ("shin", "foot"), ("foot", "foot"), ("thigh", "foot"),
)  # fmt: skip
"""Parts of one side and of the other that must not run through each other; soft thighs may press together."""

_SOFTNESS = 0.8
"""Flesh gives way: parts collide if their capsules' axes come closer than this share of the radii's sum."""

_MOST_TILT = 0.1
"""A pelvis tilts no further than this (rad) to bring both feet to the ground; knees do the rest."""

_SEAT_ABOVE_HEELS = -0.02
"""Height of the ankles above the middle of the pelvis when both rest on the floor, m."""

_MASSES = {  # part -> share of the body's mass (Winter 2009, table 4.1), the trunk in two halves
    "trunk": 0.25, "chest": 0.247, "head": 0.081, "upper arm": 0.028, "forearm": 0.016, "hand": 0.006, "thigh": 0.1,
    "shin": 0.0465, "foot": 0.0145,
}  # fmt: skip


@dataclass(frozen=True)
class Posture:
    """Points of a pose by name, (3,) m, in the pelvis's axes and from its middle; those of limbs end in .L or .R."""

    points: dict[str, np.ndarray]

    @classmethod
    def of(cls, rig: Rig, rotations: np.ndarray) -> Posture:
        """Where the bones of a pose begin; its root's own rotation is left out."""
        points: dict[str, np.ndarray] = {}
        for side in "LR":
            places, chest = rig.limb_positions(rotations, _LIMBS, side)
            points |= {f"{bone}.{side}": places[bone] for bone in _LIMBS}
            points |= {name: places[name] for name in ("root", "spine01")}
        points["neck"] = points["spine01"] + chest @ rig.offset("spine01", "neck01")
        nod = chest
        for bone, _ in NECK:
            nod = nod @ rotations[rig.index[bone]]
        skull = rig.offset("neck01", "head") + np.array([0, -0.02, 0.09])
        points["skull"] = points["neck"] + nod @ skull
        return cls(points)

    def collides(self) -> bool:
        """Whether parts of the body run through each other."""
        first, second, reach = [], [], []
        for side, other in (("L", "R"), ("R", "L")):
            pairs = [(a, b, s) for a, b in _PAIRS for s in ((side,) if b in _MIDDLE else (side, other))]
            for part, against, of_side in [*pairs, *((a, b, other) for a, b in _ACROSS)]:
                first.append(self._axis(part, side))
                second.append(self._axis(against, of_side))
                reach.append(_CAPSULES[part][1] + _CAPSULES[against][1])
        distance = segment_distances(np.array(first), np.array(second))
        return bool((distance < _SOFTNESS * np.array(reach)).any())

    def centre_of_mass(self) -> np.ndarray:
        """(3,) of all parts."""
        total, mass = np.zeros(3), 0.0
        for part, share in _MASSES.items():
            for side in ("L",) if part in _MIDDLE else ("L", "R"):
                total += share * self._axis(part, side).mean(0)
                mass += share
        return total / mass

    def _axis(self, part: str, side: str) -> np.ndarray:
        """(2, 3) ends of a capsule."""
        ends = _CAPSULES[part][0]
        return np.array([self.points[end if part in _MIDDLE else f"{end}.{side}"] for end in ends])


def segment_distances(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """(P,) shortest distances between segments (P, 2, 3) and (P, 2, 3); their ends may coincide.

    Ericson, Real-Time Collision Detection (2005), section 5.1.9.
    """
    d1, d2, r = first[:, 1] - first[:, 0], second[:, 1] - second[:, 0], first[:, 0] - second[:, 0]
    a, e, b = (d1 * d1).sum(1), (d2 * d2).sum(1), (d1 * d2).sum(1)
    c, f = (d1 * r).sum(1), (d2 * r).sum(1)
    tiny = 1e-12
    denominator = a * e - b * b
    s = np.where(denominator > tiny, np.clip((b * f - c * e) / np.maximum(denominator, tiny), 0, 1), 0.0)
    t = np.clip((b * s + f) / np.maximum(e, tiny), 0, 1)
    s = np.clip((b * t - c) / np.maximum(a, tiny), 0, 1)
    gap = r + s[:, None] * d1 - t[:, None] * d2
    return np.linalg.norm(gap, axis=1)


def stand_on_both_feet(rig: Rig, rotations: np.ndarray, steepest: float = 35.0) -> None:
    """Leans a pose, in place, until its weight is over its feet, with both of them on level ground and soles flat.

    Args:
        steepest: ankles bend no further than this, degrees; what is missing stays a raised heel or toe.
    """
    for _ in range(2):
        _stand_flat(rig, rotations, steepest)
        posture, root = Posture.of(rig, rotations), rotations[0]
        weight = root @ posture.centre_of_mass()
        middle = np.mean([root @ posture.points[f"{bone}.{side}"] for bone in ("foot", "toe2-1") for side in "LR"], 0)
        offset = (weight - middle) * [1, 1, 0]
        length = float(np.linalg.norm(offset))
        if length > 0.01:
            lean = np.clip(np.arctan2(length, weight[2] - middle[2]), 0, 0.6)
            rotations[0] = _turn(np.cross(offset, [0, 0, 1.0]), lean) @ rotations[0]
        _level_ankles(rig, rotations)
    _stand_flat(rig, rotations, steepest)


def _level_ankles(rig: Rig, rotations: np.ndarray) -> None:
    """Tilts the pelvis a little, then bends the leg that reaches lower."""
    points, root = Posture.of(rig, rotations).points, rotations[0]
    left, right = root @ points["foot.L"], root @ points["foot.R"]
    run = float(np.hypot(*(left - right)[:2]))
    if run > 0.05:
        tilt = np.clip(np.arctan2(left[2] - right[2], run), -_MOST_TILT, _MOST_TILT)
        rotations[0] = _turn(np.cross((left - right) * [1, 1, 0], [0, 0, 1.0]), -tilt) @ root
    heights = {side: _ankle_height(rig, rotations, side) for side in "LR"}
    lower = min(heights, key=lambda side: heights[side])
    thigh, shin = (rig.index[f"{bone}.{lower}"] for bone in ("upperleg01", "lowerleg01"))
    before = rotations[thigh].copy(), rotations[shin].copy()
    least, most = 0.0, 1.2
    for _ in range(6):
        bend = (least + most) / 2
        rotations[thigh] = _turn(np.array([1.0, 0, 0]), -bend / 2) @ before[0]
        rotations[shin] = before[1] @ _turn(np.array([1.0, 0, 0]), bend)
        too_low = _ankle_height(rig, rotations, lower) < max(heights.values())
        least, most = (bend, most) if too_low else (least, bend)


def _ankle_height(rig: Rig, rotations: np.ndarray, side: str) -> float:
    places, _ = rig.limb_positions(rotations, ("upperleg01", "lowerleg01", "foot"), side)
    return float((rotations[0] @ places["foot"])[2])


def _stand_flat(rig: Rig, rotations: np.ndarray, steepest: float) -> None:
    for side in "LR":
        leg = [rotations[rig.index[f"{bone}.{side}"]] for bone in ("upperleg01", "lowerleg01")]
        shin = rotations[0] @ leg[0] @ leg[1]
        toes = shin @ np.array([0, -1.0, 0])
        heading = np.arctan2(toes[0], -toes[1])
        flat = turn(Z, np.rad2deg(heading))
        bend = Rotation.from_matrix(shin.T @ flat).as_rotvec()
        size = float(np.linalg.norm(bend))
        most = np.deg2rad(steepest)
        if size > most:
            bend *= most / size
        rotations[rig.index[f"foot.{side}"]] = Rotation.from_rotvec(bend).as_matrix()


def _turn(axis: np.ndarray, angle: float) -> np.ndarray:
    """(3, 3) rotation about an axis of any length by an angle, rad."""
    return turn(axis, np.rad2deg(angle)) if np.linalg.norm(axis) > 1e-9 else np.eye(3)


def sit_on_the_floor(rig: Rig, rotations: np.ndarray) -> None:
    """Turns the hips of an upright pose, in place, until heels and seat are about level; what is missing leans back."""
    for _ in range(2):
        points = Posture.of(rig, rotations).points
        ankles = (points["foot.L"] + points["foot.R"]) / 2
        missing = np.arctan2(_SEAT_ABOVE_HEELS - ankles[2], max(float(np.hypot(*ankles[:2])), 0.15))
        rise = float(np.clip(missing, -0.6, 0.5))
        for side in "LR":
            thigh = rig.index[f"upperleg01.{side}"]
            rotations[thigh] = _turn(np.array([1.0, 0, 0]), -rise) @ rotations[thigh]
    points = Posture.of(rig, rotations).points
    ankles = (points["foot.L"] + points["foot.R"]) / 2
    left = np.arctan2(_SEAT_ABOVE_HEELS - ankles[2], max(float(np.hypot(*ankles[:2])), 0.15))
    rotations[0] = _turn(np.array([1.0, 0, 0]), -float(np.clip(left, -0.4, 0.6)))


def rests_on_the_trunk(rig: Rig, rotations: np.ndarray) -> bool:
    """Whether no limb of a lying pose reaches further below the trunk than a body is thick there."""
    points, root = Posture.of(rig, rotations).points, rotations[0]
    trunk = min(float((root @ points[name])[2]) for name in ("root", "spine01", "neck"))
    on_a_side = abs(root[2, 0])  # how far the body's left points up or down
    deepest = 0.06 + 0.14 * on_a_side
    bones = ("lowerarm01", "wrist", "lowerleg01", "foot")
    return min(float((root @ points[f"{bone}.{side}"])[2]) for bone in bones for side in "LR") > trunk - deepest
