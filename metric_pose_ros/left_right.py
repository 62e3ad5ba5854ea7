"""Whether somebody is seen from the right side: networks take a back for a front now and then.

Detectors that see keypoints do so less often, and nobody turns round between two frames.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from metric_pose_ros.geometry.rough_body import are_sure
from metric_pose_ros.people import Person
from metric_pose_ros.skeleton import COCO_17

Floats = npt.NDArray[np.floating]

_NEARER = 0.6
"""Left and right are taken to be swapped where that brings the joints this much nearer to where they were."""
_APART_M = 0.12
"""Mean over the joints, from which it matters; people are as far from where they were after a while."""
_LONGEST_S = 0.25
"""Between two frames; in a longer time people do turn."""
_CONVINCED_S = 1.5
"""The network is believed after it has said the same for so long, more often than the contrary: the person may have
been seen wrong before."""
_LIMBS = tuple(
    name for name in COCO_17.names if name.startswith(("left_", "right_")) and not name.endswith(("eye", "ear"))
)
_LEAST_SCORE = 0.3
"""Keypoints that a detector is less sure of do not tell left from right."""
_FEWEST = 6
"""Limbs' joints that must be seen for that."""


class LeftRight:
    """Keeps a person's left and right over frames."""

    def __init__(self) -> None:
        self._doubt_s = 0.0

    def __call__(self, person: Person, pose: Floats, before: Floats | None, seconds: float) -> tuple[Person, bool]:
        """Takes the person of the next frame.

        Args:
            person: as estimated.
            pose: (J, 3) m of the same joints about the pelvis.
            before: (J, 3) m as it was in the frames before, smooth; None if there were none.
            seconds: since then.

        Returns:
            The person, left and right swapped if they seem to be, and whether who was seen so far was swapped instead.
        """
        if before is None:
            return person, False
        mirror = person.skeleton.mirror
        far, far_swapped = (float(np.linalg.norm(each - before, axis=1).mean()) for each in (pose, pose[mirror]))
        if seconds > _LONGEST_S or far < _APART_M or far_swapped > _NEARER * far:
            self._doubt_s = max(self._doubt_s - seconds, 0.0)
            return person, False
        self._doubt_s += seconds
        if self._doubt_s > _CONVINCED_S:
            self._doubt_s = 0.0
            return person, True
        return _swapped(person), False


def as_keypoints_say(person: Person, keypoints: Floats) -> Person:
    """Somebody as a detector sees them: left and right are swapped if that brings the limbs plainly nearer.

    Args:
        person: as estimated.
        keypoints: (17, 3) of COCO's joints: px in the image as seen, and 0..1 how sure.
    """
    skeleton = person.skeleton
    limbs = [name for name in _LIMBS if name in skeleton.names]
    there = keypoints[COCO_17.indices(tuple(limbs))] if limbs else keypoints[:0]
    sure = are_sure(there, _LEAST_SCORE)
    if sure.sum() < _FEWEST:
        return person
    ours = skeleton.indices(tuple(limbs))[sure]
    far, far_swapped = (
        float(np.linalg.norm(person.joints2d[each] - there[sure, :2], axis=1).mean())
        for each in (ours, skeleton.mirror[ours])
    )
    return _swapped(person) if far_swapped < _NEARER * far else person


def _swapped(person: Person) -> Person:
    mirror = person.skeleton.mirror
    return replace(
        person,
        joints3d=person.joints3d[mirror],
        joints2d=person.joints2d[mirror],
        std=person.std[mirror],
        confidence=person.confidence[mirror],
    )
