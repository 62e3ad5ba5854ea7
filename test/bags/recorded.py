"""Small bags for tests, written by rosbags; and what is in the results."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from rosbags.rosbag2 import Reader, StoragePlugin, Writer

from metric_pose_ros.bags.types import typestore
from metric_pose_ros.geometry.camera import Camera
from metric_pose_ros.messages import camera_info, images
from metric_pose_ros.messages.types import RosbagsTypes

TYPES = RosbagsTypes(typestore())
CAMERA = Camera.from_fov(64, 48, 60)
FIRST_S = 100.0
DELAY_NS = 3_000_000
"""From an image's stamp until it is recorded."""


def header(stamp_s: float, frame_id: str = "camera") -> Any:
    sec, nanosec = divmod(round(stamp_s * 1e9), 10**9)
    return TYPES.make(
        "std_msgs/msg/Header",
        stamp=TYPES.make("builtin_interfaces/msg/Time", sec=sec, nanosec=nanosec),
        frame_id=frame_id,
    )


def picture(people: int, stamp_s: float, camera: Camera = CAMERA) -> Any:
    """An Image that `test.people_in_the_image` finds so many people in."""
    pixels = np.zeros((camera.height, camera.width, 3), np.uint8)
    pixels[0, 0, 0] = people
    return images.from_bgr(TYPES, header(stamp_s), pixels)


def compressed(message: Any) -> Any:
    """The same as a CompressedImage that loses nothing."""
    data = cv2.imencode(".png", images.to_bgr(message))[1].ravel()
    return TYPES.make(
        "sensor_msgs/msg/CompressedImage", header=message.header, format="bgr8; png compressed bgr8", data=data
    )


def info(stamp_s: float = FIRST_S, camera: Camera = CAMERA) -> Any:
    return camera_info.from_camera(TYPES, header(stamp_s), camera)


def moved(stamp_s: float, x: float, parent: str = "odom", child: str = "camera") -> Any:
    """A TFMessage: the camera looks along the odometry's z axis, `x` metres beside its origin."""
    where = TYPES.make(
        "geometry_msgs/msg/Transform",
        translation=TYPES.make("geometry_msgs/msg/Vector3", x=x),
        rotation=TYPES.make("geometry_msgs/msg/Quaternion", w=1.0),
    )
    stamped = TYPES.make(
        "geometry_msgs/msg/TransformStamped", header=header(stamp_s, parent), child_frame_id=child, transform=where
    )
    return TYPES.make("tf2_msgs/msg/TFMessage", transforms=[stamped])


def word(text: str) -> Any:
    return TYPES.make("std_msgs/msg/String", data=text)


def camera_bag(people: Sequence[int]) -> list[tuple[str, float, Any]]:
    """Topic, stamp and message of ten frames per second with so many people, their CameraInfo, and talk."""
    found: list[tuple[str, float, Any]] = []
    for number, count in enumerate(people):
        stamp_s = FIRST_S + number / 10
        found += [
            ("/camera/image_raw", stamp_s, picture(count, stamp_s)),
            ("/camera/camera_info", stamp_s, info(stamp_s)),
            ("/chatter", stamp_s, word(f"frame {number}")),
        ]
    return found


def write(path: Path, messages: Sequence[tuple[str, float, Any]], storage: StoragePlugin = StoragePlugin.MCAP) -> Path:
    """A bag of messages, recorded a moment after their time."""
    fill(Writer(path, version=8, storage_plugin=storage), messages)
    return path


def fill(bag: Writer, messages: Sequence[tuple[str, float, Any]]) -> None:
    """Writes messages into a bag that is not yet open."""
    with bag as writer:
        connections: dict[str, Any] = {}
        for topic, stamp_s, message in messages:
            kind = message.__msgtype__
            if topic not in connections:
                connections[topic] = writer.add_connection(topic, kind, typestore=typestore())
            data = typestore().serialize_cdr(message, kind)
            writer.write(connections[topic], round(stamp_s * 1e9) + DELAY_NS, data)


def raw(path: Path, topic: str) -> list[tuple[int, bytes]]:
    """When each message of a topic was recorded, ns, and its bytes."""
    with Reader(path) as reader:
        connections = [each for each in reader.connections if each.topic == topic]
        return [(when, bytes(data)) for _, when, data in reader.messages(connections)] if connections else []


def read(path: Path, topic: str) -> list[tuple[int, Any]]:
    """When each message of a topic was recorded, ns, and the message."""
    with Reader(path) as reader:
        kinds = {each.topic: each.msgtype for each in reader.connections}
    return [(when, typestore().deserialize_cdr(data, kinds[topic])) for when, data in raw(path, topic)]


def topics(path: Path) -> set[str]:
    with Reader(path) as reader:
        return {each.topic for each in reader.connections}


def files(folder: Path) -> dict[str, bytes]:
    """The bytes of every file of a bag."""
    return {file.name: file.read_bytes() for file in folder.iterdir()}
