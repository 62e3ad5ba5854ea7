"""From poses in crops to people in the camera's frame; who cannot be there is left out, see `plausibility`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from metric_pose_ros.geometry.camera import Camera
from metric_pose_ros.geometry.crop import Crop
from metric_pose_ros.geometry.placement import distance_std, inside_view
from metric_pose_ros.left_right import as_keypoints_say
from metric_pose_ros.models import PoseModelInfo
from metric_pose_ros.people import Detection, Person
from metric_pose_ros.plausibility import (
    bones_are_possible,
    enough_is_certain,
    enough_is_in_view,
    fills_its_box,
    is_placed,
    spans_the_body,
    without_duplicates,
)
from metric_pose_ros.pose_network import PoseBatch

Floats = npt.NDArray[np.floating]

_NEAREST_M = 0.1
_FARTHEST_M = 1000.0
"""Nobody is seen from further away; and whatever is less certain than that is not known at all."""


class Placing:
    """Makes people of what a pose network says of crops.

    Args:
        info: of the pose model.
        only_plausible: drop poses that cannot be a person's, and the same person found twice.
    """

    def __init__(self, info: PoseModelInfo, only_plausible: bool = True) -> None:
        self._info = info
        self._spans_body = spans_the_body(info.skeleton)
        self._only_plausible = only_plausible

    def __call__(
        self, camera: Camera, detections: Sequence[Detection], crops: list[Crop], poses: PoseBatch
    ) -> list[Person]:
        """The people of one frame.

        Args:
            camera: that took it.
            detections: N of them, in whose boxes people were looked for.
            crops: N, one each.
            poses: N, in the crops.

        Returns:
            in the camera's frame, those who can be.
        """
        found = [
            person
            for detection, crop, joints2d, absolute, std, confidence in zip(
                detections,
                crops,
                poses.joints2d,
                poses.absolute / 1000,
                poses.std / 1000,
                poses.confidence,
                strict=True,
            )
            if (person := self._person(detection, camera, crop, joints2d, absolute, std, confidence)) is not None
        ]
        if len(found) < 2 or not self._only_plausible:
            return found
        kept = without_duplicates(
            np.stack([person.joints3d for person in found]),
            np.stack([person.joints2d for person in found]),
            np.array([person.score * person.confidence.mean() for person in found]),
        )
        return [found[index] for index in kept]

    def _person(
        self,
        detection: Detection,
        camera: Camera,
        crop: Crop,
        crop_joints2d: Floats,
        crop_joints3d: Floats,
        crop_std: Floats,
        confidence: Floats,
    ) -> Person | None:
        """The person of one crop, in the camera's frame; None if this cannot be a person."""
        finite = np.isfinite(crop_joints3d).all() and np.isfinite(crop_joints2d).all() and np.isfinite(crop_std).all()
        if self._only_plausible and not (finite and _within_sight(crop_joints3d)):
            return None
        joints3d = crop.to_camera_frame(crop_joints3d)
        # Inside the crop the 2D head is the sharper witness; what lies beyond its border follows the 3D pose.
        inside = inside_view(crop_joints2d, crop.side, self._info.stride)
        directions = np.where(inside[:, None], crop.rays(crop_joints2d), joints3d)
        joints2d = camera.project(directions)
        # The variance along each camera axis of an error that is independent along the crop's axes.
        crop_std = np.minimum(np.abs(crop_std), _FARTHEST_M)
        std = np.sqrt(crop_std**2 @ crop.rotation**2)
        far = float(np.linalg.norm(joints3d[self._info.skeleton.root].mean(axis=0)))
        far_std = distance_std(crop_joints2d[None], crop_std[None], crop.K[None], inside[None], np.array([far]))[0]
        plausible = (
            np.isfinite(joints2d).all()
            and np.isfinite(camera.project(joints3d)).all()
            and bones_are_possible(joints3d, self._info.skeleton)
            and enough_is_in_view(joints2d, camera.width, camera.height)
            and (not self._info.calibrated or (enough_is_certain(std) and is_placed(far, far_std)))
            and (not self._spans_body or fills_its_box(joints2d, detection.box))
        )
        if self._only_plausible and not plausible:
            return None
        person = Person(
            joints3d=joints3d,
            joints2d=joints2d,
            std=std,
            confidence=confidence,
            box=np.array(detection.box, float),
            score=detection.score,
            skeleton=self._info.skeleton,
            distance_std=min(float(far_std), _FARTHEST_M),
        )
        if detection.keypoints is None or detection.expected is not None:
            return person
        return as_keypoints_say(person, detection.keypoints)


def _within_sight(joints: Floats) -> bool:
    """Whether (J, 3) m in the frame of a camera that looks at them are before it, and no further off than anybody."""
    return bool(joints[:, 2].min() >= _NEAREST_M and np.abs(joints).max() <= _FARTHEST_M)
