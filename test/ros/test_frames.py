"""Transforms as they come on /tf, with a clock that is played from a bag."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import numpy as np
import pytest
import rclpy
from builtin_interfaces.msg import Time
from geometry_msgs.msg import Quaternion, Transform, TransformStamped, Vector3
from rclpy.node import Node
from rclpy.parameter import Parameter
from rosgraph_msgs.msg import Clock
from std_msgs.msg import Header
from tf2_msgs.msg import TFMessage

from metric_pose_ros.complaints import Complaints
from metric_pose_ros.geometry.moving_camera import MovingCamera
from metric_pose_ros.ros.frames import FrameListener
from test.ros.graph import wait_until


@pytest.fixture
def node() -> Iterator[Node]:
    rclpy.init()
    node = Node("frames", parameter_overrides=[Parameter("use_sim_time", value=True)])
    spinner = threading.Thread(target=lambda: _spin(node), daemon=True)
    spinner.start()
    yield node
    rclpy.shutdown()
    spinner.join()


def _spin(node: Node) -> None:
    try:
        rclpy.spin(node)
    except Exception:
        if rclpy.ok():
            raise


def moved(stamp_s: float, x: float, parent: str = "odom", child: str = "camera") -> TFMessage:
    stamp = Time(sec=int(stamp_s), nanosec=round(stamp_s % 1 * 1e9))
    where = Transform(translation=Vector3(x=x), rotation=Quaternion(w=1.0))
    return TFMessage(
        transforms=[
            TransformStamped(header=Header(stamp=stamp, frame_id=parent), child_frame_id=child, transform=where)
        ]
    )


def test_a_transform_that_comes_a_little_later_is_waited_for(node: Node) -> None:
    frames = FrameListener(node, Complaints(node.get_logger()))
    frames.open()
    publisher = node.create_publisher(TFMessage, "/tf", 100)
    wait_until(lambda: publisher.get_subscription_count() > 0, "a listener")
    publisher.publish(moved(10.0, 1.0))
    camera = MovingCamera(frames, "odom", "camera", 10.0)
    wait_until(lambda: camera.now(10.1) is not None, "a transform")
    np.testing.assert_allclose(camera.now(10.1)[:3, 3], [1.0, 0, 0])  # the newest, as long as there is no better one
    threading.Timer(0.1, lambda: publisher.publish(moved(10.2, 2.0))).start()
    pose = camera.at(10.1)
    assert pose is not None
    np.testing.assert_allclose(pose[:3, 3], [1.5, 0, 0])
    frames.close()


def test_what_does_not_come_in_time_is_taken_from_the_moment_before_or_not_at_all(node: Node) -> None:
    complaints = Complaints(node.get_logger())
    frames = FrameListener(node, complaints)
    frames._keep(moved(10.0, 1.0), False)
    camera = MovingCamera(frames, "odom", "camera", 0.0)
    pose = camera.at(10.4)
    assert pose is not None
    assert pose[0, 3] == 1.0
    assert camera.at(11.0) is None
    assert "is 1.000 s older than the image" in complaints.latest


def test_people_are_no_frames_to_look_through(node: Node) -> None:
    frames = FrameListener(node, Complaints(node.get_logger()))
    frames._keep(moved(10.0, 1.0, "camera", "body_p1"), False)
    frames._keep(moved(10.0, 1.0, "body_p1", "nose_p1"), False)
    assert frames.now("camera", "body_p1", 10.0) is None


def test_when_time_starts_over_transforms_are_forgotten(node: Node) -> None:
    frames = FrameListener(node, Complaints(node.get_logger()))
    frames.open()
    clock = node.create_publisher(Clock, "/clock", 10)
    wait_until(lambda: clock.get_subscription_count() > 0, "the node's clock")
    clock.publish(Clock(clock=Time(sec=100)))
    wait_until(lambda: node.get_clock().now().nanoseconds == 100 * 10**9, "the bag's time")
    frames._keep(moved(100.0, 1.0), False)
    assert frames.now("odom", "camera", 100.0) is not None
    clock.publish(Clock(clock=Time(sec=1)))
    wait_until(lambda: frames.now("odom", "camera", 100.0) is None, "the transforms to go")
    frames.close()
