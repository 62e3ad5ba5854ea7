"""Detections that another node makes, instead of the built-in detector."""

from __future__ import annotations

from rclpy.node import Node

from metric_pose_ros.complaints import Complaints
from metric_pose_ros.detection import OutsideDetections
from metric_pose_ros.messages.incoming import DetectionMessages
from metric_pose_ros.ros.matching import MatchedSubscription
from metric_pose_ros.settings import Settings


class DetectionInput:
    """A subscription to vision_msgs/Detection2DArray, which brings its image's stamp; needs vision_msgs.

    Args:
        node: that subscribes.
        settings: of the node.
        outside: takes what comes.
        complaints: about what is wrong with messages.
        name: of the camera, before the topic's name; empty if there is but one.
    """

    def __init__(
        self, node: Node, settings: Settings, outside: OutsideDetections, complaints: Complaints, name: str = ""
    ) -> None:
        self._node = node
        self._outside = outside
        self._complaints = complaints
        topic = settings.detections_topic
        self._topic = node.resolve_topic_name(f"{name}/{topic}" if name else topic)
        self._messages = DetectionMessages(settings, self._topic, outside, complaints)
        self._subscription: MatchedSubscription | None = None

    def open(self) -> None:
        """Starts to listen."""
        from vision_msgs.msg import Detection2DArray

        self._subscription = MatchedSubscription(
            self._node, Detection2DArray, self._topic, self._messages.keep, self._complaints
        )

    def close(self) -> None:
        """Stops to listen."""
        if self._subscription is not None:
            self._subscription.close()
            self._subscription = None

    def ask(self) -> None:
        """Says so if nothing has come yet."""
        if not self._outside.received:
            self._complaints.warning(
                f"no detections yet on {self._topic}: start what publishes them, or leave detections_topic empty"
            )
