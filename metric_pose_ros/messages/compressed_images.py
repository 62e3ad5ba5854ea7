"""CompressedImage messages to arrays and back, as image_transport's plugin ``compressed`` has them."""

from __future__ import annotations

import re
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from metric_pose_ros import picture_files
from metric_pose_ros.messages import images
from metric_pose_ros.messages.types import MessageTypes

Image = npt.NDArray[np.uint8]

_JPEG = (cv2.IMWRITE_JPEG_QUALITY, 85)


def to_bgr(message: Any) -> Image:
    """The picture in a CompressedImage message.

    Args:
        message: sensor_msgs/CompressedImage of rclpy or rosbags, a JPEG or PNG file of at most
            `picture_files.MOST_PX`. Of 16-bit values the high byte is kept.

    Returns:
        (height, width, 3) BGR.

    Raises:
        ValueError: if it is no picture, or a depth image.
    """
    if "compressedDepth" in message.format:
        raise ValueError(
            f"a compressed depth image (format {message.format!r}), expected colours: subscribe to the colour camera"
        )
    # A camera held upright stays so: what EXIF says of turning is not what CameraInfo is about.
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    try:
        picture = picture_files.decode(np.frombuffer(message.data, np.uint8), flags)
    except picture_files.PictureError as error:
        raise ValueError(
            f"the compressed image of format {message.format!r} holds {error}: it is truncated or of another "
            "transport; check the camera driver and the network"
        ) from error
    # "rgb8; jpeg compressed rgb8" was encoded with red and blue where the format has the other.
    if re.search(r"compressed rgba?(8|16)", message.format):
        picture = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
    return np.asarray(picture, np.uint8)


def from_bgr(types: MessageTypes, header: Any, image_bgr: Image) -> Any:
    """The CompressedImage message, a JPEG file, of a (height, width, 3) picture."""
    return types.make(
        "sensor_msgs/msg/CompressedImage",
        header=header,
        format="bgr8; jpeg compressed bgr8",
        data=types.pack(np.frombuffer(to_jpeg(image_bgr), np.uint8)),
    )


def to_file(message: Any) -> bytes:
    """The picture of a sensor_msgs/Image or CompressedImage as a file: compressed ones are files already.

    Raises:
        ValueError: if an Image cannot be read.
    """
    return bytes(message.data) if hasattr(message, "format") else to_jpeg(images.to_bgr(message))


def to_jpeg(image_bgr: Image) -> bytes:
    """(height, width, 3) BGR as a JPEG file."""
    return cv2.imencode(".jpg", image_bgr, _JPEG)[1].tobytes()
