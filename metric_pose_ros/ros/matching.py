"""Subscriptions that ask for what publishers offer, and say why nothing comes."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy, qos_policy_name_from_kind
from rclpy.topic_endpoint_info import TopicEndpointInfo

from metric_pose_ros.complaints import Complaints
from metric_pose_ros.ros.distribution import SubscriptionEventCallbacks

_DEPTH = 5
"""Messages: lets a burst in."""
_REMEMBERED = 8 * _DEPTH
"""Messages that are known again when another subscription hears them, more than can wait in one."""


class MatchedSubscription:
    """A subscription with the best quality of service that every publisher of its topic offers.

    Asking for less than is offered loses what need not be lost: images that a reliable publisher would send again, and
    the CameraInfo that a transient-local one gave before we were there. Asking for more gets nothing. Publishers come
    and go, so their offers are looked at now and then.

    Args:
        node: that subscribes.
        kind: class of the messages.
        topic: as the node resolves it.
        keep: takes each message.
        complaints: about publishers that cannot be heard.
        every_s: seconds between looks at the offers.
    """

    def __init__(
        self,
        node: Node,
        kind: Any,
        topic: str,
        keep: Callable[[Any], None],
        complaints: Complaints,
        every_s: float = 1.0,
    ) -> None:
        self._node, self._kind, self._topic, self._keep = node, kind, topic, keep
        self._complaints = complaints
        self._type = f"{kind.__module__.split('.')[0]}/msg/{kind.__name__}"
        self._qos = offered(())
        self._subscription: Any = None
        self._former: Any = None
        self._heard: deque[tuple[tuple[int, int], list[Any]]] = deque(maxlen=_REMEMBERED)
        self._match()
        # Not the node's clock, which stands still while a simulation does.
        self._timer = node.create_timer(every_s, self._match, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def close(self) -> None:
        """Stops to listen."""
        self._node.destroy_timer(self._timer)
        self._forget_former()
        self._node.destroy_subscription(self._subscription)

    def _match(self) -> bool:
        """Asks for what is offered now; whether that is new."""
        self._forget_former()
        publishers = self._node.get_publishers_info_by_topic(self._topic)
        for other in sorted({each.topic_type for each in publishers} - {self._type}):
            self._complaints.warning(
                f"{self._topic} is published as {other}, expected {self._type}: remap to another topic, or set "
                "image_transport"
            )
        qos = offered([each for each in publishers if each.topic_type == self._type])
        if self._subscription is not None and qos == self._qos:
            return False
        self._former, self._qos = self._subscription, qos
        self._subscription = self._subscribe(qos)
        if self._former is not None:
            self._node.get_logger().info(f"asks for {_in_words(qos)} on {self._topic}, as its publishers offer")
        return True

    def _subscribe(self, qos: QoSProfile) -> Any:
        subscription: Any = None

        def keep(message: Any) -> None:
            self._keep_once(message, subscription)

        events = SubscriptionEventCallbacks(incompatible_qos=self._on_mismatch)
        subscription = self._node.create_subscription(self._kind, self._topic, keep, qos, event_callbacks=events)
        return subscription

    def _keep_once(self, message: Any, subscription: Any) -> None:
        """Listens on both until the new subscription hears: what came between the two would be lost."""
        if subscription is not self._subscription and subscription is not self._former:
            return  # on its way when its subscription was given up
        if self._heard_before(message, subscription):
            return
        if subscription is self._subscription:
            self._forget_former()
        self._keep(message)

    def _heard_before(self, message: Any, subscription: Any) -> bool:
        """Notes who hears it; whether another subscription had before. What has no stamp might be anything.

        Of several changes in a row that may be more than the former one, and publishers that keep messages for
        latecomers say again what was heard before the change.
        """
        header = getattr(message, "header", None)
        if header is None or not (header.stamp.sec or header.stamp.nanosec):
            return False
        stamp = header.stamp.sec, header.stamp.nanosec
        for known, heard_by in self._heard:
            if known == stamp and subscription not in heard_by:
                heard_by.append(subscription)
                return True
        self._heard.append((stamp, [subscription]))
        return False

    def _forget_former(self) -> None:
        if self._former is not None:
            self._node.destroy_subscription(self._former)
        self._former = None

    def _on_mismatch(self, event: Any) -> None:
        if self._match():
            return
        policy = qos_policy_name_from_kind(event.last_policy_kind).lower()
        self._complaints.warning(
            f"a publisher of {self._topic} is not heard: it offers another {policy} than this node asks for "
            f"({_in_words(self._qos)}). Change its QoS settings"
        )


def offered(publishers: Sequence[TopicEndpointInfo]) -> QoSProfile:
    """The most that can be asked of all of them; of nobody, what everybody offers."""
    profiles = [each.qos_profile for each in publishers]
    reliable = profiles and all(each.reliability == ReliabilityPolicy.RELIABLE for each in profiles)
    kept = profiles and all(each.durability == DurabilityPolicy.TRANSIENT_LOCAL for each in profiles)
    return QoSProfile(
        depth=_DEPTH,
        history=HistoryPolicy.KEEP_LAST,
        reliability=ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT,
        durability=DurabilityPolicy.TRANSIENT_LOCAL if kept else DurabilityPolicy.VOLATILE,
    )


def _in_words(qos: QoSProfile) -> str:
    return f"{qos.reliability.name}, {qos.durability.name}".lower().replace("_", " ")
