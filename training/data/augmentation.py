"""Changes of a sample that keep it true: mirroring, and colours.

Colours follow MeTRAbs: brightness, contrast, saturation and hue, each by a random amount, in random order.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from metric_pose_ros.skeleton import Skeleton
from training.data.shards import Sample


def mirror(sample: Sample, skeleton: Skeleton) -> Sample:
    """The sample as in a mirror: left and right change places, in the picture and in the names of the joints."""
    side = sample.image.shape[1]
    intrinsics = sample.intrinsics.copy()
    intrinsics[0, 2] = side - 1 - intrinsics[0, 2]
    intrinsics[0, 1] = -intrinsics[0, 1]
    joints_mm = sample.joints_mm[skeleton.mirror] * np.array([-1, 1, 1], np.float32)
    joints_px = sample.joints_px[skeleton.mirror]
    joints_px = np.stack([side - 1 - joints_px[:, 0], joints_px[:, 1]], axis=-1)
    return replace(
        sample,
        image=np.ascontiguousarray(sample.image[:, ::-1]),
        joints_mm=joints_mm,
        joints_px=joints_px,
        intrinsics=intrinsics,
        visibility=sample.visibility[skeleton.mirror],
    )


def change_colours(image: npt.NDArray[np.uint8], random: np.random.Generator) -> npt.NDArray[np.uint8]:
    """(H, W, 3) uint8 RGB with other brightness, contrast, saturation and hue."""
    x: npt.NDArray[Any] = image.astype(np.float32) / 255
    for change in random.permutation(4):
        if change == 0:
            x = x + random.uniform(-0.125, 0.125)
        elif change == 1:
            x = (x - x.mean()) * random.uniform(0.5, 1.5) + x.mean()
        elif change == 2:
            grey = x.mean(axis=-1, keepdims=True)
            x = grey + (x - grey) * random.uniform(0.5, 1.5)
        else:
            hsv = np.asarray(cv2.cvtColor(np.clip(x, 0, 1).astype(np.float32), cv2.COLOR_RGB2HSV))
            hsv[..., 0] = (hsv[..., 0] + random.uniform(-72, 72)) % 360
            x = np.asarray(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB))
    return np.round(np.clip(x, 0, 1) * 255).astype(np.uint8)
