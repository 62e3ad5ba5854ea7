"""What goes out: markers, keypoints, overlay and TF, each only where somebody listens."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from rclpy.lifecycle import LifecycleNode
from rclpy.qos import QoSProfile, qos_policy_name_from_kind
from sensor_msgs.msg import Image, PointCloud2
from std_msgs.msg import Header
from tf2_msgs.msg import TFMessage
from visualization_msgs.msg import MarkerArray

from metric_pose_ros import overlay
from metric_pose_ros.messages import images, keypoints, transforms
from metric_pose_ros.messages.markers import Look, PersonMarkers
from metric_pose_ros.messages.types import InstalledTypes
from metric_pose_ros.people import Person
from metric_pose_ros.ros.distribution import PublisherEventCallbacks
from metric_pose_ros.ros.input import Frame
from metric_pose_ros.ros.parameters import Settings


class PeopleOutput:
    """The node's publishers.

    All are reliable, which best-effort subscribers understand too.
    """

    def __init__(self, node: LifecycleNode) -> None:
        self._node = node
        self._types = InstalledTypes()
        self._markers = PersonMarkers(self._types, Look())
        self._markers_to = self._publisher(MarkerArray, "~/markers", 10)
        self._keypoints_to = self._publisher(PointCloud2, "~/keypoints", 10)
        self._overlay_to = self._publisher(Image, "~/overlay", 1)
        self._tf_to = self._publisher(TFMessage, "/tf", 100)
        self._header = Header()

    def publish(self, frame: Frame, people: Sequence[Person], settings: Settings) -> None:
        """Publishes what was found in a frame, with the frame's stamp."""
        self._header = frame.header
        self._markers.look = replace(
            self._markers.look, min_confidence=settings.min_confidence, lifetime=settings.marker_lifetime
        )
        # Markers are always worked out: what must be deleted is known only to who saw it.
        markers = self._markers.update(frame.header, people)
        if _listened(self._markers_to):
            self._markers_to.publish(markers)
        if settings.publish_tf:
            self._tf_to.publish(transforms.from_people(self._types, frame.header, people, settings.min_confidence))
        if _listened(self._keypoints_to):
            self._keypoints_to.publish(keypoints.from_people(self._types, frame.header, people))
        if _listened(self._overlay_to):
            drawn = overlay.draw(frame.image_bgr, list(people), settings.min_confidence)
            self._overlay_to.publish(images.from_bgr(self._types, frame.header, drawn))

    def clear(self) -> None:
        """Deletes every marker that is shown."""
        self._markers_to.publish(self._markers.clear(self._header))

    def close(self) -> None:
        """Takes the publishers away."""
        for publisher in (self._markers_to, self._keypoints_to, self._overlay_to, self._tf_to):
            self._node.destroy_lifecycle_publisher(publisher)

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


def _listened(publisher: Any) -> bool:
    return publisher.get_subscription_count() > 0
