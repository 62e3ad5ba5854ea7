"""A robot that drives and turns past somebody who stands still, in the time of a bag that is played twice."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from rclpy.qos import ReliabilityPolicy
from rosgraph_msgs.msg import Clock
from scipy.spatial.transform import Rotation

from metric_pose_ros.geometry.camera import Camera
from metric_pose_ros.messages import images
from test.figure_in_the_image import draw
from test.ros.graph import TOPICS, Bench, Running, wait_until

people_msgs = pytest.importorskip("people_msgs.msg")

CAMERA = Camera.from_fov(320, 240, 70)
PERSON = np.array([5.0, 0.5, 0.9])
"""Where the pelvis is in ``odom``, z up."""
LOOKING_AHEAD = np.array([[0.0, 0, 1], [-1, 0, 0], [0, -1, 0]])
"""Optical axes in the robot's: z of the camera is x of the robot."""
FRAMES, FRAME_S = 16, 0.1


def camera_pose(step: int) -> np.ndarray:
    """In odom: 1.5 m to the left, 1 m ahead and 10 degrees to the left within the frames."""
    share = step / (FRAMES - 1)
    pose = np.eye(4)
    pose[:3, :3] = Rotation.from_euler("z", 10 * share, degrees=True).as_matrix() @ LOOKING_AHEAD
    pose[:3, 3] = [share, 1.5 * share, 1.0]
    return pose


@pytest.fixture(scope="module")
def node(bench: Bench) -> Iterator[Running]:
    options = ("use_sim_time:=true", "publish_people:=true", "fixed_frame:=odom", "tracking_frame:=odom")
    arguments = [part for option in options for part in ("-p", option)]
    with Running("test.ros.figure_in_the_image", "--ros-args", *arguments) as running:
        bench.wait_for_node()
        TOPICS["people"] = ("/people", people_msgs.People)
        for name in ("people", "poses"):
            bench.listen(name)
        wait_until(lambda: bench.node.count_subscribers("/tf") > 0, "a listener of /tf")
        wait_until(lambda: first_answer(bench), "an answer, and reliable subscriptions", every_s=0.1)
        yield running


def first_answer(bench: Bench) -> bool:
    """Sends an image without anybody; whether one was answered, and none gets lost any more."""
    take(bench, 1.0 + 0.1 * len(bench.heard["poses"]), np.eye(4), np.array([0.0, 0.0, -1.0]))
    listeners = bench.node.get_subscriptions_info_by_topic("/image")
    reliable = [each.qos_profile.reliability for each in listeners] == [ReliabilityPolicy.RELIABLE]
    return reliable and bool(bench.heard["people"])


def take(bench: Bench, stamp_s: float, pose: np.ndarray, person: np.ndarray) -> Any:
    """Publishes where the camera is and what it sees there; the stamp."""
    header = bench.header(stamp_s)
    bench.send_transform("odom", "camera", pose, stamp_s)
    bench.send_info(CAMERA)
    picture = np.full((CAMERA.height, CAMERA.width, 3), 30, np.uint8)
    if (np.linalg.inv(pose) @ [*person, 1.0])[2] > 0:
        picture = draw(CAMERA, pose, person)
    bench.send(images.from_bgr(bench.types, header, picture))
    return header.stamp


def drive(bench: Bench, start_s: float) -> tuple[list[Any], np.ndarray]:
    """The person of /people, and (frames, 3) the body in the camera's frame."""
    clock = bench.node.create_publisher(Clock, "/clock", 10)
    wait_until(lambda: clock.get_subscription_count() > 0, "the node's clock")
    found, places = [], []
    for step in range(FRAMES):
        stamp_s = start_s + step * FRAME_S
        clock.publish(Clock(clock=bench.header(stamp_s).stamp))
        if step == 0:
            time.sleep(0.5)  # a clock that jumped back empties what is known of /tf, which must not come before it
        stamp = take(bench, stamp_s, camera_pose(step), PERSON)
        (person,) = bench.wait_for("people", lambda message, stamp=stamp: message.header.stamp == stamp).people
        (pose,) = bench.wait_for("poses", lambda message, stamp=stamp: message.header.stamp == stamp).poses
        found.append(person)
        places.append([pose.position.x, pose.position.y, pose.position.z])
    bench.node.destroy_publisher(clock)
    return found, np.array(places)


def test_who_stands_still_stays_in_odom_while_the_robot_drives_and_turns(bench: Bench, node: Running) -> None:
    people, seen = drive(bench, 100.0)
    assert {person.name for person in people} == {"p1"}
    there = np.array([[person.position.x, person.position.y, person.position.z] for person in people])
    # Before the camera, the body moves by more than a metre; in odom, only by what pixels and perspective leave.
    assert np.ptp(seen, axis=0).max() > 1.0
    assert np.linalg.norm(there - PERSON, axis=1).max() < 0.25
    assert np.ptp(there, axis=0).max() < 0.25
    velocity = people[-1].velocity
    assert np.linalg.norm([velocity.x, velocity.y, velocity.z]) < 0.3


def test_when_the_bag_begins_again_so_do_tracks_and_transforms(bench: Bench, node: Running) -> None:
    """The node has seen later stamps than these."""
    people, _ = drive(bench, 50.0)
    names = {person.name for person in people}
    assert len(names) == 1
    assert names.isdisjoint({"p1"})
    there = np.array([[person.position.x, person.position.y, person.position.z] for person in people])
    assert np.linalg.norm(there - PERSON, axis=1).max() < 0.25
    assert "Traceback" not in node.log
