"""What callers of the estimator give: images and boxes, checked before anything is done with them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from metric_pose_ros.geometry.camera import Camera
from metric_pose_ros.people import Detection

Floats = npt.NDArray[np.floating]
Image = npt.NDArray[np.uint8]


def check_image(image_bgr: Image, camera: Camera | None = None) -> None:
    """Refuses what is no colour image, or not of the camera's size.

    Raises:
        ValueError: saying what was given, what was expected and what to do.
    """
    if not isinstance(image_bgr, np.ndarray):
        raise ValueError(
            f"the image is {type(image_bgr).__name__}, expected a (height, width, 3) uint8 array; could it not be read?"
        )
    if image_bgr.ndim != 3 or image_bgr.shape[2] != 3 or image_bgr.dtype != np.uint8:
        raise ValueError(
            f"the image has shape {image_bgr.shape} and type {image_bgr.dtype}, expected (height, width, 3) and uint8"
        )
    if image_bgr.size == 0:
        raise ValueError(f"the image is empty: its shape is {image_bgr.shape}")
    if camera is not None and image_bgr.shape[:2] != (camera.height, camera.width):
        raise ValueError(
            f"the image is {image_bgr.shape[1]}x{image_bgr.shape[0]}, but its camera is calibrated for "
            f"{camera.width}x{camera.height}: "
            "give the camera file that belongs to this image size"
        )


def as_detections(
    boxes: npt.ArrayLike, scores: npt.ArrayLike | None, expected: Sequence[Floats | None] | None
) -> list[Detection]:
    """Boxes as detections, see `PoseEstimator.estimate`.

    Raises:
        ValueError: if there are not as many of each, or boxes have no four numbers.
    """
    array = np.asarray(boxes, float)
    if array.size == 0:
        return []
    if array.ndim != 2 or array.shape[1] != 4:
        raise ValueError(f"boxes have shape {array.shape}, expected (N, 4) with x1, y1, x2, y2 in px")
    sure = np.ones(len(array)) if scores is None else np.asarray(scores, float).reshape(-1)
    if len(sure) != len(array):
        raise ValueError(f"{len(sure)} scores were given for {len(array)} boxes, expected one each")
    about = [None] * len(array) if expected is None else list(expected)
    if len(about) != len(array):
        raise ValueError(f"{len(about)} expected people were given for {len(array)} boxes, one each or None is needed")
    return [Detection(box, float(score), joints) for box, score, joints in zip(array, sure, about, strict=True)]


def check_detections(detections: Sequence[Detection], camera: Camera) -> None:
    """Refuses boxes that are not finite, have no size or lie outside the image.

    Raises:
        ValueError: that names the box and says what is wrong with it.
    """
    for index, detection in enumerate(detections):
        x1, y1, x2, y2 = detection.box
        named = f"box {index} ({x1:g}, {y1:g}, {x2:g}, {y2:g})"
        if not np.isfinite(detection.box).all():
            raise ValueError(f"{named} holds values that are not finite")
        if x2 - x1 < 1 or y2 - y1 < 1:
            raise ValueError(f"{named} has no size: expected x1 < x2 and y1 < y2, in px")
        if x2 <= 0 or y2 <= 0 or x1 >= camera.width or y1 >= camera.height:
            raise ValueError(f"{named} lies outside the {camera.width}x{camera.height} image")
