"""Solid stick figures before a true camera: a training set in seconds, for trying a configuration out.

Every figure has the 17 joints of Human3.6M, its own stature and a random pose; limbs are drawn from back to front, in
warm colours on the figure's left and cold ones on its right. They teach nothing about people.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from metric_pose_ros.skeleton import H36M_17
from training.data.shard_writer import Files, jpeg, npz, write_tar

Floats = npt.NDArray[np.floating]

SIDE = 128
"""px of the pictures."""
REACH = 1.6
"""Side of a picture over the longer side of the figure's box: room for changing the view."""
SHARD = 500
_LIMBS = {
    ("left_hip", "left_knee"): (90, (230, 90, 60)),
    ("left_knee", "left_ankle"): (70, (245, 150, 60)),
    ("right_hip", "right_knee"): (90, (60, 90, 230)),
    ("right_knee", "right_ankle"): (70, (60, 170, 245)),
    ("left_shoulder", "left_elbow"): (65, (240, 60, 140)),
    ("left_elbow", "left_wrist"): (50, (250, 210, 70)),
    ("right_shoulder", "right_elbow"): (65, (120, 60, 240)),
    ("right_elbow", "right_wrist"): (50, (70, 230, 200)),
    ("pelvis", "spine2"): (190, (150, 150, 150)),
    ("spine2", "neck"): (200, (190, 190, 190)),
    ("left_hip", "right_hip"): (110, (120, 120, 120)),
    ("left_shoulder", "right_shoulder"): (110, (210, 210, 210)),
    ("neck", "head_top"): (150, (235, 200, 170)),
    ("nose", "nose"): (70, (160, 60, 40)),
}
"""Joints -> diameter in mm and RGB."""


def draw_missing(folder: Path, split: str, count: int) -> None:
    """Makes ``SPLIT-*.tar`` shards of so many figures unless the folder has such shards already.

    Several processes may do so at once: they draw the same.
    """
    if any(folder.glob(f"{split}-*.tar")):
        return
    # What is there must be whole: other processes and other runs take any shard for all of them.
    unfinished = folder / f".{split}.{os.getpid()}"
    paths = []
    for number, start in enumerate(range(0, count, SHARD)):
        random = np.random.default_rng((sum(split.encode()), number))
        paths.append(unfinished / f"{split}-{number:06d}.tar")
        write_tar(paths[-1], _figures(split, start, min(SHARD, count - start), random))
    for path in reversed(paths):
        path.rename(folder / path.name)
    unfinished.rmdir()


def _figures(split: str, start: int, count: int, random: np.random.Generator) -> Iterator[tuple[str, Files]]:
    for number in range(start, start + count):
        image, labels = draw_figure(random)
        facts = {"skeleton": H36M_17.name, "data_set": "figures", "split": split}
        yield f"figure_{number:06d}", {"jpg": jpeg(image), "npz": npz(**labels), "json": json.dumps(facts).encode()}


def draw_figure(random: np.random.Generator) -> tuple[npt.NDArray[np.uint8], dict[str, npt.NDArray[Any]]]:
    """A picture (S, S, 3) RGB and the arrays of a shard's npz file."""
    joints = _pose(random)
    centre = (joints.min(axis=0) + joints.max(axis=0)) / 2
    pitch = random.uniform(-0.15, 0.25)
    tilt = np.array([[1, 0, 0], [0, np.cos(pitch), np.sin(pitch)], [0, -np.sin(pitch), np.cos(pitch)]])
    joints_mm = (joints - centre) @ tilt.T + [0, 0, random.uniform(2500, 5500)]
    flat = joints_mm[:, :2] / joints_mm[:, 2:]
    low, high = flat.min(axis=0) - 0.02, flat.max(axis=0) + 0.02
    focal, middle = SIDE / (REACH * (high - low).max()), (SIDE - 1) / 2
    intrinsics = np.array([[focal, 0, middle], [0, focal, middle], [0, 0, 1.0]])
    joints_px = flat * focal + middle
    labels = {
        "joints_mm": joints_mm,
        "joints_px": joints_px,
        "intrinsics": intrinsics,
        "box": np.concatenate([low, high]) * focal + middle,
    }
    image = _draw(joints_mm, joints_px, focal, random)
    inside = ((joints_px >= -0.5) & (joints_px <= SIDE - 0.5)).all(axis=1)
    single: dict[str, npt.NDArray[Any]] = {name: values.astype(np.float32) for name, values in labels.items()}
    return image, {**single, "visibility": np.where(inside, 2, 0).astype(np.uint8)}


def _pose(random: np.random.Generator) -> Floats:
    """(17, 3) mm, y down, somewhere."""
    size = random.uniform(0.85, 1.1)
    yaw, lean = random.uniform(-np.pi, np.pi), random.normal(0, 0.12, 2)
    facing = np.array([np.cos(yaw), 0, np.sin(yaw)])  # towards the figure's left
    ahead = np.array([np.sin(yaw), 0, -np.cos(yaw)])
    up = _unit(np.array([0, -1, 0]) + lean[0] * facing + lean[1] * ahead)
    found = {"pelvis": np.zeros(3)}
    found["spine2"] = found["pelvis"] + 240 * up
    found["neck"] = found["spine2"] + 270 * up
    found["nose"] = found["neck"] + 110 * up + 90 * ahead
    found["head_top"] = found["neck"] + 260 * up
    for side, sign in (("left", 1), ("right", -1)):
        found[f"{side}_hip"] = found["pelvis"] + sign * 130 * facing
        found[f"{side}_shoulder"] = found["neck"] + sign * 170 * facing - 30 * up
        thigh = _unit(-up + random.normal(0.15, 0.35) * ahead + sign * random.normal(0.1, 0.15) * facing)
        shin = _unit(thigh - abs(random.normal(0, 0.45)) * ahead)
        arm = _unit(
            -up * random.uniform(-0.6, 1) + random.normal(0.1, 0.5) * ahead + sign * abs(random.normal(0, 0.6)) * facing
        )
        fore = _unit(arm + abs(random.normal(0, 0.7)) * ahead + random.normal(0, 0.3) * up)
        found[f"{side}_knee"] = found[f"{side}_hip"] + 430 * thigh
        found[f"{side}_ankle"] = found[f"{side}_knee"] + 420 * shin
        found[f"{side}_elbow"] = found[f"{side}_shoulder"] + 280 * arm
        found[f"{side}_wrist"] = found[f"{side}_elbow"] + 250 * fore
    return size * np.stack([found[name] for name in H36M_17.names])


def _draw(joints_mm: Floats, joints_px: Floats, focal: float, random: np.random.Generator) -> npt.NDArray[np.uint8]:
    corners = random.integers(30, 200, (2, 2, 3)).astype(np.uint8)
    image = np.asarray(cv2.resize(corners, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR), np.uint8)
    parts = []
    for (start, end), (diameter, colour) in _LIMBS.items():
        ends = H36M_17.indices((start, end))
        parts.append((float(joints_mm[ends, 2].mean()), ends, diameter, colour))
    light = random.uniform(0.7, 1.1)
    for depth, ends, diameter, colour in sorted(parts, key=lambda part: -part[0]):
        thickness = max(1, round(diameter * focal / depth))
        shade = [float(np.clip(light * value, 0, 255)) for value in colour]
        first, last = ([round(float(value) * 16) for value in joints_px[joint]] for joint in ends)
        cv2.line(image, first, last, shade, thickness, cv2.LINE_AA, 4)
    noisy = image + random.normal(0, 4, image.shape)
    return np.clip(noisy, 0, 255).astype(np.uint8)


def _unit(vector: Floats) -> Floats:
    return vector / np.linalg.norm(vector)
