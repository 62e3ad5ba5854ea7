"""A video file becomes images with their camera, and one that cannot be played says why."""

from __future__ import annotations

import re
from pathlib import Path

import cv2
import numpy as np
import pytest
from rclpy.qos import QoSProfile
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Empty

from metric_pose_ros.messages.camera_info import to_camera
from metric_pose_ros.messages.images import to_bgr
from test.ros.graph import Bench, Running, wait_until

FRAMES = 8
SIZE = (64, 48)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Grey frames, brighter one after the other."""
    path = tmp_path_factory.mktemp("clip") / "clip.avi"
    write(path, [np.full((SIZE[1], SIZE[0], 3), 30 * number, np.uint8) for number in range(FRAMES)])
    return path


@pytest.fixture(scope="module")
def calibration(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("camera") / "camera.yaml"
    path.write_text(
        "image_width: 64\nimage_height: 48\ndistortion_model: plumb_bob\n"
        "camera_matrix: {rows: 3, cols: 3, data: [80, 0, 31, 0, 81, 24, 0, 0, 1]}\n"
        "distortion_coefficients: {rows: 1, cols: 5, data: [0.1, 0, 0, 0, 0]}\n"
    )
    return path


class Watcher:
    """Keeps what a player publishes."""

    def __init__(self, bench: Bench) -> None:
        self.images: list[Image] = []
        self.infos: list[CameraInfo] = []
        bench.node.create_subscription(Image, "clip/image", self.images.append, QoSProfile(depth=50))
        bench.node.create_subscription(CameraInfo, "clip/camera_info", self.infos.append, QoSProfile(depth=50))


@pytest.fixture(scope="module")
def watcher(bench: Bench) -> Watcher:
    return Watcher(bench)


@pytest.fixture(autouse=True)
def forgetful(watcher: Watcher) -> None:
    watcher.images.clear()
    watcher.infos.clear()


def player(*parameters: str) -> Running:
    arguments = [argument for parameter in parameters for argument in ("-p", parameter)]
    return Running("metric_pose_ros.ros.video_player", "--ros-args", "-r", "__ns:=/clip", *arguments)


def test_a_file_is_played_to_its_end_with_its_camera(watcher: Watcher, clip: Path, calibration: Path) -> None:
    with player(f"video:={clip}", f"camera_yaml:={calibration}", "wait_for_subscribers:=1") as running:
        assert running.wait() == 0
        assert f"playing {clip}: 64x48 at 20 frames/s, 8 frames" in running.log
        assert f"end of {clip}: 8 frames published" in running.log
    wait_until(lambda: len(watcher.images) >= FRAMES - 1, "the images")
    brightness = [to_bgr(image).mean() for image in watcher.images]
    np.testing.assert_allclose(np.diff(brightness), 30, atol=3)
    stamps = [image.header.stamp.sec + image.header.stamp.nanosec * 1e-9 for image in watcher.images]
    assert min(np.diff(stamps)) > 0
    assert {image.header.frame_id for image in watcher.images} == {"camera_optical_frame"}
    camera = to_camera(watcher.infos[-1], "/clip/camera_info")
    np.testing.assert_array_equal(camera.K, [[80, 0, 31], [0, 81, 24], [0, 0, 1]])
    np.testing.assert_array_equal(camera.distortion, [0.1, 0, 0, 0, 0])
    assert watcher.infos[-1].header.stamp == watcher.images[-1].header.stamp


def test_step_by_step_each_frame_waits_until_it_is_asked_for(bench: Bench, watcher: Watcher, clip: Path) -> None:
    ask = bench.node.create_publisher(Empty, "clip/video_player/next", QoSProfile(depth=10))
    with player(f"video:={clip}", "step:=true", "rate:=4.0", "wait_for_subscribers:=1") as running:
        for number in range(1, FRAMES + 1):
            wait_until(lambda: len(watcher.images) >= number, f"frame {number}", lambda: running.log)  # noqa: B023
            assert len(watcher.images) == number
            wait_until(lambda: ask.get_subscription_count() > 0, "the player to listen")
            ask.publish(Empty())
        assert running.wait() == 0
    stamps = [image.header.stamp.sec + image.header.stamp.nanosec * 1e-9 for image in watcher.images]
    np.testing.assert_allclose(np.diff(stamps), 0.25, atol=1e-6)


def test_a_loop_starts_again_at_another_rate_until_it_is_ended(watcher: Watcher, clip: Path) -> None:
    with player(f"video:={clip}", "loop:=true", "rate:=200.0") as running:
        wait_until(lambda: len(watcher.images) > 3 * FRAMES, "the third round")
        assert running.stop() == 0
        assert "at 200 frames/s" in running.log
        assert "Traceback" not in running.log
    brightness = np.array([to_bgr(image).mean() for image in watcher.images])
    assert (np.diff(brightness) < -100).sum() >= 2


def test_without_a_calibration_a_field_of_view_is_assumed_with_a_warning(watcher: Watcher, clip: Path) -> None:
    with player(f"video:={clip}", "fov_degrees:=90.0", "wait_for_subscribers:=1") as running:
        assert running.wait() == 0
        assert "no camera_yaml given: a field of view of 90 degrees is assumed" in running.log
    # Half of 64 px at 45 degrees.
    assert to_camera(watcher.infos[-1], "").K[0, 0] == pytest.approx(32)


def test_a_file_that_is_not_there_is_named(watcher: Watcher) -> None:
    with player("video:=nowhere.mp4") as running:
        assert running.wait() == 1
        assert "cannot open video file nowhere.mp4: is the path right, and is it a video?" in running.log
        assert "Traceback" not in running.log


def test_a_webcam_that_is_not_there_is_named(watcher: Watcher) -> None:
    with player("video:=97") as running:
        assert running.wait() == 1
        assert "cannot open webcam 97: is it plugged in" in running.log


def test_no_video_at_all_says_how_to_give_one() -> None:
    with player() as running:
        assert running.wait() == 1
        assert "no video given: set the parameter video" in running.log


def test_a_calibration_for_another_size_is_refused(clip: Path, tmp_path: Path, calibration: Path) -> None:
    other = tmp_path / "other.yaml"
    other.write_text(calibration.read_text().replace("image_width: 64", "image_width: 640"))
    with player(f"video:={clip}", f"camera_yaml:={other}") as running:
        assert running.wait() == 1
        assert f"the video is 64x48 pixels, but {other} is for 640x48" in running.log


def test_a_file_that_is_cut_off_says_so(tmp_path: Path) -> None:
    whole, cut = tmp_path / "whole.avi", tmp_path / "cut.avi"
    noise = np.random.default_rng(0).integers(0, 256, (FRAMES, SIZE[1], SIZE[0], 3), np.uint8)
    write(whole, list(noise))
    # An AVI's frames come one after the other, and its head still promises all of them.
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size * 6 // 10])
    with player(f"video:={cut}") as running:
        assert running.wait() == 0
        assert re.search(r"cut.avi ended after [3-5] of 8 frames: is the file whole\?", running.log)


def test_a_file_that_is_no_video_is_named(tmp_path: Path) -> None:
    text = tmp_path / "text.mp4"
    text.write_text("no video")
    with player(f"video:={text}") as running:
        assert running.wait() == 1
        assert f"cannot open video file {text}" in running.log


def write(path: Path, frames: list[np.ndarray]) -> None:
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*"MJPG"), 20.0, SIZE)
    for frame in frames:
        writer.write(frame)
    writer.release()
