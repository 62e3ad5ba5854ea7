"""Cameras that stop, change, contradict themselves or count time wrongly do not end what comes after."""

from __future__ import annotations

import time

import numpy as np
import pytest
from rclpy.qos import ReliabilityPolicy

from metric_pose_ros import Camera
from test.ros.faults.recovery import recovered
from test.ros.graph import CAMERA, Bench, Running, wait_until

OTHER_SIZE = Camera.from_fov(32, 40, 60)


@pytest.fixture(scope="module", autouse=True)
def listener(bench: Bench, node: Running) -> Bench:
    bench.listen("keypoints")
    bench.listen("diagnostics")
    return bench


@pytest.mark.parametrize("returns", [ReliabilityPolicy.BEST_EFFORT, ReliabilityPolicy.RELIABLE])
def test_a_camera_that_stops_and_returns_with_other_qos_is_heard(bench: Bench, returns: ReliabilityPolicy) -> None:
    recovered(bench, "start")
    bench.stop_camera()
    wait_until(lambda: bench.node.count_publishers("image") == 0, "the camera to be gone")
    bench.start_camera(returns)
    recovered(bench, f"camera gone, back {returns.name.lower().replace('_', ' ')}", people=2)


def test_a_camera_that_says_nothing_is_named_on_diagnostics(bench: Bench) -> None:
    recovered(bench, "start")
    bench.wait_for("diagnostics", lambda message: message.status[0].message == "no image for 5 s")
    recovered(bench, "camera silent for 5 s")

    def runs() -> bool:
        bench.send(bench.picture(1))
        return bench.status()["message"] == "running"

    wait_until(runs, "diagnostics that say so")


def test_another_image_size_with_its_camera_info_goes_on(bench: Bench) -> None:
    recovered(bench, "start")
    recovered(bench, "another image size", camera=OTHER_SIZE)
    recovered(bench, "image size back")


def test_another_encoding_goes_on(bench: Bench) -> None:
    recovered(bench, "start")
    grey = np.full((CAMERA.height, CAMERA.width), 2, np.uint8)
    recovered(bench, "another encoding", 2, encoding="mono8", step=CAMERA.width, data=grey.tobytes())
    recovered(bench, "encoding back", 1)


def test_without_further_camera_info_the_last_one_counts(bench: Bench) -> None:
    recovered(bench, "start")
    bench.heard["keypoints"].clear()
    stamp = bench.send(bench.picture(3))
    cloud = bench.wait_for("keypoints", lambda cloud: cloud.width == 90)
    assert (cloud.header.stamp.sec, cloud.header.stamp.nanosec) == stamp


def test_camera_info_of_another_size_is_named_until_it_agrees(bench: Bench, node: Running) -> None:
    def provoke() -> None:
        bench.send_info(OTHER_SIZE)
        bench.send(bench.picture(1))

    node.wait_for_log("images on /image are 64x48 pixels, but CameraInfo on /camera_info is for 32x40", provoke)
    recovered(bench, "CameraInfo of another size")


def send_at(bench: Bench, stamp_s: float, people: int = 1) -> tuple[int, int]:
    image = bench.picture(people)
    image.header = bench.header(stamp_s)
    return bench.send(image)


def test_late_images_are_left_out_and_clocks_that_jump_are_followed(bench: Bench, node: Running) -> None:
    recovered(bench, "start")
    now = time.time()
    answers = stamps_of(bench)
    newest = send_at(bench, now)
    wait_until(lambda: newest in stamps_of(bench), "an answer")
    node.wait_for_log("older than the one before and is left out", lambda: send_at(bench, now - 0.5))
    ahead = send_at(bench, now + 3600)
    wait_until(lambda: ahead in stamps_of(bench), "an answer to an image from the future")
    sent: set[tuple[int, int]] = set()
    back = "the stamps of the images on /image jump back by 3"
    node.wait_for_log(back, lambda: sent.add(send_at(bench, time.time())))
    wait_until(lambda: bool(sent & set(stamps_of(bench))), "an answer after the jump")
    assert not [stamp for stamp in stamps_of(bench)[len(answers) :] if stamp[0] + stamp[1] / 1e9 == now - 0.5]
    recovered(bench, "stamps an hour ahead and back")


def test_a_clock_that_stands_still_costs_images_and_not_people(bench: Bench, node: Running) -> None:
    recovered(bench, "start")
    before, now = len(stamps_of(bench)), time.time()
    wait_until(
        lambda: send_at(bench, now) in stamps_of(bench)[before + 1 :],
        "a second answer with the same stamp",
        every_s=0.02,
    )
    recovered(bench, "stamps that stand still")


def stamps_of(bench: Bench) -> list[tuple[int, int]]:
    return [(cloud.header.stamp.sec, cloud.header.stamp.nanosec) for cloud in bench.heard["keypoints"]]
