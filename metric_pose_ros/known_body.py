"""What is known of people before they are looked at: where a track expects them, or roughly what the detector saw."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from metric_pose_ros.geometry.body_crop import look_at_body, look_at_rough_body
from metric_pose_ros.geometry.camera import Camera
from metric_pose_ros.geometry.crop import Crop
from metric_pose_ros.geometry.rough_body import TORSO, rough_body
from metric_pose_ros.people import Detection
from metric_pose_ros.skeleton import COCO_17, Skeleton

Floats = npt.NDArray[np.floating]

_SAME = 0.4
"""Of the torso's length; who appears no further apart than this at every corner of it is the same person."""


@dataclass(frozen=True, eq=False)
class KnownBody:
    """A body in the camera's frame.

    Attributes:
        joints3d: (J, 3) m; NaN for those of which nothing is known.
        skeleton: of the joints.
        rough: whether a detector's keypoints are all that is known.
    """

    joints3d: Floats
    skeleton: Skeleton
    rough: bool = False

    @classmethod
    def of(cls, detection: Detection, camera: Camera, skeleton: Skeleton) -> KnownBody | None:
        """What a detection says; None if that is no more than a box.

        Args:
            detection: of somebody.
            camera: that took the image.
            skeleton: of joints that are expected.
        """
        if detection.expected is not None:
            return cls(detection.expected, skeleton)
        if detection.keypoints is None:
            return None
        joints3d = rough_body(camera, detection.keypoints)
        return None if joints3d is None else cls(joints3d, COCO_17, rough=True)

    def crop(self, side: int, scale: float) -> Crop | None:
        """Looks at the body, see `look_at_body`."""
        if self.rough:
            return look_at_rough_body(self.joints3d, side, scale)
        return look_at_body(self.joints3d, self.skeleton, side, scale)

    def may_hide(self, other: KnownBody) -> bool:
        """Whether this is somebody else, who is to be painted over where another is looked at.

        Those who are followed are not the same. Detectors find people twice now and then, and find those who are
        followed already: nobody whom only a detector knows hides somebody who is followed.
        """
        if not other.rough:
            return not self.rough
        here, there = self._torso(), other._torso()
        if here is None or there is None:
            return True
        length = np.linalg.norm(there[:2].mean(axis=0) - there[2:].mean(axis=0))
        return bool(np.linalg.norm(here - there, axis=1).max() > _SAME * length)

    def _torso(self) -> Floats | None:
        """(4, 2) where its corners appear at a depth of 1; None if that cannot be said."""
        if not set(TORSO) <= set(self.skeleton.names):
            return None
        corners = self.joints3d[self.skeleton.indices(TORSO)]
        return corners[:, :2] / corners[:, 2:] if (corners[:, 2] > 0).all() else None
