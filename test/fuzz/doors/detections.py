"""Detections of others, and transforms that say where the camera is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from metric_pose_ros.complaints import Complaints
from metric_pose_ros.detection import inside
from metric_pose_ros.geometry.frames import Frames, FramesError
from metric_pose_ros.geometry.moving_camera import newest
from metric_pose_ros.messages import transforms
from metric_pose_ros.messages.incoming import DetectionMessages
from metric_pose_ros.settings import Settings
from metric_pose_ros.shots import Shot
from test.fuzz import fake_network
from test.fuzz.door import Check, Door
from test.fuzz.doors.images import CAMERA, TYPES, Silent, header
from test.fuzz.draw import Draw
from test.fuzz.finite import assert_real
from test.fuzz.hostile_messages import hostile

IMAGE = np.full((CAMERA.height, CAMERA.width, 3), 90, np.uint8)


def _detection(x: float, y: float, width: float, height: float) -> Any:
    kind = "vision_msgs/msg/"
    centre = TYPES.make(kind + "Pose2D", position=TYPES.make(kind + "Point2D", x=x, y=y))
    sure = TYPES.make(kind + "ObjectHypothesis", class_id="person", score=0.9)
    return TYPES.make(
        kind + "Detection2D",
        header=header(),
        results=[TYPES.make(kind + "ObjectHypothesisWithPose", hypothesis=sure)],
        bbox=TYPES.make(kind + "BoundingBox2D", center=centre, size_x=width, size_y=height),
    )


def detections() -> Any:
    """Two people, as another detector says."""
    found = [_detection(8.0, 8.0, 6.0, 12.0), _detection(18.0, 8.0, 5.0, 10.0)]
    return TYPES.make("vision_msgs/msg/Detection2DArray", header=header(), detections=found)


def open_detections(folder: Path) -> Check:
    """Detection2DArray messages, and the people that the stream finds with them in some frames."""
    usual = detections()
    estimator = fake_network.estimator()

    def check(draw: Draw) -> None:
        streams = fake_network.streams(estimator, from_outside=True)
        settings = Settings(detections_class=draw.choice(("person", "")))
        messages = DetectionMessages(settings, "/detections", streams.outside[""], Complaints(Silent()))
        messages.keep(hostile(draw, usual, ("person", "cat")))
        if not draw.sometimes(4):
            came = streams.outside[""].take()
            for found in [] if came is None else inside(came[1], CAMERA.width, CAMERA.height):
                assert np.isfinite([*found.box, found.score]).all(), found
                assert (found.box[2:] > found.box[:2]).all(), found
            return
        for frame in range(draw.integer(1, 2)):
            for person in streams({"": Shot(IMAGE, CAMERA, 100.0 + frame / 10)})[""]:
                assert_real(person)
            messages.keep(hostile(draw, usual, ("person", "cat")))

    return check


def moved() -> Any:
    """A camera on a base on a robot, all in a row."""
    found = []
    for parent, child in (("odom", "base"), ("base", "camera")):
        where = TYPES.make(
            "geometry_msgs/msg/Transform",
            translation=TYPES.make("geometry_msgs/msg/Vector3", x=1.0),
            rotation=TYPES.make("geometry_msgs/msg/Quaternion", w=1.0),
        )
        found.append(
            TYPES.make(
                "geometry_msgs/msg/TransformStamped",
                header=header(100.0, parent),
                child_frame_id=child,
                transform=where,
            )
        )
    return TYPES.make("tf2_msgs/msg/TFMessage", transforms=found)


def open_transforms(folder: Path) -> Check:
    """TFMessages in a row, and where the camera is after each."""
    usual = moved()

    def check(draw: Draw) -> None:
        frames = Frames()
        for _ in range(draw.integer(1, 3)):
            message = hostile(draw, usual, ("odom", "base", "camera", "body_p1"))
            for known in transforms.known(message, static=draw.sometimes()):
                frames.add(*known)
            try:
                pose = newest(frames, "odom", "camera", 100.0 + draw.integer(0, 4))
            except FramesError:
                continue
            assert np.isfinite(pose).all(), f"the camera's pose is {pose.tolist()}"
            np.testing.assert_allclose(pose[:3, :3] @ pose[:3, :3].T, np.eye(3), atol=1e-6)

    return check


DOORS = {"detections": Door(open_detections), "transforms": Door(open_transforms)}
