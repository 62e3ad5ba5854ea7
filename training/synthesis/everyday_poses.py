"""Everyday poses put together from joint angles: standing, walking, sitting, reaching, bending, lying.

Angles are in degrees and drawn from ranges of healthy joints. Poses whose parts run through each other are drawn again;
who stands has both soles on the ground below the body's weight, who lies rests on the trunk.
"""

from __future__ import annotations

import numpy as np

from training.synthesis.posture import Posture, rests_on_the_trunk, sit_on_the_floor, stand_on_both_feet
from training.synthesis.rig import DOWN, NECK, SPINE, Rig, X, Y, Z, align, turn

KINDS = {
    "stand": 0.24, "walk": 0.17, "sit": 0.15, "floor": 0.05, "crouch": 0.07, "reach": 0.09, "bend": 0.08, "kneel": 0.04,
    "lie": 0.08, "free": 0.03,
}  # fmt: skip
"""Kinds of poses and how often they are drawn; ``floor`` sits on the floor."""

_ON_BOTH_FEET = ("stand", "reach", "bend", "crouch")

_SUPINE, _PRONE = 0.45, 0.68
"""Who lies is on the back if their style is below the first number, on the belly below the second, else on a side."""

_TRIES, _WHOLE_TRIES = 6, 8


def everyday_pose(rig: Rig, kind: str, rng: np.random.Generator) -> np.ndarray:
    """(bones, 3, 3) a pose of one of KINDS, facing -y.

    Raises:
        ValueError: if the kind is unknown.
    """
    if kind not in KINDS:
        raise ValueError(f"pose kind {kind!r}: expected one of {', '.join(KINDS)}")
    for _ in range(_WHOLE_TRIES):
        rotations = _draw_pose(rig, kind, rng)
        if Posture.of(rig, rotations).collides():
            continue
        if kind != "lie" or rests_on_the_trunk(rig, rotations):
            break
    return rotations


def _draw_pose(rig: Rig, kind: str, rng: np.random.Generator) -> np.ndarray:
    normal, uniform = rng.normal, rng.uniform
    rotations = rig.rest()
    if kind == "bend":
        spine = uniform(15, 70), normal(0, 10), normal(0, 15)
    elif kind == "crouch":
        spine = uniform(10, 45), normal(0, 8), normal(0, 10)
    elif kind in ("sit", "floor"):
        spine = normal(10, 14), normal(0, 8), normal(0, 12)
    elif kind == "lie":
        spine = normal(2, 5), normal(0, 6), normal(0, 8)
    else:
        spine = normal(4, 7), normal(0, 5), normal(0, 9)
    rig.bend(rotations, SPINE, *spine)
    rig.bend(rotations, NECK, normal(5, 14), normal(0, 8), normal(0, 25))
    stride = uniform(12, 38)
    style = uniform()
    hinge = uniform(15, 75)
    phases = {"L": uniform(0, 2 * np.pi)}
    phases["R"] = phases["L"] + np.pi
    for _ in range(_TRIES):
        for side, phase in phases.items():
            _set_leg(rig, rotations, side, _leg_angles(kind, side, phase, stride, style, hinge, rng))
        if not _legs_touch(rig, rotations):
            break
    for side, phase in phases.items():
        for _ in range(_TRIES):
            _set_arm(rig, rotations, side, _arm_angles(kind, phase, stride, style, rng))
            set_hand(rig, rotations, side, rng)
            if not _arm_in_body(rig, rotations, side):
                break
    if kind == "lie":
        roll = normal(0, 8) if style < _PRONE else rng.choice([-85, 85]) + normal(0, 12)
        rotations[0] = turn(Y, roll) @ turn(X, (-90 if style < _SUPINE else 90) + normal(0, 4))
    elif kind == "floor":
        sit_on_the_floor(rig, rotations)
    else:
        rotations[0] = turn(Y, normal(0, 2.5)) @ turn(X, uniform(0, 25) if kind == "crouch" else normal(1, 4))
    if kind in _ON_BOTH_FEET:
        stand_on_both_feet(rig, rotations)
    return rotations


def set_hand(rig: Rig, rotations: np.ndarray, side: str, rng: np.random.Generator) -> None:
    """Turns the wrist and curls the fingers, in place."""
    fore = rig.direction("lowerarm01", side)
    roll = rng.uniform(-60, 60)
    rotations[rig.index[f"lowerarm02.{side}"]] = turn(fore, roll * 0.5)
    wrist = turn(fore, roll * 0.3) @ turn(X, rng.normal(0, 18)) @ turn(Z, rng.normal(0, 12))
    rotations[rig.index[f"wrist.{side}"]] = wrist
    curl = rng.uniform() ** 1.5 * 75
    axis = np.cross(fore, DOWN)
    for finger in range(2, 6):
        for phalanx in (1, 2, 3):
            bend = curl * rng.uniform(0.7, 1.1) * (0.8 if phalanx == 1 else 1)
            rotations[rig.index[f"finger{finger}-{phalanx}.{side}"]] = turn(axis, bend)


def _leg_angles(
    kind: str, side: str, phase: float, stride: float, style: float, hinge: float, rng: np.random.Generator
) -> tuple[float, float, float, float, float]:
    """Hip flexion, spread and outward twist, knee flexion, toes up; hinge: how far a bending person's hips flex."""
    normal, uniform = rng.normal, rng.uniform
    if kind == "bend":
        knee = np.clip(abs(normal(12, 14)), 0, 70)
        return hinge + knee * 0.4 + normal(0, 3), np.clip(normal(5, 5), -2, 25), normal(6, 6), knee, 0.0
    if kind == "floor":
        if style < 0.4:  # crossed legs, one over the other
            above = 14 if side == "L" else 0
            return normal(80, 5) + above, uniform(30, 50), uniform(55, 75), normal(120, 9), normal(-10, 8)
        if style < 0.7:  # stretched out
            return normal(82, 8), np.clip(normal(8, 10), -2, 40), normal(8, 8), np.clip(normal(12, 14), 0, 60), -10.0
        return normal(112, 8), np.clip(normal(8, 7), -2, 30), normal(0, 6), normal(105, 15), normal(0, 8)
    if kind == "lie":
        return _leg_of_who_lies(style, rng)
    if kind == "walk":
        swing = np.clip(10 + 45 * max(0.0, np.sin(phase + 1.9)) + normal(0, 5), 0, 80)
        return 5 + stride * np.sin(phase) + normal(0, 3), normal(2, 2), normal(5, 5), swing, normal(0, 8)
    if kind == "sit":
        knee = np.clip(normal(82, 20), 5, 130)
        return normal(88, 10), np.clip(normal(9, 9), -3, 40), normal(0, 6), knee, normal(0, 9)
    if kind == "crouch":  # both legs much alike, or a lunge
        depth = np.clip(hinge / 75 + normal(0, 0.06 if style < 0.75 else 0.25), 0.15, 1.1)
        return 25 + 95 * depth, uniform(5, 30), normal(5, 8), 30 + 110 * depth, normal(15, 8)
    if kind == "kneel":
        if side == "L" or stride > 28:
            return normal(2, 9), uniform(0, 12), 0.0, normal(95, 10), normal(-30, 10)
        return normal(80, 15), uniform(0, 15), 0.0, normal(90, 15), normal(0, 8)
    if kind == "free":
        knee = np.clip(abs(normal(0, 50)), 0, 140)
        spread = np.clip(normal(12, 14), -6, 50)
        return np.clip(normal(25, 35), -25, 115), spread, normal(5, 15), knee, normal(0, 12)
    spread = np.clip(normal(4, 5), -3, 22)
    return normal(2, 6), spread, normal(8, 8), np.clip(abs(normal(0, 9)), 0, 60), normal(0, 5)


def _leg_of_who_lies(style: float, rng: np.random.Generator) -> tuple[float, float, float, float, float]:
    normal, uniform = rng.normal, rng.uniform
    spread, twist, ankle = np.clip(normal(7, 8), -2, 32), normal(8, 12), normal(-20, 10)
    if style < _SUPINE:  # stretched out or a knee drawn up
        knee = abs(normal(4, 6)) if rng.random() < 0.55 else uniform(30, 120)
        return knee * uniform(0.45, 0.7), spread, twist, knee, ankle
    if style < _PRONE:
        return normal(0, 4), spread, twist, (abs(normal(0, 8)) if rng.random() < 0.7 else uniform(20, 100)), ankle
    return uniform(0, 95), np.clip(spread, -2, 12), 0.0, uniform(0, 115), ankle


def _set_leg(rig: Rig, rotations: np.ndarray, side: str, angles: tuple[float, float, float, float, float]) -> None:
    flex, spread, twist, knee, ankle = angles
    outward = 1 if side == "L" else -1
    if abs(flex) < 40:
        thigh = turn(Z, outward * twist) @ turn(Y, -outward * spread) @ turn(X, -flex)
    else:  # a raised thigh spreads about the vertical
        thigh = turn(Z, outward * spread) @ turn(X, -flex) @ turn(Z, outward * twist)
    rotations[rig.index[f"upperleg01.{side}"]] = thigh
    rotations[rig.index[f"lowerleg01.{side}"]] = turn(X, knee)
    rotations[rig.index[f"foot.{side}"]] = turn(X, -ankle)


def _arm_angles(
    kind: str, phase: float, stride: float, style: float, rng: np.random.Generator
) -> tuple[float, float, float, float]:
    """Shoulder flexion and spread, elbow flexion, twist about the upper arm."""
    normal, uniform = rng.normal, rng.uniform
    draw = uniform()
    twist = float(np.clip(normal(-20, 30), -90, 60))
    if kind == "walk" and draw < 0.85:
        swing = -stride * 0.8 * np.sin(phase) + normal(0, 5)
        return swing, uniform(3, 14), np.clip(normal(22, 14), 0, 110), normal(0, 12)
    if kind == "bend" and draw < 0.6:  # hands hang or work below
        return uniform(10, 110), uniform(0, 25), abs(normal(20, 25)), twist
    if kind == "lie":
        overhead = draw < 0.3
        if style < _SUPINE:
            flex = uniform(140, 178) if overhead else uniform(0, 35)
            return flex, uniform(4, 95), abs(normal(25, 35)), twist
        if style < _PRONE:
            return (normal(165, 8) if overhead else uniform(-15, 5)), uniform(10, 95), abs(normal(0, 15)), twist
        return uniform(-10, 120), uniform(0, 40), uniform(0, 110), twist
    if kind == "reach" or draw < 0.12:
        return uniform(40, 175), uniform(0, 60), abs(normal(0, 35)), twist
    if style < 0.10:  # hands on the hips
        return normal(-18, 6), normal(42, 6), normal(88, 8), normal(-38, 8)
    if style < 0.20:  # holding something in front: a box, a phone, a cup
        return normal(18, 12), normal(8, 6), normal(92, 14), normal(-25, 14)
    if draw < 0.55:
        return normal(0, 10), np.clip(abs(normal(0, 10)) + 4, 3, 50), abs(normal(12, 14)), normal(-8, 15)
    if draw < 0.85:
        return normal(15, 25), uniform(5, 45), uniform(30, 130), twist
    return uniform(-40, 150), uniform(0, 120), uniform(0, 140), twist


def _set_arm(rig: Rig, rotations: np.ndarray, side: str, angles: tuple[float, float, float, float]) -> None:
    flex, spread, elbow, twist = angles
    outward = 1 if side == "L" else -1
    upper, fore = rig.direction("upperarm01", side), rig.direction("lowerarm01", side)
    # The rest pose holds the arms away from the trunk: hang them first, then turn.
    hang_upper = align(upper, DOWN)
    hang_fore = align(hang_upper @ fore, DOWN) @ hang_upper
    target = turn(Y, -outward * spread) @ turn(X, -flex) @ DOWN
    rotations[rig.index[f"upperarm01.{side}"]] = align(DOWN, target) @ turn(Z, twist * outward) @ hang_upper
    flexed = turn(X, -float(np.clip(elbow, 0, 145)))
    rotations[rig.index[f"lowerarm01.{side}"]] = hang_upper.T @ flexed @ hang_fore


def _arm_in_body(rig: Rig, rotations: np.ndarray, side: str) -> bool:
    """Whether the elbow, forearm or hand lies inside the trunk (an elliptic tube) or the head (a ball)."""
    places, chest = rig.limb_positions(rotations, ("upperarm01", "lowerarm01", "wrist", "finger3-1"), side)
    elbow, wrist, hand = places["lowerarm01"], places["wrist"], places["finger3-1"]
    for point in (elbow, 0.5 * (elbow + wrist), wrist, hand):
        from_chest = chest.T @ (point - places["spine01"])
        belly = (-0.12 < point[2] < 0.15, point)
        ribs = (-0.2 < from_chest[2] < 0.12, from_chest)
        for at_this_height, local in (ribs, belly):
            if at_this_height and (local[0] / 0.17) ** 2 + ((local[1] + 0.02) / 0.14) ** 2 < 1:
                return True
        if np.linalg.norm(from_chest - np.array([0, -0.06, 0.33])) < 0.11:
            return True
    return False


def _legs_touch(rig: Rig, rotations: np.ndarray) -> bool:
    """Whether knees or ankles are closer than legs are thick."""
    left, right = (rig.limb_positions(rotations, ("upperleg01", "lowerleg01", "foot"), side)[0] for side in ("L", "R"))
    return any(np.linalg.norm(left[bone] - right[bone]) < 0.085 for bone in ("lowerleg01", "foot"))
