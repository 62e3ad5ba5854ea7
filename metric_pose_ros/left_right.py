"""Nobody turns round between two frames, though the network may see somebody from behind in one of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from metric_pose_ros.people import Person

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
        return (
            replace(
                person,
                joints3d=person.joints3d[mirror],
                joints2d=person.joints2d[mirror],
                std=person.std[mirror],
                confidence=person.confidence[mirror],
            ),
            False,
        )
