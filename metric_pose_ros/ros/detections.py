"""Detections that another node makes, instead of the built-in detector."""

from __future__ import annotations

from typing import Any

from rclpy.node import Node
from rclpy.qos import HistoryPolicy, QoSProfile, ReliabilityPolicy

from metric_pose_ros.complaints import Complaints
from metric_pose_ros.detection import OutsideDetections
from metric_pose_ros.messages.detections import to_detections
from metric_pose_ros.settings import Settings

# Best effort takes from reliable and best-effort publishers alike.
_QOS = QoSProfile(depth=5, history=HistoryPolicy.KEEP_LAST, reliability=ReliabilityPolicy.BEST_EFFORT)


class DetectionInput:
    """A subscription to vision_msgs/Detection2DArray, which brings its image's stamp; needs vision_msgs.

    Args:
        node: that subscribes.
        settings: of the node.
        outside: takes what comes.
        complaints: about what is wrong with messages.
    """

    def __init__(self, node: Node, settings: Settings, outside: OutsideDetections, complaints: Complaints) -> None:
        self._node = node
        self._outside = outside
        self._complaints = complaints
        self._accepted = (settings.detections_class,) if settings.detections_class else ()
        self._topic = node.resolve_topic_name(settings.detections_topic)
        self._subscription: Any = None

    def open(self) -> None:
        """Starts to listen."""
        from vision_msgs.msg import Detection2DArray

        self._subscription = self._node.create_subscription(Detection2DArray, self._topic, self._keep, _QOS)

    def close(self) -> None:
        """Stops to listen."""
        if self._subscription is not None:
            self._node.destroy_subscription(self._subscription)
            self._subscription = None

    def ask(self) -> None:
        """Says so if nothing has come yet."""
        if not self._outside.received:
            self._complaints.warning(
                f"no detections yet on {self._topic}: start what publishes them, or leave detections_topic empty"
            )

    def _keep(self, message: Any) -> None:
        stamp = message.header.stamp
        try:
            detections = to_detections(message, self._accepted)
        except ValueError as error:
            self._complaints.error(f"detections on {self._topic}: {error}")
            return
        self._outside.put(stamp.sec + stamp.nanosec * 1e-9, detections)
