"""A small bag, replayed under sim time: who is where, as whom, how often and how fast, in numbers."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.serialization import deserialize_message
from rosbags.rosbag2 import Reader
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, Image, PointCloud2
from tf2_msgs.msg import TFMessage

from metric_pose_ros.geometry.camera import Camera
from metric_pose_ros.messages import camera_info, images
from test.bags import recorded
from test.figure_in_the_image import draw
from test.ros.graph import Bench, Running, wait_until

CAMERA = Camera.from_fov(320, 240, 70)
FRAMES, RATE_HZ, PACE = 40, 10.0, 0.5
FIRST_S = 1000.0
HIPS = np.array([0.0, 0.02, 0.0])
"""From the pelvis to between the hips, where a body's frame is."""
EMPTY = range(15, 25)
"""Frames of a second in which nobody is there; afterwards somebody new is."""


def place(frame: int) -> np.ndarray:
    """(3,) m of the pelvis: someone walks from left to right, 4 m ahead."""
    return np.array([-1.0 + PACE * frame / RATE_HZ, 0.2, 4.0])


@pytest.fixture(scope="module")
def bag(tmp_path_factory: pytest.TempPathFactory) -> Path:
    frames: list[tuple[str, float, Any]] = []
    for number in range(FRAMES):
        stamp_s = FIRST_S + number / RATE_HZ
        header = recorded.header(stamp_s, "camera")
        picture = np.full((CAMERA.height, CAMERA.width, 3), 30, np.uint8)
        if number not in EMPTY:
            picture = draw(CAMERA, np.eye(4), place(number))
        frames.append(("/camera_info", stamp_s, camera_info.from_camera(recorded.TYPES, header, CAMERA)))
        frames.append(("/image", stamp_s, images.from_bgr(recorded.TYPES, header, picture)))
    return recorded.write(tmp_path_factory.mktemp("bag") / "walk", frames)


class Player:
    """Plays a bag as ``ros2 bag play --clock`` does, and keeps what the node says to it."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self.clouds: dict[float, PointCloud2] = {}
        self.bodies: dict[float, dict[str, np.ndarray]] = {}
        self._clock = bench.node.create_publisher(Clock, "/clock", 10)
        self._kinds = {"/image": Image, "/camera_info": CameraInfo}
        self._to = {
            topic: bench.node.create_publisher(kind, topic, QoSProfile(depth=2)) for topic, kind in self._kinds.items()
        }
        bench.node.create_subscription(PointCloud2, "/metric_pose/keypoints", self._cloud, QoSProfile(depth=100))
        bench.node.create_subscription(TFMessage, "/tf", self._transforms, QoSProfile(depth=100))

    def get_ready(self) -> None:
        """Until the node has the clock and loses no image any more."""
        wait_until(lambda: self._clock.get_subscription_count() > 0, "a listener of the clock")
        wait_until(self._is_heard, "an answer, and a reliable subscription", every_s=0.1)

    def play(self, bag: Path) -> tuple[dict[float, PointCloud2], dict[float, dict[str, np.ndarray]]]:
        """Clouds, and bodies by their frames, by stamp. The next image comes when the one before was answered."""
        self.clouds, self.bodies = {}, {}
        with Reader(bag) as reader:
            for connection, when, data in reader.messages():
                self._clock.publish(Clock(clock=self._bench.header(when * 1e-9).stamp))
                self._to[connection.topic].publish(deserialize_message(data, self._kinds[connection.topic]))
                if connection.topic == "/image":
                    self._wait_for_answer(round(when * 1e-9, 1))
        return self.clouds, self.bodies

    def _is_heard(self) -> bool:
        header = self._bench.header(1.0 + 0.1 * len(self.clouds))
        self._to["/camera_info"].publish(camera_info.from_camera(self._bench.types, header, CAMERA))
        blank = np.full((CAMERA.height, CAMERA.width, 3), 30, np.uint8)
        self._to["/image"].publish(images.from_bgr(self._bench.types, header, blank))
        listeners = self._bench.node.get_subscriptions_info_by_topic("/image")
        asked = [each.qos_profile.reliability for each in listeners]
        return asked == [ReliabilityPolicy.RELIABLE] and bool(self.clouds)

    def _wait_for_answer(self, stamp_s: float) -> None:
        """What is not answered is counted later. /tf says nothing where nobody is."""
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            cloud = self.clouds.get(stamp_s)
            if cloud is not None and (cloud.width == 0 or stamp_s in self.bodies):
                return
            time.sleep(0.005)

    def _cloud(self, message: PointCloud2) -> None:
        self.clouds[stamp(message.header)] = message

    def _transforms(self, message: TFMessage) -> None:
        for each in message.transforms:
            self.bodies.setdefault(stamp(each.header), {})
            if each.child_frame_id.startswith("body_"):
                offset = each.transform.translation
                self.bodies[stamp(each.header)][each.child_frame_id] = np.array([offset.x, offset.y, offset.z])


def stamp(header: Any) -> float:
    return round(header.stamp.sec + header.stamp.nanosec * 1e-9, 1)


@pytest.fixture(scope="module")
def player(bench: Bench) -> Iterator[Player]:
    with Running("test.ros.figure_in_the_image", "--ros-args", "-p", "use_sim_time:=true") as running:
        player = Player(bench)
        bench.listen("diagnostics")
        player.get_ready()
        yield player
        assert "Traceback" not in running.log


def test_who_walks_through_a_bag_is_where_and_who_they_should_be(bench: Bench, player: Player, bag: Path) -> None:
    clouds, bodies = player.play(bag)
    stamps = [round(FIRST_S + number / RATE_HZ, 1) for number in range(FRAMES)]
    assert sorted(clouds) == stamps  # every image is answered, once, with its stamp
    assert [clouds[each].width for each in stamps] == [0 if number in EMPTY else 30 for number in range(FRAMES)]
    assert [set(bodies.get(each, ())) for each in stamps] == [
        {"body_p1"} if number < EMPTY.start else set() if number in EMPTY else {"body_p2"} for number in range(FRAMES)
    ]
    assert_walk(bodies, stamps)


def test_latency_is_told_in_the_bags_time(bench: Bench, player: Player) -> None:
    """The clock stands still while an image is looked at: it is where the image was recorded."""
    assert bench.status()["pipeline latency median"] == f"{recorded.DELAY_NS * 1e-6:.1f} ms"


def test_a_bag_that_is_played_again_has_the_same_people_under_new_names(player: Player, bag: Path) -> None:
    _, bodies = player.play(bag)
    stamps = sorted(bodies)
    names = [name for each in stamps for name in bodies[each]]
    assert sorted(set(names)) == ["body_p3", "body_p4"]
    assert (names.count("body_p3"), names.count("body_p4")) == (EMPTY.start, FRAMES - EMPTY.stop)
    assert_walk(bodies, [round(FIRST_S + number / RATE_HZ, 1) for number in range(FRAMES)])


def assert_walk(bodies: dict[float, dict[str, np.ndarray]], stamps: list[float]) -> None:
    """Within what a flat figure of some 95 pixels leaves, and at the right pace."""
    there = [number for number in range(FRAMES) if number not in EMPTY]
    seen = np.stack([next(iter(bodies[stamps[number]].values())) for number in there])
    off = np.linalg.norm(seen - np.stack([place(number) for number in there]) - HIPS, axis=1)
    assert np.median(off) < 0.1
    assert off.max() < 0.2
    pace = np.polyfit(np.array(there) / RATE_HZ, seen[:, 0], 1)[0]
    assert pace == pytest.approx(PACE, abs=0.03)
