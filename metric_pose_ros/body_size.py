"""A person's size does not change from frame to frame, though a single image may say so."""

from __future__ import annotations

from collections import deque
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from metric_pose_ros.people import Person

Floats = npt.NDArray[np.floating]

_FRAMES = 300
"""How many frames are remembered: some ten seconds."""
_RECENT = 14
"""Frames over which it is judged how large somebody is taken for now; one alone would make the distance tremble."""
_MOST = 1.33
"""A frame that differs by more is wrong in other ways, too, and is not stretched further."""


class BodySize:
    """Gives somebody the same size in every frame: that of the median bone lengths so far.

    From one image, size and distance are known only together: whoever is taken for smaller is placed nearer, as happens
    to people who bend. A pose that is scaled about the camera's centre keeps its picture, so the distance is corrected
    along with the size.
    """

    def __init__(self) -> None:
        self._lengths: deque[Floats] = deque(maxlen=_FRAMES)

    def __call__(self, person: Person) -> Person:
        """Takes the person of the next frame, as estimated.

        Args:
            person: in the frame of the camera that sees them.

        Returns:
            The person with ``joints3d`` and both deviations scaled; the rest as it was.
        """
        bones = np.array(person.skeleton.edges, dtype=int).reshape(-1, 2)
        lengths = np.linalg.norm(person.joints3d[bones[:, 0]] - person.joints3d[bones[:, 1]], axis=1)
        self._lengths.append(lengths)
        usual = np.median(self._lengths, axis=0)
        now = np.mean(list(self._lengths)[-_RECENT:], axis=0)
        # The scale that brings all bones nearest to their usual lengths, in least squares from the usual side.
        alike = float(usual @ now)
        scale = float(np.clip(usual @ usual / alike, 1 / _MOST, _MOST)) if alike > 0 else 1.0
        return replace(
            person,
            joints3d=person.joints3d * scale,
            std=person.std * scale,
            distance_std=person.distance_std * scale,
        )
