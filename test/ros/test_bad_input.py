"""Bad input gets a clear error, and the node keeps running: after each error the next good image is answered."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from test.ros.graph import CAMERA, Bench, Running

K = CAMERA.K


@pytest.fixture(scope="module", autouse=True)
def listener(bench: Bench, node: Running) -> Bench:
    bench.listen("keypoints")
    bench.listen("diagnostics")
    return bench


@dataclass(frozen=True)
class BadImage:
    """Fields that make a good image bad, and what the log must say."""

    changes: dict[str, Any]
    text: str


IMAGES = {
    "unknown encoding": BadImage(
        {"encoding": "rgb9"}, "image on /image: unknown image encoding 'rgb9', expected one of"
    ),
    "truncated data": BadImage({"data": b"\1" * 99}, "64x48 bgr8 image holds 99 bytes, expected 9216: it is truncated"),
    "zero size": BadImage({"width": 0, "height": 0}, "image on /image: the image is 0x0 pixels, expected at least 1x1"),
    "short rows": BadImage({"step": 10}, "has 10 bytes (step), expected at least 192"),
}


@pytest.mark.parametrize("name", IMAGES)
def test_a_bad_image_is_explained_and_survived(bench: Bench, node: Running, name: str) -> None:
    bad = IMAGES[name]
    bench.see(1, "keypoints")
    image = bench.picture(1)
    for field, value in bad.changes.items():
        setattr(image, field, value)
    node.wait_for_log(bad.text, lambda: bench.send(image))
    assert bench.see(1, "keypoints")[0].width == 30


def test_an_image_without_a_frame_is_explained_and_survived(bench: Bench, node: Running) -> None:
    image = bench.picture(1)
    image.header.frame_id = ""
    text = "the images on /image have an empty frame_id: set it in the camera driver"
    node.wait_for_log(text, lambda: bench.send(image))
    assert bench.see(1, "keypoints")[0].width == 30


def test_an_image_without_a_stamp_is_taken_as_of_now(bench: Bench, node: Running) -> None:
    bench.see(1, "keypoints")
    bench.heard["keypoints"].clear()
    image = bench.picture(2)
    image.header.stamp.sec = image.header.stamp.nanosec = 0
    text = "images on /image have no stamp: the time of arrival is taken"
    node.wait_for_log(text, lambda: bench.send(image))
    cloud = bench.wait_for("keypoints", lambda cloud: cloud.width == 60)
    assert cloud.header.stamp.sec > 0


INFOS = {
    "zero K": ({"k": np.zeros(9)}, "CameraInfo on /camera_info: K is all zero: this camera is not calibrated"),
    "NaN in K": ({"k": np.full(9, np.nan)}, "CameraInfo on /camera_info: K holds values that are not finite"),
    "NaN in D": ({"d": [np.nan] * 5}, "CameraInfo on /camera_info: the distortion holds values that are not finite"),
    "unknown model": (
        {"distortion_model": "spline"},
        "CameraInfo on /camera_info: unknown distortion model 'spline'; known are",
    ),
    "coefficients missing": ({"d": [0.1]}, "distortion model 'plumb_bob' takes 4 or 5 coefficients, but 1 were given"),
    "zero size": ({"width": 0, "height": 0}, "CameraInfo on /camera_info: the camera's image size is 0x0"),
    "wrong size": (
        {"width": 320, "height": 240},
        "images on /image are 64x48 pixels, but CameraInfo on /camera_info is for 320x240",
    ),
}


@pytest.mark.parametrize("name", INFOS)
def test_a_bad_camera_info_is_explained_and_survived(bench: Bench, node: Running, name: str) -> None:
    changes, text = INFOS[name]
    bench.see(1, "keypoints")

    def provoke() -> None:
        bench.send_info(**changes)
        bench.send(bench.picture(1))

    node.wait_for_log(text, provoke)
    assert bench.see(1, "keypoints")[0].width == 30


def test_the_advice_names_the_parameter_that_helps(bench: Bench, node: Running) -> None:
    def provoke() -> None:
        bench.send_info(k=np.zeros(9))
        bench.send(bench.picture(1))

    assert "parameter camera_yaml takes a calibration file" in node.wait_for_log("K is all zero", provoke)


def test_code_that_fails_costs_one_frame(bench: Bench, node: Running) -> None:
    bench.see(1, "keypoints")
    node.wait_for_log("a frame failed: the network broke", lambda: bench.send(bench.picture(255)))
    assert bench.see(1, "keypoints")[0].width == 30


def test_errors_are_counted_and_the_latest_is_on_diagnostics(bench: Bench) -> None:
    bench.see(1, "keypoints")
    before = int(bench.status()["complaints"])
    image = bench.picture(1)
    image.encoding = "rgb9"
    bench.send(image)
    bench.wait_for("diagnostics", lambda message: int(_values(message)["complaints"]) > before)
    status = bench.status()
    assert status["level"] == "2"
    assert "unknown image encoding 'rgb9'" in status["message"]


def test_without_camera_info_the_node_says_what_it_waits_for_and_goes_on(bench: Bench, node: Running) -> None:
    node.stop()
    with Running.people_in_the_image("--ros-args", "-r", "camera_info:=other_info") as waiting:
        bench.wait_for_listener()
        line = waiting.wait_for_log("no CameraInfo yet on /other_info", lambda: bench.send(bench.picture(1)))
        assert "start the camera's driver or remap camera_info" in line
        assert waiting.alive


def write_camera(folder: Path) -> Path:
    """A calibration file as ROS' camera_calibration writes it."""
    path = folder / "camera.yaml"
    path.write_text(
        "image_width: 64\nimage_height: 48\ndistortion_model: plumb_bob\n"
        f"camera_matrix: {{rows: 3, cols: 3, data: {K.ravel().tolist()}}}\n"
        "distortion_coefficients: {rows: 1, cols: 5, data: [0, 0, 0, 0, 0]}\n"
    )
    return path


def test_the_file_of_a_camera_replaces_camera_info(bench: Bench, tmp_path: Path) -> None:
    camera_file = write_camera(tmp_path)
    arguments = ("-r", "camera_info:=other_info", "-p", f"camera_yaml:={camera_file}")
    with Running.people_in_the_image("--ros-args", *arguments) as running:
        running.wait_for_log("active: listening to /image")
        bench.wait_for_listener()
        assert bench.see(1, "keypoints")[0].width == 30


def test_a_camera_file_that_is_missing_is_named_and_the_node_waits(bench: Bench) -> None:
    with Running.people_in_the_image("--ros-args", "-p", "camera_yaml:=nowhere.yaml") as running:
        running.wait_for_log("cannot configure: no camera file nowhere.yaml")
        running.wait_for_log("not started")
        assert running.alive


def _values(message: Any) -> dict[str, str]:
    return {value.key: value.value for value in message.status[0].values}
