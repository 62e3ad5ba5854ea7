"""What must hold for everything that is said about people: numbers that are numbers, and nobody behind the camera."""

from __future__ import annotations

import math
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from metric_pose_ros.people import Person


def assert_real(person: Person, behind: bool = False) -> None:
    """Fails for a person who cannot be where it is said.

    Args:
        person: in the frame of the camera.
        behind: whether the lens sees what lies beside and behind the camera, as a fisheye does.
    """
    numbers = ("joints3d", "joints2d", "std", "confidence", "box", "score", "velocity", "position", "distance_std")
    for name in numbers:
        assert np.isfinite(getattr(person, name)).all(), f"{name} of a person is not finite: {getattr(person, name)}"
    assert behind or person.joints3d[:, 2].min() > 0, f"a person is behind the camera: {person.joints3d.tolist()}"
    assert (person.std >= 0).all(), f"a standard deviation is below zero: {person.std.tolist()}"
    assert ((person.confidence >= 0) & (person.confidence <= 1)).all(), person.confidence.tolist()


def assert_finite(message: Any, where: str = "") -> None:
    """Fails for a message of rosbags in which any number, however deep, is not finite."""
    if isinstance(message, float):
        assert math.isfinite(message), f"{where} is {message}"
    elif isinstance(message, np.ndarray):
        if message.dtype.kind == "f":
            assert np.isfinite(message).all(), f"{where} is {message.tolist()}"
    elif is_dataclass(message):
        for field in fields(message):
            assert_finite(getattr(message, field.name), f"{where}.{field.name}")
    elif isinstance(message, list):
        for place, element in enumerate(message):
            assert_finite(element, f"{where}[{place}]")


def assert_cloud_is_finite(message: Any) -> None:
    """Fails for a PointCloud2 of keypoints in which a number is not finite."""
    numbers = np.frombuffer(np.asarray(message.data, np.uint8).tobytes(), np.uint8).reshape(-1, message.point_step)
    for field in message.fields:
        kind = {7: "<f4", 8: "<f8"}.get(field.datatype)
        if kind is not None:
            size = np.dtype(kind).itemsize
            values = numbers[:, field.offset : field.offset + size].copy().view(kind)
            assert np.isfinite(values).all(), f"{field.name} of keypoints: {values.ravel().tolist()}"
