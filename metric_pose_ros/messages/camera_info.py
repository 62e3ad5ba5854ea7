"""CameraInfo messages to cameras and back."""

from __future__ import annotations

from typing import Any

import numpy as np

from metric_pose_ros.geometry.camera import Camera, UncalibratedError
from metric_pose_ros.messages.types import MessageTypes


def to_camera(message: Any, topic: str) -> Camera:
    """The camera that took the raw images a CameraInfo comes with, its region of interest and binning applied.

    Args:
        message: sensor_msgs/CameraInfo of rclpy or rosbags.
        topic: where it came from, for the error's text.

    Raises:
        UncalibratedError: if K is all zero.
        ValueError: if K is not finite, the size is zero, or the distortion model is unknown.
    """
    K = np.array(message.k, float).reshape(3, 3)
    return _camera(message, topic, K, np.array(message.d, float), message.distortion_model)


def to_rectified_camera(message: Any, topic: str) -> Camera:
    """The same for images that were rectified (image_proc's image_rect): P without distortion.

    Raises:
        ValueError: as `to_camera`, for P instead of K.
    """
    return _camera(message, topic, np.array(message.p, float).reshape(3, 4)[:, :3], np.zeros(0), "pinhole")


def _camera(message: Any, topic: str, K: np.ndarray, distortion: np.ndarray, model: str) -> Camera:
    try:
        camera = Camera(K, distortion, model, message.width, message.height)
    except UncalibratedError as error:
        raise UncalibratedError(f"CameraInfo on {topic}: {error}") from error
    except ValueError as error:
        raise ValueError(f"CameraInfo on {topic}: {error}") from error
    region = message.roi
    step = np.array([max(message.binning_x, 1), max(message.binning_y, 1)], float)
    width, height = region.width or camera.width, region.height or camera.height
    seen = K.copy()
    # The region is given in unbinned pixels; a binned pixel's centre is the middle of the pixels it was made of.
    seen[:2, 2] = (K[:2, 2] - [region.x_offset, region.y_offset] + 0.5) / step - 0.5
    seen[:2, :2] /= step[:, None]
    if (seen == K).all() and (width, height) == (camera.width, camera.height):
        return camera
    try:
        return Camera(seen, distortion, model, int(width // step[0]), int(height // step[1]))
    except ValueError as error:
        window = f"{width}x{height} at ({region.x_offset}, {region.y_offset})"
        raise ValueError(
            f"CameraInfo on {topic} has a region of interest of {window} and a binning of {message.binning_x} by "
            f"{message.binning_y}: {error}"
        ) from error


def from_camera(types: MessageTypes, header: Any, camera: Camera) -> Any:
    """The CameraInfo message of a camera's raw images."""
    projection = np.zeros((3, 4))
    projection[:, :3] = camera.K
    return types.make(
        "sensor_msgs/msg/CameraInfo",
        header=header,
        height=camera.height,
        width=camera.width,
        # ROS has no name for a lens without distortion: it is a plumb bob without coefficients that differ from zero.
        distortion_model="plumb_bob" if camera.model == "pinhole" else camera.model,
        d=types.pack(np.zeros(5) if len(camera.distortion) == 0 else np.asarray(camera.distortion, float)),
        k=np.asarray(camera.K, float).ravel(),
        r=np.eye(3).ravel(),
        p=projection.ravel(),
    )
