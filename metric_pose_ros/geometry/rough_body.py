"""A body before the camera, roughly, from the keypoints that a detector sees in the image."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from metric_pose_ros.geometry.camera import Camera
from metric_pose_ros.skeleton import COCO_17

Floats = npt.NDArray[np.floating]

TORSO = ("left_shoulder", "right_shoulder", "right_hip", "left_hip")
"""Joints around it, one after the other."""
_TORSO_M = 0.5
"""From the middle of the shoulders to the middle of the hips of grown people."""
_LEAST_SCORE = 0.1
"""Keypoints that a detector is less sure of are not believed."""
_FARTHEST_M = 50.0
_SHOULDERS, _HIPS = (list(COCO_17.indices(pair)) for pair in (TORSO[:2], TORSO[2:]))


def are_sure(keypoints: Floats, least_score: float) -> npt.NDArray[np.bool_]:
    """(K,) which of keypoints (K, 3), px and score, are numbers and as sure as that."""
    return np.isfinite(keypoints).all(axis=1) & (keypoints[:, 2] >= least_score)


def rough_body(camera: Camera, keypoints: Floats) -> Floats | None:
    """A body as flat as its image, as far away as its torso seems.

    Args:
        camera: that took the image.
        keypoints: (17, 3) of COCO's joints: px in the image as seen, and 0..1 how sure.

    Returns:
        (17, 3) m in the camera's frame, NaN for joints that were not seen; None unless hips and shoulders were, before
        the camera.
    """
    sure = are_sure(keypoints, _LEAST_SCORE)
    if not sure[_SHOULDERS + _HIPS].all():
        return None
    rays = np.full((len(COCO_17), 3), np.nan)
    rays[sure] = camera.rays(keypoints[sure, :2])
    ahead = rays[_SHOULDERS + _HIPS].mean(axis=0)
    ahead /= np.linalg.norm(ahead)
    with np.errstate(invalid="ignore"):
        depths = rays @ ahead
        rays[~(depths > 0.1)] = np.nan
    flat = rays / depths[:, None]
    torso = float(np.linalg.norm(flat[_SHOULDERS].mean(axis=0) - flat[_HIPS].mean(axis=0)))
    if not torso * _FARTHEST_M > _TORSO_M:  # which NaN is not, either
        return None
    return flat * (_TORSO_M / torso)
