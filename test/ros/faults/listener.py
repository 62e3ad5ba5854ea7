"""A process that subscribes to everything the node publishes and says how much came: a listener to treat badly."""

from __future__ import annotations

from contextlib import suppress

import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.qos import QoSProfile

from test.ros.graph import TOPICS


def main() -> None:
    """Listens until it is ended."""
    rclpy.init()
    node = rclpy.create_node("listener")
    count = 0

    def note(_: object) -> None:
        nonlocal count
        count += 1
        if count % 20 == 0:
            print(f"heard {count}", flush=True)

    for topic, kind in TOPICS.values():
        node.create_subscription(kind, topic, note, QoSProfile(depth=1))
    print("listening", flush=True)
    with suppress(KeyboardInterrupt, ExternalShutdownException):
        rclpy.spin(node)


if __name__ == "__main__":
    main()
