"""Everyday poses put together from joint angles: standing, walking, sitting, reaching, lying.

Angles are in degrees and drawn from ranges of healthy joints; poses whose arms run through the trunk or whose legs run
through each other are drawn again.
"""

from __future__ import annotations

import numpy as np

from training.synthesis.rig import DOWN, NECK, SPINE, Rig, X, Y, Z, align, turn

KINDS = {
    "stand": 0.33, "walk": 0.22, "sit": 0.13, "crouch": 0.06, "reach": 0.08, "bend": 0.05, "kneel": 0.04, "lie": 0.03,
    "free": 0.06,
}  # fmt: skip
"""Kinds of poses and how often they are drawn."""

_TRIES = 6


def everyday_pose(rig: Rig, kind: str, rng: np.random.Generator) -> np.ndarray:
    """(bones, 3, 3) a pose of one of KINDS, facing -y.

    Raises:
        ValueError: if the kind is unknown.
    """
    if kind not in KINDS:
        raise ValueError(f"pose kind {kind!r}: expected one of {', '.join(KINDS)}")
    normal, uniform = rng.normal, rng.uniform
    rotations = rig.rest()
    if kind == "bend":
        spine = uniform(25, 80), normal(0, 10), normal(0, 15)
    elif kind == "crouch":
        spine = uniform(10, 45), normal(0, 8), normal(0, 10)
    elif kind == "sit":
        spine = normal(8, 12), normal(0, 8), normal(0, 12)
    else:
        spine = normal(4, 7), normal(0, 5), normal(0, 9)
    rig.bend(rotations, SPINE, *spine)
    rig.bend(rotations, NECK, normal(5, 14), normal(0, 8), normal(0, 25))
    stride = uniform(12, 38)
    style = uniform()
    phases = {"L": uniform(0, 2 * np.pi)}
    phases["R"] = phases["L"] + np.pi
    for _ in range(_TRIES):
        for side, phase in phases.items():
            _set_leg(rig, rotations, side, _leg_angles(kind, side, phase, stride, rng))
        if not _legs_touch(rig, rotations):
            break
    for side, phase in phases.items():
        for _ in range(_TRIES):
            _set_arm(rig, rotations, side, _arm_angles(kind, phase, stride, style, rng))
            set_hand(rig, rotations, side, rng)
            if not _arm_in_body(rig, rotations, side):
                break
    if kind == "lie":
        roll = normal(0, 10) if uniform() < 0.6 else rng.choice([-80, 80])
        rotations[0] = turn(Y, roll) @ turn(X, rng.choice([-90, 90]) + normal(0, 8))
    else:
        rotations[0] = turn(Y, normal(0, 2.5)) @ turn(X, uniform(0, 25) if kind == "crouch" else normal(1, 4))
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
    kind: str, side: str, phase: float, stride: float, rng: np.random.Generator
) -> tuple[float, float, float, float, float]:
    """Hip flexion, spread and outward twist, knee flexion, toes up."""
    normal, uniform = rng.normal, rng.uniform
    if kind == "walk":
        swing = np.clip(10 + 45 * max(0.0, np.sin(phase + 1.9)) + normal(0, 5), 0, 80)
        return 5 + stride * np.sin(phase) + normal(0, 3), normal(2, 2), normal(5, 5), swing, normal(0, 8)
    if kind == "sit":
        knee = np.clip(normal(82, 20), 5, 130)
        return normal(88, 10), np.clip(normal(9, 9), -3, 40), normal(0, 6), knee, normal(0, 9)
    if kind == "crouch":
        return uniform(60, 120), uniform(5, 30), normal(5, 8), uniform(70, 140), normal(15, 8)
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


def _set_leg(rig: Rig, rotations: np.ndarray, side: str, angles: tuple[float, float, float, float, float]) -> None:
    flex, spread, twist, knee, ankle = angles
    outward = 1 if side == "L" else -1
    if abs(flex) < 40:
        thigh = turn(Z, outward * twist) @ turn(Y, -outward * spread) @ turn(X, -flex)
    else:  # a raised thigh spreads about the vertical
        thigh = turn(Z, outward * (twist + spread)) @ turn(X, -flex)
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
