"""Publishers under ``/humans/bodies/<id>/`` (REP-155), which come and go with the people."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rclpy.node import Node
from rclpy.qos import QoSProfile

from metric_pose_ros.messages.humans import KINDS, body_topic
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
        who = topic.split("/")[-2]
        if who not in self._bodies:
            # Plain publishers: these come after the node was activated and go before it is not.
            self._bodies[who] = {
                body_topic(who, part): self._node.create_publisher(
                    installed(kind), body_topic(who, part), QoSProfile(depth=1)
                )
                for part, kind in KINDS.items()
            }
        return self._bodies[who][topic]

    def keep(self, names: Iterable[str]) -> None:
        """Takes away the publishers of everybody else."""
        for who in set(self._bodies) - set(names):
            for publisher in self._bodies.pop(who).values():
                self._node.destroy_publisher(publisher)
