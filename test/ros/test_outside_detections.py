"""Detections that another node makes are taken with the image they are about."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from rclpy.qos import QoSProfile

from test.ros.graph import Bench, Running, wait_until

vision_msgs = pytest.importorskip("vision_msgs.msg")


@pytest.fixture(scope="module", autouse=True)
def node(bench: Bench) -> Iterator[Running]:
    with Running.people_in_the_image("--ros-args", "-p", "detections_topic:=/boxes") as running:
        bench.wait_for_node()
        bench.listen("keypoints")
        yield running


def test_without_detections_the_log_says_what_is_missing(bench: Bench, node: Running) -> None:
    line = node.wait_for_log("no detections yet on /boxes", lambda: bench.see(0, "keypoints"))
    assert "leave detections_topic empty" in line


def test_detections_arrive_with_the_stamp_of_their_image(bench: Bench) -> None:
    publisher = bench.node.create_publisher(vision_msgs.Detection2DArray, "/boxes", QoSProfile(depth=5))
    wait_until(lambda: publisher.get_subscription_count() > 0, "a subscriber of the detections")
    bench.send_info()

    def three_people() -> bool:
        image = bench.picture(0)
        hypothesis = vision_msgs.ObjectHypothesisWithPose()
        hypothesis.hypothesis.class_id, hypothesis.hypothesis.score = "person", 0.9
        dog = vision_msgs.ObjectHypothesisWithPose()
        dog.hypothesis.class_id, dog.hypothesis.score = "dog", 0.9
        found = [vision_msgs.Detection2D(results=[kind]) for kind in (hypothesis, dog, hypothesis, hypothesis)]
        publisher.publish(vision_msgs.Detection2DArray(header=image.header, detections=found))
        bench.send(image)
        return any(cloud.width == 3 * 30 for cloud in bench.heard["keypoints"])

    wait_until(three_people, "people where the detections are", every_s=0.1)
    assert not any(cloud.width == 99 * 30 for cloud in bench.heard["keypoints"])
