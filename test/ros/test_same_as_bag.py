"""What the node publishes about images is what `metric-pose bag` writes beside the same images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from rclpy.qos import ReliabilityPolicy
from rclpy.serialization import serialize_message
from std_msgs.msg import Header

from metric_pose_ros.bags.job import Job
from metric_pose_ros.bags.processing import process
from metric_pose_ros.bags.types import typestore
from metric_pose_ros.settings import Settings
from test.bags import recorded
from test.people_in_the_image import PeopleInTheImage
from test.ros.graph import CAMERA, TOPICS, Bench, Running, wait_until

HEARD = ("keypoints", "poses", "tf", "markers")


def test_node_and_bag_say_the_same_of_the_same_images(bench: Bench, node: Running, tmp_path: Path) -> None:
    for name in HEARD:
        bench.listen(name)
    bench.see(0, "keypoints")  # until the node has the camera, and its answers come through
    wait_until(lambda: reliably_heard(bench), "the node to ask for what the camera offers")
    frames: list[tuple[str, float, Any]] = [("/camera_info", 1.0, recorded.info(camera=CAMERA))]
    for people in (1, 3, 2):
        live = bench.picture(people)
        sent = bench.send(live)
        for name in HEARD:
            bench.wait_for(name, lambda message, sent=sent: stamp_of(message) == sent)
        copy = recorded.picture(people, 0.0)
        copy.header.stamp.sec, copy.header.stamp.nanosec = sent
        np.testing.assert_array_equal(copy.data, np.frombuffer(live.data, np.uint8))
        frames.append(("/image", 2.0 + len(frames), copy))
    bag = recorded.write(tmp_path / "in", frames)
    settings = Settings(background_detection=False, publish_overlay=False)
    process(Job(bag, tmp_path / "out", settings), PeopleInTheImage, lambda done, total: None)
    for name in HEARD:
        topic = TOPICS[name][0]
        published = [in_rosbags_bytes(message) for message in bench.heard[name][-3:]]
        assert [data for _, data in recorded.raw(tmp_path / "out", topic)] == published, topic


def reliably_heard(bench: Bench) -> bool:
    """Whether no image gets lost any more."""
    listeners = bench.node.get_subscriptions_info_by_topic("/image")
    return [each.qos_profile.reliability for each in listeners] == [ReliabilityPolicy.RELIABLE]


def in_rosbags_bytes(message: Any) -> bytes:
    """Whoever writes CDR fills gaps and ends as they like."""
    kind = f"{type(message).__module__.split('.')[0]}/msg/{type(message).__name__}"
    return bytes(typestore().serialize_cdr(typestore().deserialize_cdr(serialize_message(message), kind), kind))


def stamp_of(message: Any) -> tuple[int, int]:
    """Of the message, or of the first of its parts; zero where there is none."""
    parts = getattr(message, "markers", None) or getattr(message, "transforms", None) or [message]
    header = getattr(parts[0], "header", Header())
    return header.stamp.sec, header.stamp.nanosec
