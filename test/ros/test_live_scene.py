"""What a running camera and node publish is shown as it comes."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import cv2
import numpy as np
import pytest
import rclpy
from visualization_msgs.msg import MarkerArray

from metric_pose_ros.messages.markers import Look, PersonMarkers
from metric_pose_ros.ros.live_scene import LiveScene
from metric_pose_ros.viewing import Asked
from test.ros.graph import CAMERA, Bench, wait_until
from test.seen import Seen
from test.standing import standing


@pytest.fixture
def seen(bench: Bench) -> Iterator[Seen]:
    shown = Seen()
    scene = LiveScene(shown, Asked("/metric_pose/markers", "image", "camera_info"))
    executor = rclpy.executors.SingleThreadedExecutor()
    executor.add_node(scene)
    spinner = threading.Thread(target=executor.spin, daemon=True)
    spinner.start()
    yield shown
    executor.shutdown()
    spinner.join()
    scene.destroy_node()


def test_images_people_and_the_camera_come_in(bench: Bench, seen: Seen) -> None:
    publisher = bench.node.create_publisher(MarkerArray, "/metric_pose/markers", 10)
    bench.wait_for_listener()
    wait_until(lambda: publisher.get_subscription_count() > 0, "a subscriber of the markers")
    markers = PersonMarkers(bench.types, Look())

    def all_came() -> bool:
        image = bench.picture(3)
        bench.send_info()
        bench.send(image)
        publisher.publish(markers.update(image.header, [standing("p1"), standing("p2")]))
        return bool(seen.images and seen.people and seen.cameras)

    wait_until(all_came, "something to show", every_s=0.05)
    assert seen.people[0][1] == 2
    assert abs(seen.images[0][0]) < 60  # since the first message, not since the epoch
    assert cv2.imdecode(np.frombuffer(seen.images[0][1], np.uint8), cv2.IMREAD_COLOR).shape == (48, 64, 3)
    np.testing.assert_allclose(seen.cameras[0].K, CAMERA.K)
