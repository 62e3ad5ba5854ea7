"""What networks and detectors may say, however mad: through estimator and tracks into every message about people."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from metric_pose_ros.geometry.camera import Camera
from metric_pose_ros.messages.incoming import Frame
from metric_pose_ros.messages.outgoing import KEYPOINTS, PeopleMessages
from metric_pose_ros.people import Detection
from metric_pose_ros.settings import Settings
from metric_pose_ros.shots import Shot
from test.fuzz import fake_network
from test.fuzz.door import Check, Door
from test.fuzz.doors.images import TYPES, header
from test.fuzz.draw import Draw
from test.fuzz.finite import assert_cloud_is_finite, assert_finite, assert_real

WIDTH, HEIGHT = 64, 48
CAMERAS = {
    "pinhole": Camera.from_fov(WIDTH, HEIGHT, 70),
    "wide": Camera.from_fov(WIDTH, HEIGHT, 150),
    "barrel": Camera(
        np.array([[40.0, 0, 31.5], [0, 40, 23.5], [0, 0, 1]]), np.array([-0.2, 0.03, 0, 0]), "plumb_bob", WIDTH, HEIGHT
    ),
    "fisheye": Camera(np.array([[18.0, 0, 31.5], [0, 18, 23.5], [0, 0, 1]]), np.zeros(4), "equidistant", WIDTH, HEIGHT),
}
BOXES = ([20.0, 4.0, 40.0, 44.0], [2.0, 4.0, 14.0, 40.0], [46.0, 10.0, 63.0, 47.0])
SILENT = Settings(
    publish_markers=False, publish_tf=False, publish_keypoints=False, publish_poses=False, publish_overlay=False,
    min_confidence=0.0, draw_uncertainty=True, draw_body=True,
)  # fmt: skip
SAID = ("tf", "keypoints", "poses", "people", "detections", "humans", "markers", "overlay")
IMAGE = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)


class NoFrames:
    """No transform is known."""

    def now(self, target: str, source: str, stamp_s: float) -> None:
        return None

    def at(self, target: str, source: str, stamp_s: float, patience_s: float) -> None:
        return None


class _Motion:
    """A camera that is moved about."""

    def __init__(self, pose: np.ndarray) -> None:
        self._pose = pose

    def now(self, stamp_s: float) -> np.ndarray:
        return self._pose

    at = now


def detections(draw: Draw) -> list[Detection]:
    """What a detector says: boxes inside the image, with any score."""
    found = []
    for box in BOXES[: draw.integer(1, len(BOXES))]:
        corners = np.clip([draw.number(value) for value in box], 0, [WIDTH, HEIGHT, WIDTH, HEIGHT])
        corners = np.where(np.isfinite(corners), corners, box)
        if (corners[2:] - corners[:2] >= 2).all():
            found.append(Detection(corners, min(max(np.nan_to_num(draw.number(0.9)), 0.0), 1.0)))
    return found


def say(draw: Draw, frame: Frame, people: list[Any], messages: PeopleMessages) -> None:
    """Makes one kind of message about people, since all take their time, and fails if a number in it is none."""
    settings = replace(SILENT, **{f"publish_{draw.choice(SAID)}": True})
    for topic, message in messages.about(frame, people, settings, lambda topic: True):
        assert_finite(message, topic)
        if topic == KEYPOINTS:
            assert_cloud_is_finite(message)


def open_network(folder: Path) -> Check:
    """Some frames of a network that is out of its mind."""

    def check(draw: Draw) -> None:
        kind = draw.choice(list(CAMERAS))
        camera = CAMERAS[kind]
        found: list[Detection] = []

        def run(crops: np.ndarray, intrinsics: np.ndarray) -> dict[str, np.ndarray]:
            return fake_network.hostile_outputs(draw, fake_network.standing(crops, intrinsics))

        estimator = fake_network.estimator(run, calibrated=not draw.sometimes())
        estimator.detector = lambda image: list(found)
        streams = fake_network.streams(estimator)
        streams.detection_interval = 1
        messages = PeopleMessages(TYPES, NoFrames())
        stamp_s = 100.0
        for _ in range(draw.integer(1, 4)):
            found[:] = detections(draw)
            stamp_s = max(stamp_s + draw.choice((0.05, 1e-9, 0.0, -1.0, 0.3, 1e6, 1e-3)), 1.0)
            motion = None
            if draw.sometimes(8):
                pose = np.eye(4)
                pose[:3, 3] = np.clip(np.nan_to_num([draw.number(0.0) for _ in range(3)]), -1e6, 1e6)
                motion = _Motion(pose)
            people = streams({"": Shot(IMAGE, camera, stamp_s, motion)})[""]
            for person in people:
                assert_real(person, behind=kind == "fisheye")
            say(draw, Frame(header(stamp_s), stamp_s, IMAGE, camera), people, messages)

    return check


DOORS = {"network": Door(open_network, refusals=())}
