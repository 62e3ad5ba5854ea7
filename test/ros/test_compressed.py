"""Compressed images in, a compressed overlay out."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from rclpy.qos import QoSProfile
from sensor_msgs.msg import CompressedImage

from metric_pose_ros.messages import compressed_images
from metric_pose_ros.messages.images import to_bgr
from test.ros.graph import TOPICS, Bench, Running, wait_until

OPTIONS = ("--ros-args", "-p", "image_transport:=compressed", "-r", "image:=/camera/image_raw")


@pytest.fixture(scope="module")
def node(bench: Bench) -> Iterator[Running]:
    with Running.people_in_the_image(*OPTIONS) as running:
        yield running


def test_compressed_images_are_looked_at_and_drawn_on(bench: Bench, node: Running) -> None:
    assert "/camera/image_raw/compressed and /camera_info" in node.wait_for_log("active: listening to")
    TOPICS["packed"] = ("/metric_pose/overlay/compressed", CompressedImage)
    to = bench.node.create_publisher(CompressedImage, "/camera/image_raw/compressed", QoSProfile(depth=1))
    wait_until(lambda: to.get_subscription_count() > 0, "the node")
    bench.listen("keypoints")
    bench.listen("packed")
    picture = bench.picture(0)
    pixels = np.full((48, 64, 3), 3, np.uint8)  # JPEG keeps an even picture as it is

    def answered() -> bool:
        bench.send_info()
        to.publish(compressed_images.from_bgr(bench.types, picture.header, pixels))
        return bool(bench.heard["keypoints"] and bench.heard["packed"])

    wait_until(answered, "an answer", lambda: node.log, every_s=0.3)
    assert bench.heard["keypoints"][0].width == 3 * 30
    drawn = compressed_images.to_bgr(bench.heard["packed"][0])
    assert drawn.shape == to_bgr(picture).shape
    assert drawn.max() > 100
