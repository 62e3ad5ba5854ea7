"""Image and CompressedImage, with the CameraInfo that belongs to them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np

from metric_pose_ros.bags.types import typestore
from metric_pose_ros.complaints import Complaints
from metric_pose_ros.geometry.camera import Camera
from metric_pose_ros.messages import camera_info
from metric_pose_ros.messages.images import ENCODINGS
from metric_pose_ros.messages.incoming import CameraMessages, NotReadyError
from metric_pose_ros.messages.types import RosbagsTypes
from metric_pose_ros.settings import Settings
from test.fuzz import fake_network
from test.fuzz.door import Check, Door
from test.fuzz.draw import Draw
from test.fuzz.finite import assert_real
from test.fuzz.hostile_messages import hostile

TYPES = RosbagsTypes(typestore())
CAMERA = Camera.from_fov(24, 16, 60)
ENDINGS = (".png", ".jpg", ".bmp", ".webp")
FORMATS = (
    "bgr8; jpeg compressed bgr8", "rgb8; png compressed rgb8", "jpeg", "png", "16UC1; compressedDepth png",
    "mono16; png compressed ",
)  # fmt: skip
BOX = np.array([[6.0, 2.0, 16.0, 14.0]])


class Silent:
    """A log that nobody reads."""

    def error(self, text: str) -> None:
        pass

    def warning(self, text: str) -> None:
        pass


def header(stamp_s: float = 100.0, frame_id: str = "camera") -> Any:
    """A header of the camera's frame."""
    sec, nanosec = divmod(round(stamp_s * 1e9), 10**9)
    stamp = TYPES.make("builtin_interfaces/msg/Time", sec=sec, nanosec=nanosec)
    return TYPES.make("std_msgs/msg/Header", stamp=stamp, frame_id=frame_id)


_INFO = camera_info.from_camera(TYPES, header(), CAMERA)


def camera_messages(camera: Camera | None = CAMERA, settings: Settings | None = None) -> CameraMessages:
    """What makes image messages ready; it knows the camera already unless that is None."""
    now = header().stamp
    messages = CameraMessages(
        TYPES, settings or Settings(), "/image", "/camera_info", Complaints(Silent()), lambda: now
    )
    if camera is not None:
        messages.keep_camera_info(_INFO if camera is CAMERA else camera_info.from_camera(TYPES, header(), camera))
    return messages


def image(draw: Draw) -> Any:
    """A message that is right in any encoding."""
    name = draw.choice(list(ENCODINGS))
    encoding = ENCODINGS[name]
    step = CAMERA.width * encoding.channels * encoding.bytes
    data = np.full(step * CAMERA.height * encoding.half_rows // 2, draw.integer(0, 255), np.uint8)
    return TYPES.make(
        "sensor_msgs/msg/Image",
        header=header(),
        height=CAMERA.height,
        width=CAMERA.width,
        encoding=name,
        step=step,
        data=data,
    )


def open_image(folder: Path) -> Check:
    """Image messages on their way to the estimator."""
    estimator = fake_network.estimator()
    ways = ((CAMERA, Settings()), (CAMERA, Settings(image_is_resized=True)), (None, Settings(default_fov=60.0)))

    def check(draw: Draw) -> None:
        message = hostile(draw, image(draw), list(ENCODINGS))
        messages = camera_messages(*draw.choice(ways))
        try:
            frame = messages.frame(message, "")
        except NotReadyError as reason:
            raise ValueError(str(reason)) from reason
        assert frame.image_bgr.shape == (frame.camera.height, frame.camera.width, 3)
        assert frame.image_bgr.dtype == np.uint8
        assert np.isfinite(frame.stamp_s)
        if draw.sometimes(8) and frame.camera is messages._cameras.get("camera", (b"", None))[1]:
            (person,) = estimator.estimate(frame.image_bgr, frame.camera, BOX)
            assert_real(person)

    return check


def open_compressed(folder: Path) -> Check:
    """CompressedImage messages likewise; what they hold is changed, too."""
    pixels = np.arange(CAMERA.height * CAMERA.width * 3, dtype=np.uint8).reshape(CAMERA.height, CAMERA.width, 3)
    files = [np.asarray(cv2.imencode(ending, pixels)[1], np.uint8).tobytes() for ending in ENDINGS]
    files.append(np.asarray(cv2.imencode(".png", pixels.astype(np.uint16) * 256)[1]).tobytes())

    def check(draw: Draw) -> None:
        content = draw.mutated(draw.choice(files), (b"IHDR", b"IDAT", b"IEND", b"\xff\xd9", b"\xff\xc0", b"\xff\xda"))
        message = TYPES.make(
            "sensor_msgs/msg/CompressedImage",
            header=header(),
            format=draw.choice(FORMATS),
            data=np.frombuffer(content, np.uint8),
        )
        frame = camera_messages().frame(hostile(draw, message, FORMATS), "")
        assert frame.image_bgr.shape == (CAMERA.height, CAMERA.width, 3)
        assert frame.image_bgr.dtype == np.uint8

    return check


DOORS = {"image": Door(open_image), "compressed_image": Door(open_compressed)}
