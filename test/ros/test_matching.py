"""What a subscription asks for follows what publishers offer."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import rclpy
from builtin_interfaces.msg import Time
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header

from metric_pose_ros.complaints import Complaints
from metric_pose_ros.ros.matching import MatchedSubscription
from test.ros.graph import wait_until

LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
BEST_EFFORT = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)


@pytest.fixture(scope="module")
def spinning() -> Iterator[tuple[Node, Node]]:
    """A node that publishes and one that listens, as if in two processes: one cannot have two types on a topic."""
    with ExitStack() as stack:
        yield spun("publishing", stack), spun("listening", stack)


def spun(name: str, stack: ExitStack) -> Node:
    context = rclpy.Context()
    rclpy.init(context=context)
    executor = SingleThreadedExecutor(context=context)
    node = Node(name, context=context)
    executor.add_node(node)
    spinner = threading.Thread(target=executor.spin, daemon=True)
    spinner.start()
    stack.callback(spinner.join)
    stack.callback(context.try_shutdown)
    stack.callback(executor.shutdown)
    return node


class Ear:
    """A matched subscription, and what it heard."""

    def __init__(self, nodes: tuple[Node, Node], topic: str, kind: Any = CameraInfo) -> None:
        self.heard: list[Any] = []
        self.complaints = Complaints(logging.getLogger("matching"))
        self._nodes, self._topic = nodes, topic
        self.matched = MatchedSubscription(nodes[1], kind, topic, self.heard.append, self.complaints, 0.05)

    def __enter__(self) -> Ear:
        return self

    def __exit__(self, *_: object) -> None:
        self.matched.close()

    def asks_for(self) -> tuple[str, str]:
        offers = self._nodes[0].get_subscriptions_info_by_topic(self._topic)
        return (offers[-1].qos_profile.reliability.name, offers[-1].qos_profile.durability.name) if offers else ("", "")


def test_what_was_said_before_anybody_listened_is_heard_if_it_is_kept(spinning: tuple[Node, Node]) -> None:
    spinning[0].create_publisher(CameraInfo, "/early", LATCHED).publish(CameraInfo(width=7))
    with Ear(spinning, "/early") as ear:
        wait_until(lambda: bool(ear.heard), "the CameraInfo of before")
        assert ear.heard[0].width == 7
        assert ear.asks_for() == ("RELIABLE", "TRANSIENT_LOCAL")


def test_offers_are_followed_as_publishers_come(spinning: tuple[Node, Node]) -> None:
    with Ear(spinning, "/late") as ear:
        wait_until(lambda: ear.asks_for() == ("BEST_EFFORT", "VOLATILE"), "a subscription")
        spinning[0].create_publisher(CameraInfo, "/late", LATCHED).publish(CameraInfo(header=Header(frame_id="kept")))
        wait_until(lambda: ear.asks_for() == ("RELIABLE", "TRANSIENT_LOCAL"), "what the first one offers")
        wait_until(lambda: bool(ear.heard), "its CameraInfo")
        poor = spinning[0].create_publisher(CameraInfo, "/late", BEST_EFFORT)
        wait_until(lambda: ear.asks_for() == ("BEST_EFFORT", "VOLATILE"), "what both offer")
        wait_until(lambda: poor.get_subscription_count() > 0, "a listener")

        def both() -> bool:
            poor.publish(CameraInfo(header=Header(frame_id="not kept")))
            return {message.header.frame_id for message in ear.heard} == {"kept", "not kept"}

        wait_until(both, "both to be heard")
        assert ear.complaints.count == 0


def test_nothing_is_lost_or_heard_twice_while_offers_are_followed(spinning: tuple[Node, Node]) -> None:
    with Ear(spinning, "/steady") as ear:
        wait_until(lambda: ear.asks_for() == ("BEST_EFFORT", "VOLATILE"), "a subscription")
        publisher = spinning[0].create_publisher(CameraInfo, "/steady", QoSProfile(depth=1000))
        wait_until(lambda: publisher.get_subscription_count() > 0, "a listener")
        said = 0
        while ear.asks_for() != ("RELIABLE", "VOLATILE") or said < 400:
            said += 1
            publisher.publish(CameraInfo(header=Header(stamp=Time(sec=1, nanosec=said))))
            time.sleep(0.001)
        wait_until(lambda: bool(ear.heard) and ear.heard[-1].header.stamp.nanosec == said, "the last one")
        heard = [message.header.stamp.nanosec for message in ear.heard]
        assert heard == list(range(heard[0], said + 1))
        assert publisher.get_subscription_count() == 1


@pytest.fixture
def twice(spinning: tuple[Node, Node]) -> Iterator[Ear]:
    """What followed an offer once, and now is told by the test who hears what."""
    with Ear(spinning, "/twice") as ear:
        publisher = spinning[0].create_publisher(CameraInfo, "/twice", QoSProfile(depth=1))
        wait_until(lambda: ear.asks_for() == ("RELIABLE", "VOLATILE"), "a second subscription")
        ear.matched._timer.cancel()
        ear.matched._forget_former()
        yield ear
        spinning[0].destroy_publisher(publisher)


MESSAGES = [CameraInfo(header=Header(stamp=Time(sec=second))) for second in (1, 2, 3)]


def test_what_both_subscriptions_hold_when_the_former_is_given_up_is_heard_once(twice: Ear) -> None:
    former, new = object(), twice.matched._subscription
    twice.matched._former = former
    twice.matched._keep_once(MESSAGES[0], former)
    twice.matched._keep_once(MESSAGES[1], former)
    twice.matched._former = None  # as when it is time to look at the offers again
    for message in MESSAGES:
        twice.matched._keep_once(message, new)
    twice.matched._keep_once(MESSAGES[2], former)
    assert [message.header.stamp.sec for message in twice.heard] == [1, 2, 3]


def test_what_waits_in_subscriptions_of_several_changes_is_heard_once(twice: Ear) -> None:
    first, second, third = object(), object(), object()
    heard_by = [(first, second, MESSAGES[:1]), (second, third, MESSAGES[:2]), (None, third, MESSAGES)]
    for former, subscription, messages in heard_by:
        twice.matched._former, twice.matched._subscription = former, subscription
        for message in messages:
            twice.matched._keep_once(message, former if former is not None else subscription)
    assert [message.header.stamp.sec for message in twice.heard] == [1, 2, 3]


def test_what_was_heard_before_the_change_is_not_heard_again_from_who_keeps_it(twice: Ear) -> None:
    first, second = object(), object()
    twice.matched._subscription = first
    twice.matched._keep_once(MESSAGES[0], first)
    twice.matched._former, twice.matched._subscription = first, second
    for message in MESSAGES[:2]:
        twice.matched._keep_once(message, second)
    assert [message.header.stamp.sec for message in twice.heard] == [1, 2]


def test_what_a_publisher_says_twice_is_heard_twice(twice: Ear) -> None:
    for _ in range(2):
        twice.matched._keep_once(MESSAGES[0], twice.matched._subscription)
    assert len(twice.heard) == 2


def test_messages_of_another_type_are_explained(spinning: tuple[Node, Node]) -> None:
    spinning[0].create_publisher(CameraInfo, "/other", 1)
    with Ear(spinning, "/other", Image) as ear:
        wait_until(lambda: ear.complaints.count > 0, "a complaint")
        assert ear.complaints.latest == (
            "/other is published as sensor_msgs/msg/CameraInfo, expected sensor_msgs/msg/Image: remap to another "
            "topic, or set image_transport"
        )
