"""Who is looked at when there are more people than there is time for: the nearest, whom a robot reaches first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from metric_pose_ros.geometry.camera import Camera
from metric_pose_ros.people import Detection
from metric_pose_ros.shots import Begun
from metric_pose_ros.track import Look

Floats = npt.NDArray[np.floating]

_BODY_M = 1.7
"""What the longer side of a box around somebody measures, roughly, who stands or lies."""
_STRANGER = 1.1
"""Somebody new must be nearer by a tenth than who is followed, or the two would take turns."""


def distances(boxes: Floats, camera: Camera) -> Floats:
    """How far away people would be if their boxes' longer sides were a grown body's length.

    Args:
        boxes: (N, 4) xyxy px.
        camera: that sees them.

    Returns:
        (N,) metres. Whoever is cut off by the image's border is nearer than that; all others about there, or nearer if
        they crouch or are small.
    """
    if not len(boxes):
        return np.zeros(0)
    longer = (boxes[:, 2:] - boxes[:, :2]).max(axis=1)
    return _BODY_M * float(camera.K[1, 1]) / np.maximum(longer, 1.0)


def nearest_detections(detections: Sequence[Detection], camera: Camera, most: int) -> list[Detection]:
    """At most so many detections of an image, those that seem nearest; the surest first."""
    far = distances(np.array([each.box for each in detections]).reshape(-1, 4), camera)
    kept = [detections[index] for index in np.sort(np.argsort(far, kind="stable")[:most])]
    return sorted(kept, key=lambda detection: -detection.score)


def nearest_looks(begun: Mapping[str, Begun], most: int) -> tuple[dict[str, Begun], int]:
    """The shots of several cameras with at most so many people to look at in all, those who are nearest.

    Args:
        begun: by the cameras' names.
        most: people.

    Returns:
        the same shots, and how many people were left out.
    """
    far = {name: _distances(each) for name, each in begun.items()}
    every = np.concatenate([*far.values(), np.zeros(0)])
    if len(every) <= most:
        return dict(begun), 0
    kept = np.zeros(len(every), bool)
    kept[np.argsort(every, kind="stable")[:most]] = True
    shots, start = {}, 0
    for name, each in begun.items():
        mine = kept[start : start + len(each.looks)]
        start += len(each.looks)
        looks = [look for look, wanted in zip(each.looks, mine, strict=True) if wanted]
        shots[name] = replace(each, looks=looks)
    return shots, len(every) - most


def _distances(begun: Begun) -> Floats:
    """(N,) metres of the looks of a shot; a track knows better than a box."""
    guessed = distances(begun.boxes, begun.shot.camera)
    known = [_known(look) for look in begun.looks]
    return np.array([guess * _STRANGER if it is None else it for guess, it in zip(guessed, known, strict=True)])


def _known(look: Look) -> float | None:
    return None if look.track is None else float(np.linalg.norm(look.track.person.position))
