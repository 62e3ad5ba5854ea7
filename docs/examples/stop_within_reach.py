"""Lets velocity commands through to the robot while nobody is within reach of the camera.

    python3 docs/examples/stop_within_reach.py --ros-args -p reach:=1.2 -r cmd_vel_in:=cmd_vel_nav -r cmd_vel:=cmd_vel

Listens to ``cmd_vel_in`` and to the joints of everybody on ``/metric_pose/keypoints``, and publishes ``cmd_vel``. It
stops as well when it has not heard of people for `patience` seconds, since a camera that is blind sees nobody either.

An example, and no safety function: nothing here is certified, and people whom the network misses are run into.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

import numpy as np
import rclpy
from geometry_msgs.msg import Twist
from rclpy.node import Node
from rclpy.qos import QoSProfile
from sensor_msgs.msg import PointCloud2

from metric_pose_ros.messages.keypoints import to_points
from metric_pose_ros.ros import stopping


@dataclass
class Guard:
    """Says whether the robot may drive.

    Attributes:
        reach: metres from the camera within which nobody may be.
        clearance: metres that everybody must be beyond the reach before the robot drives on, or it would stutter.
        patience: seconds after which what was seen last says nothing any more.
        min_confidence: joints below are no reason to stop.
    """

    reach: float
    clearance: float
    patience: float
    min_confidence: float
    reason: str = "nothing was heard of people yet"
    _seen_s: float = float("-inf")

    def see(self, cloud: PointCloud2, stamp_s: float) -> None:
        """Takes the joints of everybody in an image; an empty cloud says that nobody is there."""
        points = to_points(cloud)
        sure = points[points["confidence"] >= self.min_confidence]
        # Two standard deviations of the body's distance nearer than they seem to be, and one of the joint's place.
        away = np.sqrt(sure["x"] ** 2 + sure["y"] ** 2 + sure["z"] ** 2) - 2 * sure["distance_std"] - sure["std"]
        nearest = float(np.min(away, initial=np.inf))
        limit = self.reach + self.clearance if self.reason else self.reach
        self.reason = f"somebody is {max(nearest, 0.0):.1f} m away" if nearest < limit else ""
        self._seen_s = stamp_s

    def holds_back(self, now_s: float) -> str:
        """Why the robot must not drive; empty if it may."""
        # Stamps from the future say no more than old ones: of a clock ahead, a dead camera would go unnoticed.
        if abs(now_s - self._seen_s) > self.patience:
            self.reason = self.reason or f"nothing was heard of people for {self.patience:g} s"
        return self.reason


class StopWithinReach(Node):
    """The node around the guard."""

    def __init__(self) -> None:
        super().__init__("stop_within_reach")
        defaults = {"reach": 1.2, "clearance": 0.3, "patience": 0.5, "min_confidence": 0.2}
        self._guard = Guard(**{name: self.declare_parameter(name, value).value for name, value in defaults.items()})
        self._told: str | None = None
        self._to_robot = self.create_publisher(Twist, "cmd_vel", 10)
        self.create_subscription(Twist, "cmd_vel_in", self._on_command, 10)
        self.create_subscription(PointCloud2, "/metric_pose/keypoints", self._on_people, QoSProfile(depth=1))
        # Often enough that a robot whose commands cease while somebody comes is told to stop as well.
        self.create_timer(0.05, self._look)

    def _on_people(self, cloud: PointCloud2) -> None:
        # By the image's stamp, so that what is late counts as late.
        self._guard.see(cloud, cloud.header.stamp.sec + cloud.header.stamp.nanosec * 1e-9)
        self._look()

    def _on_command(self, command: Twist) -> None:
        if not self._look():
            self._to_robot.publish(command)

    def _look(self) -> str:
        """Stops the robot if it must not drive; says why."""
        reason = self._guard.holds_back(self.get_clock().now().nanoseconds * 1e-9)
        if reason:
            self._to_robot.publish(Twist())
        if bool(reason) != bool(self._told) or self._told is None:
            self.get_logger().info(f"stop: {reason}" if reason else "nobody is within reach: commands go through")
        self._told = reason
        return reason


def main(args: Any = None) -> int:
    """Runs the node until Ctrl+C."""
    rclpy.init(args=args)
    node = StopWithinReach()
    try:
        with stopping.quietly():
            rclpy.spin(node)
    finally:
        if rclpy.ok():
            node._to_robot.publish(Twist())
        node.destroy_node()
        rclpy.try_shutdown()
    return 0


if __name__ == "__main__":
    sys.exit(main())
