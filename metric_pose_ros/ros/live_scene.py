"""Shows what a running node publishes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import rclpy
from rclpy.node import Node
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from visualization_msgs.msg import MarkerArray

from metric_pose_ros.complaints import Complaints
from metric_pose_ros.messages import camera_info
from metric_pose_ros.messages.compressed_images import to_file
from metric_pose_ros.messages.stamps import seconds
from metric_pose_ros.ros import stopping
from metric_pose_ros.ros.matching import MatchedSubscription
from metric_pose_ros.viewing import Asked, Shown


class LiveScene(Node):
    """Shows images and markers as they come.

    Args:
        scene: where they are shown.
        topics: that are listened to. An image's topic that ends in ``/compressed`` is taken as CompressedImage.
    """

    def __init__(self, scene: Shown, topics: Asked) -> None:
        super().__init__("metric_pose_view")
        self._scene = scene
        self._complaints = Complaints(self.get_logger())
        self._start_s: float | None = None
        self._info_topic = self.resolve_topic_name(topics.info)
        picture = CompressedImage if topics.image.endswith("/compressed") else Image
        wanted: tuple[tuple[Any, str, Callable[[Any], None]], ...] = (
            (picture, topics.image, self._image),
            (CameraInfo, topics.info, self._camera),
            (MarkerArray, topics.markers, self._markers),
        )
        self._subscriptions_of_it = [
            MatchedSubscription(self, kind, self.resolve_topic_name(topic), keep, self._complaints)
            for kind, topic, keep in wanted
        ]

    def _image(self, message: Any) -> None:
        try:
            file = to_file(message)
        except ValueError as error:
            self._complaints.error(str(error))
            return
        self._scene.image(self._seconds(message.header), file)

    def _camera(self, message: CameraInfo) -> None:
        try:
            camera = camera_info.to_camera(message, self._info_topic)
        except ValueError as error:
            self._complaints.error(str(error))
            return
        self._scene.camera(camera)
        # It hardly ever changes, and comes with every image.
        self._subscriptions_of_it.pop(1).close()

    def _markers(self, message: MarkerArray) -> None:
        if message.markers:
            self._scene.markers(self._seconds(message.markers[0].header), message)

    def _seconds(self, header: Any) -> float:
        stamp_s = seconds(header.stamp)
        self._start_s = stamp_s if self._start_s is None else self._start_s
        return stamp_s - self._start_s


def run(scene: Shown, topics: Asked) -> None:
    """Shows what comes until Ctrl+C."""
    rclpy.init()
    node = LiveScene(scene, topics)
    try:
        with stopping.quietly():
            rclpy.spin(node)
    finally:
        node.destroy_node()
        rclpy.try_shutdown()
