"""The example that stops a robot: its judgement, and commands over real topics."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from geometry_msgs.msg import Twist, Vector3
from sensor_msgs.msg import PointCloud2

from docs.examples.stop_within_reach import Guard
from metric_pose_ros.messages import keypoints
from metric_pose_ros.messages.types import InstalledTypes
from metric_pose_ros.people import Person
from test.ros.graph import Bench, Running, wait_until
from test.standing import standing

TYPES = InstalledTypes()


def joints(*people: Person, header: Any = None) -> PointCloud2:
    return keypoints.from_people(TYPES, header or TYPES.make("std_msgs/msg/Header"), people)


def at(distance: float, confidence: float = 0.9) -> Person:
    return standing(at=(0.0, 0.0, distance), confidence=confidence)


@pytest.fixture
def guard() -> Guard:
    return Guard(reach=1.2, clearance=0.3, patience=0.5, min_confidence=0.2)


def test_before_anything_is_heard_the_robot_stands(guard: Guard) -> None:
    assert guard.holds_back(0.0) == "nothing was heard of people yet"


def test_it_drives_while_everybody_is_far_and_stops_for_who_is_near(guard: Guard) -> None:
    guard.see(joints(), 10.0)
    assert guard.holds_back(10.1) == ""
    guard.see(joints(at(3.0)), 10.2)
    assert guard.holds_back(10.2) == ""
    guard.see(joints(at(3.0), at(1.1)), 10.3)
    assert guard.holds_back(10.3) == "somebody is 1.1 m away"


def test_the_nearest_joint_counts_less_its_deviation(guard: Guard) -> None:
    guard.see(joints(), 10.0)
    # The hands are 9 cm nearer than the pelvis, and each joint may be 4 cm off.
    guard.see(joints(at(1.45)), 10.1)
    assert guard.holds_back(10.1) == ""
    guard.see(joints(at(1.2)), 10.2)
    assert guard.holds_back(10.2)


def test_who_may_be_nearer_than_said_is_taken_to_be(guard: Guard) -> None:
    guard.see(joints(replace(at(2.0), distance_std=0.1)), 10.0)
    assert guard.holds_back(10.0) == ""
    guard.see(joints(replace(at(2.0), distance_std=0.4)), 10.1)
    assert guard.holds_back(10.1) == "somebody is 1.2 m away"


def test_stamps_from_the_future_do_not_let_a_dead_camera_pass(guard: Guard) -> None:
    guard.see(joints(), 20.0)
    assert guard.holds_back(19.8) == ""
    assert "nothing was heard of people for 0.5 s" in guard.holds_back(10.0)


def test_it_drives_on_only_when_there_is_clearance(guard: Guard) -> None:
    guard.see(joints(at(1.0)), 10.0)
    guard.see(joints(at(1.45)), 10.1)
    assert guard.holds_back(10.1)
    guard.see(joints(at(1.8)), 10.2)
    assert guard.holds_back(10.2) == ""


def test_joints_that_nobody_is_sure_of_do_not_stop_it(guard: Guard) -> None:
    guard.see(joints(at(0.5, confidence=0.1)), 10.0)
    assert guard.holds_back(10.0) == ""


def test_who_hears_nothing_stops(guard: Guard) -> None:
    guard.see(joints(), 10.0)
    assert guard.holds_back(10.4) == ""
    assert guard.holds_back(10.6) == "nothing was heard of people for 0.5 s"
    guard.see(joints(), 10.7)
    assert guard.holds_back(10.7) == ""


def test_commands_reach_the_robot_until_somebody_comes(bench: Bench) -> None:
    heard: list[float] = []
    to_node = bench.node.create_publisher(Twist, "cmd_vel_in", 10)
    seen_by_node = bench.node.create_publisher(PointCloud2, "/metric_pose/keypoints", 10)
    bench.node.create_subscription(Twist, "cmd_vel", lambda command: heard.append(command.linear.x), 10)
    with Running("docs.examples.stop_within_reach", "--ros-args", "-p", "patience:=30.0") as running:

        def drive(*people: Person) -> float | None:
            """Sees people and asks for 0.4 m/s; the latest command for the robot."""
            seen_by_node.publish(joints(*people, header=bench.header()))
            to_node.publish(Twist(linear=Vector3(x=0.4)))
            return heard[-1] if heard else None

        wait_until(lambda: drive(at(3.0)) == 0.4, "a command that goes through", every_s=0.05)
        wait_until(lambda: drive(at(0.9)) == 0.0, "the robot to stop", every_s=0.05)
        heard.clear()
        wait_until(lambda: len(heard) > 2, "stops without commands")
        assert set(heard) == {0.0}
        assert "stop: somebody is 0." in running.log
        wait_until(lambda: drive() == 0.4, "the robot to drive on", every_s=0.05)
        assert running.stop() == 0
        assert "Traceback" not in running.log
