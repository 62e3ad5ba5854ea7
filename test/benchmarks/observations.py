"""The man's joints in the four views' images, as two detectors see them that have nothing to do with each other."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from metric_pose_ros.demo.clip import View
from metric_pose_ros.engines import Engine, open_engine
from metric_pose_ros.models import ModelFile
from training.domain_gap.mediapipe_side import coco_joints, look
from training.domain_gap.true_views import decode

Floats = npt.NDArray[np.floating]
Image = npt.NDArray[np.uint8]

LOOKED_AT = (5, 45, 90)
"""Frames in which somebody has looked where the man is."""
MIDDLES = {
    "cam01": ((416, 722), (434, 754), (686, 878)),
    "cam02": ((576, 763), (539, 768), (539, 823)),
    "cam03": ((626, 814), (512, 809), (389, 804)),
    "cam04": ((425, 946), (585, 823), (421, 827)),
}
"""px: the middle of his body in those frames of each view; between them he moves evenly enough."""

_HALF_PX = 540
"""Half the side of a square that holds him whatever he does."""
_CROP_SIDE = 448
_LEAST_SCORE = 0.1


def observe(view: View, video: Path) -> dict[str, Floats]:
    """Finds the man's joints in one view, whose images are turned upright for the detectors.

    Returns:
        ``movenet`` and ``mediapipe``: (frames, 17, 3) px x, px y and 0..1 how sure, of COCO's joints.
    """
    turn, size = _upright(view)
    images: list[Image] = [np.asarray(cv2.warpAffine(image, turn, size), np.uint8) for image in decode(video)]
    moments = np.arange(len(images))
    middles = np.stack([np.interp(moments, LOOKED_AT, axis) for axis in np.array(MIDDLES[view.name]).T], axis=1)
    middles = middles @ turn[:, :2].T + turn[:, 2]
    boxes = np.concatenate([middles - _HALF_PX, middles + _HALF_PX], axis=1)
    engine = open_engine(ModelFile.open("movenet"), "auto", 2)
    movenet = [
        _movenet(engine, image, box, middle)
        for image, box, middle in zip(tqdm(images, desc=f"MoveNet {view.name}"), boxes, middles, strict=True)
    ]
    seen = {"movenet": np.array(movenet), "mediapipe": _mediapipe(images, boxes)}
    for joints in seen.values():
        joints[..., :2] = (joints[..., :2] - turn[:, 2]) @ turn[:, :2]
    return seen


def _upright(view: View) -> tuple[Floats, tuple[int, int]]:
    """(2, 3) rotation that makes the room's vertical upright in the image, and the size that then holds all of it."""
    right, down = -view.rotation[:2, 2]
    cosine, sine = np.array([down, right]) / np.hypot(right, down)
    turn = np.array([[cosine, -sine], [sine, cosine]])
    corners = np.array([[0, 0], [1, 0], [0, 1], [1, 1]]) * [view.camera.width, view.camera.height] @ turn.T
    low, high = corners.min(axis=0), corners.max(axis=0)
    width, height = np.ceil(high - low).astype(int).tolist()
    return np.column_stack([turn, -low]), (width, height)


def _movenet(engine: Engine, image: Image, box: Floats, middle: Floats) -> Floats:
    """(17, 3) joints of whoever has the hips nearest to the box' middle; zero if nobody is there."""
    to_crop, scale = _crop_transform(box, _CROP_SIDE)
    crop = cv2.warpAffine(image, to_crop, (_CROP_SIDE, _CROP_SIDE))
    rows = engine.run(image=np.ascontiguousarray(crop[None, ..., ::-1]))["people"][0]
    rows = rows[rows[:, 55] >= _LEAST_SCORE]
    if not len(rows):
        return np.zeros((17, 3))
    joints = rows[:, :51].reshape(-1, 17, 3)
    points = (joints[..., 1::-1] * _CROP_SIDE - to_crop[:, 2]) / scale
    apart = np.linalg.norm(points[:, 11:13].mean(axis=1) - middle, axis=1)
    nearest = int(apart.argmin())
    return np.concatenate([points[nearest], joints[nearest, :, 2:]], axis=1)


def _mediapipe(images: list[Image], boxes: Floats) -> Floats:
    transforms = [_crop_transform(box, 256) for box in boxes]
    crops = [
        cv2.warpAffine(image, transform, (256, 256), flags=cv2.INTER_AREA)[..., ::-1]
        for image, (transform, _) in zip(images, transforms, strict=True)
    ]
    landmarks, _ = look(np.stack(crops))
    return np.stack(
        [
            np.column_stack([(points - transform[:, 2]) / scale, sure])
            for points, sure, (transform, scale) in zip(*coco_joints(landmarks), transforms, strict=True)
        ]
    )


def _crop_transform(box: Floats, longest_side: int) -> tuple[Floats, float]:
    """(2, 3) affine map from the image to a crop whose longer side is `longest_side`, and its scale."""
    scale = longest_side / max(box[2] - box[0], box[3] - box[1])
    return np.array([[scale, 0, -box[0] * scale], [0, scale, -box[1] * scale]]), scale
