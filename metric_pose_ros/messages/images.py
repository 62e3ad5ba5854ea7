"""Image messages to arrays and back.

Encodings are those of sensor_msgs/image_encodings. Each becomes 8-bit BGR; of 16-bit values the high byte is kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from metric_pose_ros.messages.types import MessageTypes

Image = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class _Encoding:
    """How pixels lie in memory.

    Attributes:
        channels: values per pixel.
        conversion: OpenCV's colour conversion to BGR; None where it is BGR already.
        bytes: per value.
        half_rows: rows of values per two rows of the image.
        even: whether width (and with more half rows, height) must be even.
    """

    channels: int
    conversion: int | None
    bytes: int = 1
    half_rows: int = 2
    even: bool = False


def _encodings() -> dict[str, _Encoding]:
    colours = {
        "bgr": (3, None),
        "rgb": (3, cv2.COLOR_RGB2BGR),
        "bgra": (4, cv2.COLOR_BGRA2BGR),
        "rgba": (4, cv2.COLOR_RGBA2BGR),
        "mono": (1, cv2.COLOR_GRAY2BGR),
        # OpenCV names a Bayer pattern by its second row's second and third pixel, ROS by the first four pixels.
        "bayer_rggb": (1, cv2.COLOR_BayerBG2BGR),
        "bayer_bggr": (1, cv2.COLOR_BayerRG2BGR),
        "bayer_gbrg": (1, cv2.COLOR_BayerGR2BGR),
        "bayer_grbg": (1, cv2.COLOR_BayerGB2BGR),
    }
    encodings = {f"{name}8": _Encoding(*colour) for name, colour in colours.items()}
    encodings |= {f"{name}16": _Encoding(*colour, bytes=2) for name, colour in colours.items()}
    encodings |= {"8UC1": encodings["mono8"], "8UC3": encodings["bgr8"], "8UC4": encodings["bgra8"]}
    encodings["yuv422"] = encodings["uyvy"] = _Encoding(2, cv2.COLOR_YUV2BGR_UYVY, even=True)
    encodings["yuv422_yuy2"] = encodings["yuyv"] = _Encoding(2, cv2.COLOR_YUV2BGR_YUY2, even=True)
    encodings["nv12"] = _Encoding(1, cv2.COLOR_YUV2BGR_NV12, half_rows=3, even=True)
    encodings["nv21"] = _Encoding(1, cv2.COLOR_YUV2BGR_NV21, half_rows=3, even=True)
    return encodings


ENCODINGS = _encodings()
"""What `to_bgr` understands."""


def to_bgr(message: Any) -> Image:
    """The picture in an Image message.

    Args:
        message: sensor_msgs/Image of rclpy or rosbags.

    Returns:
        (height, width, 3) BGR. It may share the message's memory: copy before writing on it.

    Raises:
        ValueError: if the encoding is unknown, the size is zero, or there is less data than the size asks for.
    """
    width, height = message.width, message.height
    if width <= 0 or height <= 0:
        raise ValueError(f"the image is {width}x{height} pixels, expected at least 1x1: check the camera driver")
    encoding = ENCODINGS.get(message.encoding)
    if encoding is None:
        raise ValueError(
            f"unknown image encoding {message.encoding!r}, expected one of {', '.join(ENCODINGS)}: "
            "set the camera driver to one of them"
        )
    if encoding.even and (width % 2 or (encoding.half_rows == 3 and height % 2)):
        raise ValueError(
            f"the {message.encoding} image is {width}x{height} pixels, expected an even size: check the camera driver"
        )
    data = np.frombuffer(message.data, np.uint8)
    rows = height * encoding.half_rows // 2
    row_bytes = width * encoding.channels * encoding.bytes
    if message.step < row_bytes:
        raise ValueError(
            f"a row of the {width}x{height} {message.encoding} image has {message.step} bytes (step), "
            f"expected at least {row_bytes}: check the camera driver"
        )
    expected = message.step * (rows - 1) + row_bytes
    if len(data) < expected:
        raise ValueError(
            f"the {width}x{height} {message.encoding} image holds {len(data)} bytes, expected {expected}: "
            "it is truncated; check the camera driver and the network"
        )
    # Of 16-bit values the high byte alone is looked at, wherever the byte order puts it.
    offset = 1 if encoding.bytes == 2 and not message.is_bigendian else 0
    pixel_bytes = encoding.channels * encoding.bytes
    pixels: Image = np.ndarray(
        (rows, width, encoding.channels), np.uint8, data, offset, (message.step, pixel_bytes, encoding.bytes)
    )
    if encoding.bytes == 2:
        pixels = np.ascontiguousarray(pixels)
    if encoding.conversion is None:
        return pixels
    return np.asarray(cv2.cvtColor(pixels, encoding.conversion), np.uint8)


def from_bgr(types: MessageTypes, header: Any, image_bgr: Image) -> Any:
    """The Image message, encoded as bgr8, of a (height, width, 3) picture."""
    height, width = image_bgr.shape[:2]
    return types.make(
        "sensor_msgs/msg/Image",
        header=header,
        height=height,
        width=width,
        encoding="bgr8",
        is_bigendian=0,
        step=3 * width,
        data=types.pack(image_bgr),
    )
