"""Transforms that are missing, late or broken: people are told of where that is known, and again when it is."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from metric_pose_ros.geometry.camera import Camera
from metric_pose_ros.messages import images
from test.figure_in_the_image import draw
from test.ros.faults.recovery import answered
from test.ros.graph import TOPICS, Bench, Running, wait_until

people_msgs = pytest.importorskip("people_msgs.msg")

CAMERA = Camera.from_fov(320, 240, 70)
PERSON = np.array([0.3, 0.0, 4.0])
CAMERA_IN_ODOM = np.array([[1.0, 0, 0, 10], [0, 1, 0, 20], [0, 0, 1, 0], [0, 0, 0, 1]])


@pytest.fixture(scope="module")
def node(bench: Bench) -> Iterator[Running]:
    options = ("publish_people:=true", "fixed_frame:=odom", "tracking_frame:=odom")
    arguments = [part for option in options for part in ("-p", option)]
    with Running("test.ros.figure_in_the_image", "--ros-args", *arguments) as running:
        bench.wait_for_node()
        TOPICS["people"] = ("/people", people_msgs.People)
        for name in ("people", "keypoints"):
            bench.listen(name)
        wait_until(lambda: bench.node.count_subscribers("/tf") > 0, "a listener of /tf")
        yield running


def send(bench: Bench) -> tuple[int, int]:
    bench.send_info(CAMERA)
    return bench.send(images.from_bgr(bench.types, bench.header(), draw(CAMERA, np.eye(4), PERSON)))


def send_with(bench: Bench, pose: np.ndarray, late_s: float = 0.0) -> tuple[int, int]:
    bench.send_transform("odom", "camera", pose, bench.node.get_clock().now().nanoseconds * 1e-9 - late_s)
    return send(bench)


def seen_in_odom(bench: Bench, fault: str, late_s: float = 0.0) -> None:
    message = answered(bench, fault, lambda: send_with(bench, CAMERA_IN_ODOM, late_s), "people")
    assert message.header.frame_id == "odom"
    if message.people:
        place = message.people[0].position
        np.testing.assert_allclose([place.x, place.y, place.z], CAMERA_IN_ODOM[:3, 3] + PERSON, atol=0.4)


def test_without_transforms_people_are_where_the_camera_sees_them_and_nowhere_else(bench: Bench, node: Running) -> None:
    cloud = answered(bench, "no transforms (while it lasts)", lambda: send(bench))
    assert cloud.header.frame_id == "camera"
    assert "is /tf complete?" in node.wait_for_log("is /tf complete?", lambda: send(bench))
    assert bench.heard["people"] == []
    seen_in_odom(bench, "no transforms")


def test_transforms_that_are_late_will_do_for_a_while_and_not_for_ever(bench: Bench, node: Running) -> None:
    seen_in_odom(bench, "transforms late by 0.3 s (while it lasts)", late_s=0.3)
    node.wait_for_log("are the clocks alike?", lambda: send(bench))
    cloud = answered(bench, "transforms stop (while it lasts)", lambda: send(bench))
    assert cloud.header.frame_id == "camera"
    seen_in_odom(bench, "transforms stop")


def test_broken_transforms_are_left_out(bench: Bench, node: Running) -> None:
    broken = CAMERA_IN_ODOM.copy()
    broken[0, 3] = np.nan
    node.wait_for_log("on /tf: it is left out", lambda: send_with(bench, broken))
    assert not any(np.isnan(person.position.x) for message in bench.heard["people"] for person in message.people)
    seen_in_odom(bench, "transforms of NaN")
