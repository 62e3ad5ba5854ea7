"""Crops around bodies: hips in the middle, shoulders above them, everything of the body inside.

What a box shows depends on how somebody stands in it, and lying people lie. A network that always sees people from the
same side needs to know less: MediaPipe's (Bazarevsky et al., "BlazePose: On-device Real-time Body Pose Tracking", 2020)
are trained on pictures turned and sized by the hips and the circle around the body, and see others badly.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from metric_pose_ros.geometry.crop import Crop
from metric_pose_ros.skeleton import COCO_17, Skeleton

Floats = npt.NDArray[np.floating]

NEAREST_M = 0.25
"""Joints that are nearer, or behind the camera, count as if they were so far off."""
_FARTHEST_OUT = 4.0
"""A body that would need a camera with a wider view than 152 degrees is not looked at like this."""
_SHOULDERS = ("left_shoulder", "right_shoulder")
_BEYOND_KEYPOINTS = 1.11
"""How much farther from the hips the farthest of all joints appears than that of COCO's, which end at wrists and
ankles; the median of 1,200 rendered people, nine in ten of them within 1.02 and 1.21."""


def can_look_at_bodies(skeleton: Skeleton) -> bool:
    """Whether a skeleton has what tells where up is in a body."""
    return set(_SHOULDERS) <= set(skeleton.names)


def look_at_body(joints3d: Floats, skeleton: Skeleton, side: int, scale: float) -> Crop | None:
    """The crop camera for a body.

    Args:
        joints3d: (J, 3) m in the camera's frame, as known from a look before.
        skeleton: of the joints; see `can_look_at_bodies`.
        side: of the crop, px.
        scale: half of what the crop shows over how far from the hips the farthest joint appears.

    Returns:
        The crop, its optical axis through the hips' middle at ((side - 1) / 2, (side - 1) / 2); None for a body that
        has no place before the camera or no direction.
    """
    hips = joints3d[skeleton.root].mean(axis=0)
    if not np.isfinite(joints3d).all() or hips[2] < NEAREST_M:
        return None
    ahead = hips / np.linalg.norm(hips)
    right = np.cross(np.array([0.0, 1.0, 0.0]), ahead)  # of a camera without roll; hips are never straight above
    right /= np.linalg.norm(right)
    level = np.stack([right, np.cross(ahead, right), ahead])
    seen = joints3d @ level.T
    plane = seen[:, :2] / np.maximum(seen[:, 2:], NEAREST_M)
    up = plane[skeleton.indices(_SHOULDERS)].mean(axis=0)
    length, radius = float(np.linalg.norm(up)), float(np.linalg.norm(plane, axis=1).max())
    if length < 1e-6 or radius * scale > _FARTHEST_OUT:
        return None
    x, y = up / length
    rotation = np.array([[-y, x, 0], [-x, -y, 0], [0, 0, 1]]) @ level
    focal, centre = side / (2 * scale * radius), (side - 1) / 2
    return Crop(rotation, np.array([[focal, 0, centre], [0, focal, centre], [0, 0, 1]]), side)


def look_at_rough_body(joints3d: Floats, side: int, scale: float) -> Crop | None:
    """The same for a body of which a detector saw the joints in the image.

    Args:
        joints3d: (17, 3) m of COCO's joints in the camera's frame, see `rough_body`.
        side: of the crop, px.
        scale: as for `look_at_body`, of the whole body.
    """
    hips = joints3d[COCO_17.root].mean(axis=0)
    seen = np.where(np.isfinite(joints3d), joints3d, hips)
    return look_at_body(seen, COCO_17, side, scale * _BEYOND_KEYPOINTS)
