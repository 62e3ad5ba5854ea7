"""Four cameras that are faster than they can be looked at: answers are about new images, however long it lasts."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from rclpy.qos import QoSProfile
from sensor_msgs.msg import CameraInfo, Image, PointCloud2

from metric_pose_ros.messages import camera_info
from test.ros.graph import CAMERA, Bench, Running, wait_until

NAMES = ("front", "rear", "left", "right")
PER_IMAGE_S = 0.1
PERIOD_S = PER_IMAGE_S * len(NAMES)
"""Of a look at all cameras."""


def test_no_camera_is_answered_with_ever_older_pictures(bench: Bench) -> None:
    arguments = ("--ros-args", "-p", f"cameras:={','.join(NAMES)}")
    with Running.people_in_the_image(*arguments, SECONDS_PER_FRAME=str(PER_IMAGE_S)) as node:
        ages: dict[str, list[float]] = {name: [] for name in NAMES}
        to: dict[str, tuple[Any, Any]] = {}
        for name in NAMES:
            to[name] = tuple(
                bench.node.create_publisher(kind, f"/{name}/{topic}", QoSProfile(depth=1))
                for kind, topic in ((CameraInfo, "camera_info"), (Image, "image"))
            )

            def note(cloud: PointCloud2, name: str = name) -> None:
                stamp_s = cloud.header.stamp.sec + cloud.header.stamp.nanosec * 1e-9
                ages[name].append(bench.node.get_clock().now().nanoseconds * 1e-9 - stamp_s)

            bench.node.create_subscription(PointCloud2, f"/metric_pose/{name}/keypoints", note, QoSProfile(depth=10))
        bench.listen("diagnostics")
        wait_until(lambda: all(each.get_subscription_count() for pair in to.values() for each in pair), "the node")

        def send() -> None:
            for name in NAMES:
                image = bench.picture(1)
                image.header.frame_id = name
                to[name][0].publish(camera_info.from_camera(bench.types, image.header, CAMERA))
                to[name][1].publish(image)

        wait_until(lambda: send() is None and all(ages.values()), "answers", lambda: node.log, every_s=1 / 30)
        end = time.monotonic() + 10 * PERIOD_S
        while time.monotonic() < end:
            send()
            time.sleep(1 / 30)
        for name in NAMES:
            answered = np.array(ages[name][1:])
            assert len(answered) >= 5, name
            # A look at the others, which an image waits for, its own, and as much again for a busy machine; images in
            # a queue would be three seconds old by the end.
            assert answered.max() < 3 * PERIOD_S, name
        status = bench.status()
        assert int(status["images dropped"]) > int(status["images received"]) / 2
