"""Subscribers that come and go while the node works."""

from __future__ import annotations

from itertools import cycle
from typing import Any

from geometry_msgs.msg import PoseArray
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CompressedImage, Image, PointCloud2
from tf2_msgs.msg import TFMessage
from visualization_msgs.msg import MarkerArray

_TOPICS: tuple[tuple[str, Any], ...] = (
    ("/metric_pose/markers", MarkerArray),
    ("/tf", TFMessage),
    ("/metric_pose/overlay", Image),
    ("/metric_pose/poses", PoseArray),
    ("/metric_pose/keypoints", PointCloud2),
    ("/metric_pose/overlay/compressed", CompressedImage),
)
_AT_ONCE = 2


class Listeners:
    """Two topics have a subscriber at a time, by turns reliable and best effort.

    Args:
        node: that subscribes.

    Attributes:
        heard: messages so far.
    """

    def __init__(self, node: Node) -> None:
        self.heard = 0
        self._node = node
        self._turns = cycle(
            (topic, kind, reliability)
            for reliability in (ReliabilityPolicy.RELIABLE, ReliabilityPolicy.BEST_EFFORT)
            for topic, kind in _TOPICS
        )
        self._subscriptions: list[Any] = []

    def __len__(self) -> int:
        return len(self._subscriptions)

    def change(self) -> None:
        """The one who has listened longest leaves, another comes."""
        while len(self._subscriptions) >= _AT_ONCE:
            self._node.destroy_subscription(self._subscriptions.pop(0))
        topic, kind, reliability = next(self._turns)
        qos = QoSProfile(depth=5, reliability=reliability)
        # Raw: what matters is that the node publishes, so nobody need unpack it here.
        self._subscriptions.append(self._node.create_subscription(kind, topic, self._hear, qos, raw=True))

    def _hear(self, _: bytes) -> None:
        self.heard += 1
