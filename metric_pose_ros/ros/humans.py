"""Publishers under ``/humans/bodies/<id>/`` (REP-155), which come and go with the people."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rclpy.node import Node
from rclpy.qos import QoSProfile

from metric_pose_ros.messages.humans import KINDS
from metric_pose_ros.messages.types import installed


class BodyPublishers:
    """The publishers about each body; they need hri_msgs as soon as one is asked for.

    Args:
        node: that publishes, active.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self._bodies: dict[str, dict[str, Any]] = {}

    def publisher(self, topic: str) -> Any:
        """The publisher of a topic; all of somebody's are made when the first one is asked for."""
        body = topic.rpartition("/")[0]
        if body not in self._bodies:
            # Plain publishers: these come after the node was activated and go before it is not.
            self._bodies[body] = {
                f"{body}/{part}": self._node.create_publisher(installed(kind), f"{body}/{part}", QoSProfile(depth=1))
                for part, kind in KINDS.items()
            }
        return self._bodies[body][topic]

    def keep(self, list_topic: str, names: Iterable[str]) -> None:
        """Takes away the publishers of everybody who is not on a list."""
        bodies = list_topic.rpartition("/")[0]
        kept = {f"{bodies}/{who}" for who in names}
        for body in [body for body in self._bodies if body.rpartition("/")[0] == bodies and body not in kept]:
            self._destroy(body)

    def close(self) -> None:
        """Takes all away."""
        for body in list(self._bodies):
            self._destroy(body)

    def _destroy(self, body: str) -> None:
        for publisher in self._bodies.pop(body).values():
            self._node.destroy_publisher(publisher)
