"""A camera process that publishes a frame, waits for the node's keypoints of it and publishes the next.

    python -m test.soak.camera PICTURES ANSWERS

It goes on where the file of answers ends, until it is told to stop or killed.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import QoSProfile
from sensor_msgs.msg import CameraInfo, Image, PointCloud2

from metric_pose_ros.demo.processes import CAMERA_INFO, IMAGE
from metric_pose_ros.messages import camera_info, images, keypoints
from metric_pose_ros.messages.types import InstalledTypes
from metric_pose_ros.ros import stopping
from metric_pose_ros.skeleton import BODY_30
from test.soak import pictures
from test.soak.answers import ANSWER, read

KEYPOINTS = "/metric_pose/keypoints"
_PATIENCE_S = 2.0
"""After which an image counts as unanswered."""


class SteppingCamera:
    """Publishes images one by one and takes their answers."""

    def __init__(self) -> None:
        self._node = rclpy.create_node("soak_camera")
        self._types = InstalledTypes()
        self._images_to = self._node.create_publisher(Image, IMAGE, QoSProfile(depth=2))
        self._info_to = self._node.create_publisher(CameraInfo, CAMERA_INFO, QoSProfile(depth=2))
        self._node.create_subscription(PointCloud2, KEYPOINTS, self._take, QoSProfile(depth=5))
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self._node)
        self._answer: PointCloud2 | None = None

    def wait_for_node(self) -> None:
        """Until the node listens to images and CameraInfo, and is heard."""
        while not (
            self._images_to.get_subscription_count()
            and self._info_to.get_subscription_count()
            and self._node.count_publishers(KEYPOINTS)
        ):
            self._executor.spin_once(0.05)

    def show(self, picture: np.ndarray) -> tuple[float, PointCloud2 | None]:
        """Publishes an image; ms until the answer, and the answer, or None if none came in time."""
        stamp = self._node.get_clock().now().to_msg()
        header = self._types.make("std_msgs/msg/Header", stamp=stamp, frame_id="camera_optical_frame")
        info = camera_info.from_camera(self._types, header, pictures.CAMERA)
        image = images.from_bgr(self._types, header, picture)
        started = time.perf_counter()
        self._info_to.publish(info)
        self._images_to.publish(image)
        while (waited := time.perf_counter() - started) < _PATIENCE_S:
            self._executor.spin_once(_PATIENCE_S - waited)
            if self._answer is not None and self._answer.header.stamp == stamp:
                return (time.perf_counter() - started) * 1e3, self._answer
        return float("nan"), None

    def _take(self, message: PointCloud2) -> None:
        self._answer = message


def main() -> None:
    """Runs until it is stopped."""
    shown, answers = np.load(sys.argv[1], mmap_mode="r"), Path(sys.argv[2])
    rclpy.init()
    camera = SteppingCamera()
    with stopping.quietly(), answers.open("ab", buffering=0) as file:
        camera.wait_for_node()
        frame, newest = len(read(answers)), 0
        while rclpy.ok():
            latency_ms, answer = camera.show(pictures.picture(shown, frame))
            points = np.zeros(0, keypoints.POINT) if answer is None else keypoints.to_points(answer)
            newest = max(newest, int(points["person"].max(initial=0)))
            record = (latency_ms, pictures.people(frame), len(points) // len(BODY_30), newest)
            file.write(np.array([record], ANSWER).tobytes())
            frame += 1
    rclpy.try_shutdown()


if __name__ == "__main__":
    main()
