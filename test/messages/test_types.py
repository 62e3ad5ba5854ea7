"""rclpy's and rosbags' messages, built by the same code, are the same on the wire."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from rclpy.serialization import serialize_message

from metric_pose_ros.geometry.camera import Camera
from metric_pose_ros.messages import camera_info, detections, humans, images, keypoints, people, poses, transforms
from metric_pose_ros.messages.markers import Look, PersonMarkers
from metric_pose_ros.messages.types import InstalledTypes, MessageTypes, RosbagsTypes
from test.messages.conftest import TYPESTORE
from test.standing import standing

PEOPLE = [standing("p1"), standing("p7", (1.0, 0.2, 6.0))]
PICTURE = np.random.default_rng(0).integers(0, 256, (6, 8, 3), np.uint8)
LENS = Camera(
    np.array([[500.0, 0, 320], [0, 510, 240], [0, 0, 1]]), np.array([0.1, -0.2, 0, 0, 0.01]), "plumb_bob", 640, 480
)


def build(kind: str, types: MessageTypes) -> Any:
    stamp = types.make("builtin_interfaces/msg/Time", sec=12, nanosec=500_000_000)
    header = types.make("std_msgs/msg/Header", stamp=stamp, frame_id="camera")
    return {
        "visualization_msgs/msg/MarkerArray": lambda: PersonMarkers(types, Look()).update(header, PEOPLE),
        "tf2_msgs/msg/TFMessage": lambda: transforms.from_people(types, header, PEOPLE, 0.3),
        "sensor_msgs/msg/PointCloud2": lambda: keypoints.from_people(types, header, PEOPLE),
        "sensor_msgs/msg/Image": lambda: images.from_bgr(types, header, PICTURE),
        "sensor_msgs/msg/CameraInfo": lambda: camera_info.from_camera(types, header, LENS),
        "geometry_msgs/msg/PoseArray": lambda: poses.from_people(types, header, PEOPLE),
        "people_msgs/msg/People": lambda: people.from_people(types, header, PEOPLE, np.eye(4)),
        "vision_msgs/msg/Detection3DArray": lambda: detections.from_people(types, header, PEOPLE, 0.3),
        "hri_msgs/msg/IdsList": lambda: humans.ids(types, header, ["p1", "p7"]),
        "hri_msgs/msg/Skeleton2D": lambda: humans.skeleton2d(types, header, PEOPLE[0], 640, 480),
        "hri_msgs/msg/NormalizedRegionOfInterest2D": lambda: humans.region(
            types, header, np.array([1, 2, 3, 4]), 0.5, 640, 480
        ),
    }[kind]()


@pytest.mark.parametrize(
    "kind",
    [
        "visualization_msgs/msg/MarkerArray",
        "tf2_msgs/msg/TFMessage",
        "sensor_msgs/msg/PointCloud2",
        "sensor_msgs/msg/Image",
        "sensor_msgs/msg/CameraInfo",
        "geometry_msgs/msg/PoseArray",
        "people_msgs/msg/People",
        "vision_msgs/msg/Detection3DArray",
        "hri_msgs/msg/IdsList",
        "hri_msgs/msg/Skeleton2D",
        "hri_msgs/msg/NormalizedRegionOfInterest2D",
    ],
)
def test_what_rclpy_sends_reads_as_what_rosbags_builds(kind: str) -> None:
    pytest.importorskip(kind.split("/")[0])
    sent = serialize_message(build(kind, InstalledTypes()))
    # Written once more by rosbags, since the bytes between the fields of what rclpy sends are arbitrary.
    read = TYPESTORE.serialize_cdr(TYPESTORE.deserialize_cdr(sent, kind), kind)
    assert bytes(read) == bytes(TYPESTORE.serialize_cdr(build(kind, RosbagsTypes(TYPESTORE)), kind))


def test_unset_fields_are_zero_or_empty(types: MessageTypes) -> None:
    marker = types.make("visualization_msgs/msg/Marker")
    info = types.make("sensor_msgs/msg/CameraInfo")
    assert (marker.ns, marker.id, marker.pose.position.x, len(marker.points)) == ("", 0, 0.0, 0)
    assert not np.any(info.k)
    assert len(info.k) == 9
