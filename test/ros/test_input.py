"""Images wait for the first CameraInfo for a moment, since either may come first."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
import rclpy
from rclpy.node import Node

from metric_pose_ros.complaints import Complaints
from metric_pose_ros.messages import camera_info, images
from metric_pose_ros.messages.types import InstalledTypes
from metric_pose_ros.ros import input as camera_input
from metric_pose_ros.ros.latest import Latest
from metric_pose_ros.settings import Settings
from test.test_stream import BOX, CAMERA, image_with

TYPES = InstalledTypes()


@pytest.fixture(scope="module")
def node() -> Iterator[Node]:
    context = rclpy.Context()
    rclpy.init(context=context)
    yield Node("listening", context=context)
    context.try_shutdown()


@pytest.fixture
def arrivals() -> Latest:
    return Latest()


@pytest.fixture
def heard(node: Node, arrivals: Latest) -> camera_input.CameraInput:
    return camera_input.CameraInput(node, Settings(), Complaints(logging.getLogger("input")), arrivals)


def image_at(second: int):
    header = TYPES.make("std_msgs/msg/Header", frame_id="camera")
    header.stamp.sec = second
    return images.from_bgr(TYPES, header, image_with(BOX))


def info():
    return camera_info.from_camera(TYPES, TYPES.make("std_msgs/msg/Header", frame_id="camera"), CAMERA)


def test_an_image_just_before_the_first_camera_info_is_not_lost(heard, arrivals) -> None:
    for second in (1, 2):
        heard.keep_image(image_at(second))
    assert arrivals.received == 0
    heard._keep_camera_info(info())
    assert arrivals.take()[""].message.header.stamp.sec == 2
    heard._keep_camera_info(info())
    assert arrivals.received == 1
    heard.keep_image(image_at(3))
    assert arrivals.take()[""].message.header.stamp.sec == 3


def test_images_that_waited_long_enough_go_on_without(heard, arrivals, monkeypatch) -> None:
    heard.keep_image(image_at(1))
    monkeypatch.setattr(camera_input, "_UNPAIRED_S", 0.0)
    heard.keep_image(image_at(2))
    assert arrivals.take()[""].message.header.stamp.sec == 2
    heard._keep_camera_info(info())
    assert arrivals.received == 1
