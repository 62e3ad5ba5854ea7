"""``/humans/bodies``: a list of who is there, and topics that come and go with them (REP-155)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rclpy.lifecycle import LifecycleNode
from rclpy.qos import QoSProfile
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from metric_pose_ros.messages import humans
from metric_pose_ros.messages.identity import name
from metric_pose_ros.messages.types import InstalledTypes
from metric_pose_ros.people import Person
from metric_pose_ros.ros.input import Frame

_FORGOTTEN_S = 1.0
"""Seconds for which somebody who is not seen stays on the list, so that listeners need not start anew after a blink."""


class HumansOutput:
    """Publishers of ROS4HRI's body topics; needs hri_msgs.

    Args:
        node: that publishes, configured.
    """

    def __init__(self, node: LifecycleNode) -> None:
        from hri_msgs.msg import IdsList, NormalizedRegionOfInterest2D, Skeleton2D

        self._kinds = {"roi": NormalizedRegionOfInterest2D, "cropped": Image, "skeleton2d": Skeleton2D}
        self._node = node
        self._types = InstalledTypes()
        # libhri subscribes reliably, which is what a plain depth gives.
        self._list_to = node.create_lifecycle_publisher(IdsList, "/humans/bodies/tracked", QoSProfile(depth=1))
        self._bodies: dict[str, dict[str, Any]] = {}
        self._seen_s: dict[str, float] = {}

    @property
    def listened(self) -> bool:
        """Whether anybody subscribes to the list."""
        return self._list_to.get_subscription_count() > 0

    def publish(self, frame: Frame, people: Sequence[Person]) -> None:
        """Publishes the list, and for each person what somebody listens to."""
        named = {name(person, place): person for place, person in enumerate(people)}
        self._seen_s |= dict.fromkeys(named, frame.stamp_s)
        # Time may have started over, so the difference counts either way.
        self._seen_s = {who: when for who, when in self._seen_s.items() if abs(frame.stamp_s - when) <= _FORGOTTEN_S}
        for who in [who for who in self._bodies if who not in self._seen_s]:
            self._leave(who)
        for who, person in named.items():
            self._publish_body(frame, self._bodies.get(who) or self._enter(who), person)
        self._list_to.publish(humans.ids(self._types, frame.header, list(self._seen_s)))

    def clear(self, header: Header) -> None:
        """Says that nobody is there."""
        for who in list(self._bodies):
            self._leave(who)
        self._seen_s = {}
        self._list_to.publish(humans.ids(self._types, header, []))

    def close(self) -> None:
        """Takes the publishers away."""
        for who in list(self._bodies):
            self._leave(who)
        self._node.destroy_lifecycle_publisher(self._list_to)

    def _publish_body(self, frame: Frame, body: dict[str, Any], person: Person) -> None:
        height, width = frame.image_bgr.shape[:2]
        heard = {topic for topic, publisher in body.items() if publisher.get_subscription_count() > 0}
        if "skeleton2d" in heard:
            skeleton = humans.skeleton2d(self._types, frame.header, person, width, height)
            body["skeleton2d"].publish(skeleton)
        box = humans.bounds(person, width, height)
        if box is None:
            return
        if "roi" in heard:
            body["roi"].publish(humans.region(self._types, frame.header, box, person.score, width, height))
        if "cropped" in heard:
            body["cropped"].publish(humans.cropped(self._types, frame.header, box, frame.image_bgr))

    def _enter(self, who: str) -> dict[str, Any]:
        # Plain publishers: these come after the node was activated and go before it is not.
        self._bodies[who] = {
            topic: self._node.create_publisher(kind, f"/humans/bodies/{who}/{topic}", QoSProfile(depth=1))
            for topic, kind in self._kinds.items()
        }
        return self._bodies[who]

    def _leave(self, who: str) -> None:
        for publisher in self._bodies.pop(who).values():
            self._node.destroy_publisher(publisher)
