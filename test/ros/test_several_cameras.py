"""One node for two cameras: each has topics of its own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from rclpy.qos import QoSProfile
from sensor_msgs.msg import CameraInfo, Image, PointCloud2

from metric_pose_ros.messages import camera_info
from test.ros.graph import CAMERA, TOPICS, Bench, Running, wait_until

CAMERAS = {"front": 1, "rear": 3}
"""And how many people each sees."""


@pytest.fixture(scope="module")
def node(bench: Bench) -> Iterator[Running]:
    hri = pytest.importorskip("hri_msgs.msg")
    with Running.people_in_the_image(
        "--ros-args", "-p", "cameras:=front,rear", "-p", "publish_humans:=true"
    ) as running:
        for name in CAMERAS:
            TOPICS[name] = (f"/metric_pose/{name}/keypoints", PointCloud2)
            TOPICS[f"{name} tracked"] = (f"/{name}/humans/bodies/tracked", hri.IdsList)
            bench.listen(name)
            bench.listen(f"{name} tracked")
        bench.listen("tf")
        yield running


def test_each_camera_is_answered_on_its_own_topics(bench: Bench, node: Running) -> None:
    line = node.wait_for_log("active: listening to")
    assert "/front/image and /front/camera_info, /rear/image and /rear/camera_info" in line
    to: dict[str, tuple[Any, Any]] = {
        name: (
            bench.node.create_publisher(Image, f"/{name}/image", QoSProfile(depth=1)),
            bench.node.create_publisher(CameraInfo, f"/{name}/camera_info", QoSProfile(depth=1)),
        )
        for name in CAMERAS
    }
    wait_until(lambda: all(each.get_subscription_count() for pair in to.values() for each in pair), "the node")

    def answered(*names: str) -> bool:
        for name in names:
            image = bench.picture(CAMERAS[name])
            image.header.frame_id = name
            to[name][1].publish(camera_info.from_camera(bench.types, image.header, CAMERA))
            to[name][0].publish(image)
        return all(bench.heard[name] for name in names)

    wait_until(lambda: answered("front"), "an answer about the front", lambda: node.log, every_s=0.3)
    assert not bench.heard["rear"]
    wait_until(lambda: answered("front", "rear"), "answers about both", lambda: node.log, every_s=0.3)
    for name, people in CAMERAS.items():
        cloud = bench.heard[name][-1]
        assert (cloud.header.frame_id, cloud.width) == (name, 30 * people)
        lists = bench.heard[f"{name} tracked"]
        wait_until(lambda lists=lists: bool(lists), f"who is tracked by {name}")  # after everything else
        assert len(lists[-1].ids) == people
    bodies = {each.header.frame_id for message in bench.heard["tf"] for each in message.transforms[:1]}
    assert bodies == {"front", "rear"}


def test_a_parameter_about_one_camera_is_refused_while_there_are_several(bench: Bench, node: Running) -> None:
    taken, reason = bench.set_parameter("frame_id", "eye")
    assert not taken
    assert "frame_id is about one camera" in reason
    assert bench.set_parameter("min_confidence", 0.1) == (True, "")
