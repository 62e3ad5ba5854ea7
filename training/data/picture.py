"""From an example as its data set has it to a shard's sample: a picture by a virtual camera that looks at the person.

The virtual camera has no distortion, and it sees enough around the person's box for every change that training makes:
turning by 20 degrees, zooming out by a quarter and shifting by a tenth of the crop need 1.9 times the crop's side.
"""

from __future__ import annotations

import json
import math
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from metric_pose_ros.geometry.camera import Camera
from metric_pose_ros.geometry.crop import Crop, look_at, sample
from training.data.example import Example, Floats, FrameExample, Image, inside
from training.data.shard_writer import Files, jpeg, npz
from training.data.shards import CROP_SCALE

_TURN = math.radians(20)
MARGIN = (math.cos(_TURN) + math.sin(_TURN)) / 0.75 + 2 * 0.1
"""Side of the stored picture over the side of a crop: 1.91."""
SMALLEST_SIDE = 64
"""px of a stored picture, however few the person has in the source."""


def encode(example: Example | FrameExample, side: int, about: dict[str, Any]) -> Files:
    """The files of a sample: ``jpg``, ``npz``, ``json`` and, where there is a mask, ``mask.png``.

    Args:
        example: a person or a whole frame.
        side: px of a person's picture; fewer where the source has no more to show. Frames stay as they are.
        about: facts beside the example's, such as ``data_set`` and ``split``.

    Raises:
        ValueError: if labels and picture do not fit.
    """
    about = {**about, "skeleton": example.skeleton.name, **example.facts}
    if isinstance(example, FrameExample):
        return _encode_frame(example, about)
    return _encode_person(example, side, about)


def _encode_person(example: Example, side: int, about: dict[str, Any]) -> Files:
    height, width = example.image.shape[:2]
    if (width, height) != (example.camera.width, example.camera.height):
        raise ValueError(
            f"the picture has {width}x{height} px, its camera {example.camera.width}x{example.camera.height}"
        )
    crop = _looking_at(example.camera, example.box, side)
    joints_mm = example.joints_mm @ crop.rotation.T
    if example.joints_px is None:
        seen_px = example.camera.project(example.joints_mm)
        joints_px = project(crop.K, joints_mm)
    else:
        seen_px = example.joints_px
        joints_px = project(crop.K, example.camera.rays(seen_px) @ crop.rotation.T)
    picture = _look(example.image, example.camera, crop)
    shown = inside(seen_px, width, height) & inside(joints_px, crop.side, crop.side)
    hidden = np.zeros(len(shown), bool) if example.hidden is None else example.hidden
    if example.universal_mm is not None:
        about["universal_mm"] = np.round(example.universal_mm @ crop.rotation.T, 2).tolist()
    files = {
        "jpg": jpeg(picture),
        "npz": npz(
            joints_mm=joints_mm.astype(np.float32),
            joints_px=joints_px.astype(np.float32),
            intrinsics=crop.K.astype(np.float32),
            visibility=np.where(shown, np.where(hidden, 1, 2), 0).astype(np.uint8),
            box=_box_in(example.camera, example.box, crop).astype(np.float32),
        ),
        "json": json.dumps(about).encode(),
    }
    if example.mask is not None:
        mask = _look(np.repeat(example.mask[..., None], 3, axis=2), example.camera, crop)[..., 0]
        files["mask.png"] = cv2.imencode(".png", np.where(mask > 127, 255, 0).astype(np.uint8))[1].tobytes()
    return files


def _encode_frame(example: FrameExample, about: dict[str, Any]) -> Files:
    hidden = example.hidden & np.isfinite(example.joints_px).all(axis=-1)
    shown = inside(example.joints_px, example.image.shape[1], example.image.shape[0])
    return {
        "jpg": jpeg(np.ascontiguousarray(example.image[..., ::-1])),
        "npz": npz(
            intrinsics=example.intrinsics.astype(np.float64),
            joints_mm=example.joints_mm.astype(np.float32),
            joints_px=example.joints_px.astype(np.float32),
            universal_mm=example.universal_mm.astype(np.float32),
            visibility=np.where(shown, np.where(hidden, 1, 2), 0).astype(np.uint8),
            valid=example.valid.astype(bool),
        ),
        "json": json.dumps(about).encode(),
    }


def _looking_at(camera: Camera, box: Floats, side: int) -> Crop:
    """The virtual camera; of fewer px where `side` would only blow the source's pixels up."""
    if not (np.isfinite(box).all() and (box[2:] > box[:2]).all()):
        raise ValueError(f"the box {np.round(box, 1).tolist()} is empty, expected x1 < x2 and y1 < y2")
    crop = look_at(camera, box, side, CROP_SCALE * MARGIN)
    enough = side_worth(crop, camera)
    return crop if enough == side else look_at(camera, box, enough, CROP_SCALE * MARGIN)


def side_worth(crop: Crop, camera: Camera) -> int:
    """px that a picture of what a crop shows should have: the crop's, or fewer where the camera gave no more."""
    source = math.sqrt(camera.K[0, 0] * camera.K[1, 1])
    return min(crop.side, max(SMALLEST_SIDE, math.ceil(crop.side * source / crop.K[0, 0])))


def _look(image_bgr: Image, camera: Camera, crop: Crop) -> Image:
    """(S, S, 3) RGB, black where the source shows nothing."""
    out = np.zeros((1, 3, crop.side, crop.side), np.float32)
    sample(image_bgr, camera, [crop], out)
    return np.ascontiguousarray(np.round(out[0].transpose(1, 2, 0) * 255).astype(np.uint8))


def project(K: Floats, points: Floats) -> Floats:
    """(J, 3) in the crop's camera -> (J, 2) px; NaN for what is unknown or behind the camera."""
    depth = points[:, 2:]
    plane = np.full((len(points), 2), np.nan)
    front = np.nan_to_num(depth[:, 0], nan=-1.0) > 1e-6
    plane[front] = points[front, :2] / depth[front]
    return plane @ K[:2, :2].T + K[:2, 2]


def _box_in(camera: Camera, box: Floats, crop: Crop) -> npt.NDArray[np.float64]:
    """(4,) xyxy px around the picture's centre, so that `look_at` of it is the same camera as `look_at` of the box in
    the source."""
    x1, y1, x2, y2 = box
    x, y = (x1 + x2) / 2, (y1 + y2) / 2
    rays = camera.rays(np.array([[x1, y], [x2, y], [x, y1], [x, y2]])) @ crop.rotation.T
    left, right, top, bottom = rays[:, :2] / np.maximum(rays[:, 2:], 0.1)
    half = np.array([np.linalg.norm(right - left), np.linalg.norm(bottom - top)]) / 2 * crop.K[0, 0]
    centre = (crop.side - 1) / 2
    return np.concatenate([centre - half, centre + half])
