"""The node's publishers, one per topic of `metric_pose_ros.messages.outgoing`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from lifecycle_msgs.msg import State
from rclpy.lifecycle import LifecycleNode, LifecycleState
from rclpy.qos import QoSProfile, qos_policy_name_from_kind

from metric_pose_ros.messages.humans import LIST
from metric_pose_ros.messages.outgoing import TOPICS, Outgoing, of_camera
from metric_pose_ros.messages.types import installed
from metric_pose_ros.ros import packages
from metric_pose_ros.ros.distribution import PublisherEventCallbacks
from metric_pose_ros.ros.humans import BodyPublishers
from metric_pose_ros.settings import Settings, camera_names


class PeopleOutput:
    """Publishes messages about people.

    All publishers are reliable, which best-effort subscribers understand too.

    Args:
        node: that publishes.
        settings: of the node, as it is configured.

    Raises:
        ValueError: if the parameters ask for messages whose package is not installed.
    """

    def __init__(self, node: LifecycleNode, settings: Settings) -> None:
        packages.check(settings)
        self._node = node
        self._to: dict[str, Any] = {}
        self._bodies = BodyPublishers(node)
        self.offer(settings)

    def offer(self, settings: Settings, activate: bool = False) -> None:
        """Makes the publishers that the parameters ask for and that are not there yet.

        Those that are not asked for any more stay until `close`, silent, as those of switches in other nodes do.

        Args:
            settings: of now, checked.
            activate: whether the node is active, so that new publishers have to be, too.
        """
        topics = {
            of_camera(topic.name, camera): topic
            for camera in camera_names(settings)
            for topic in TOPICS
            if topic.is_offered(settings)
        }
        new = {
            name: self._publisher(installed(topic.kind), name, topic.depth)
            for name, topic in topics.items()
            if name not in self._to
        }
        for publisher in new.values() if activate else ():
            publisher.on_activate(LifecycleState(label="active", state_id=State.PRIMARY_STATE_ACTIVE))
        # In one step, since the worker may be looking.
        self._to = {**self._to, **new}

    def listened(self) -> bool:
        """Whether anybody subscribes to anything that is published."""
        return any(map(self.wanted, self._to))

    def wanted(self, topic: str) -> bool:
        """Whether anybody subscribes to a topic."""
        publisher = self._to.get(topic) or self._bodies.publisher(topic)
        return publisher.get_subscription_count() > 0

    def publish(self, messages: Iterable[Outgoing]) -> None:
        """Publishes one message after the other."""
        for topic, message in messages:
            if topic.endswith(LIST):
                self._bodies.keep(topic, message.ids)
            (self._to.get(topic) or self._bodies.publisher(topic)).publish(message)

    def close(self) -> None:
        """Takes the publishers away."""
        for publisher in self._to.values():
            self._node.destroy_lifecycle_publisher(publisher)
        self._bodies.close()

    def _publisher(self, kind: type, topic: str, depth: int) -> Any:
        return self._node.create_lifecycle_publisher(
            kind,
            topic,
            QoSProfile(depth=depth),
            event_callbacks=PublisherEventCallbacks(incompatible_qos=self._mismatch(topic)),
        )

    def _mismatch(self, topic: str) -> Callable[[Any], None]:
        name = self._node.resolve_topic_name(topic)

        def explain(event: Any) -> None:
            policy = qos_policy_name_from_kind(event.last_policy_kind).lower()
            self._node.get_logger().warning(
                f"a subscriber of {name} gets nothing: it asks for another {policy} than this node offers "
                "(reliable, volatile). Change its QoS settings"
            )

        return explain
