from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest

from metric_pose_ros.geometry.camera import Camera
from metric_pose_ros.messages.camera_info import from_camera, to_camera, to_rectified_camera
from metric_pose_ros.messages.types import MessageTypes

K = np.array([[600.0, 0, 330], [0, 610, 250], [0, 0, 1]])
PLUMB_BOB = np.array([0.1, -0.2, 0.001, -0.002, 0.05])
POINTS = np.array([[0.0, 0.0, 3.0], [1.0, -0.5, 4.0], [-0.8, 0.6, 2.5]])


def info(types: MessageTypes, **changes: Any) -> Any:
    fields: dict[str, Any] = {
        "width": 640,
        "height": 480,
        "distortion_model": "plumb_bob",
        "d": types.pack(PLUMB_BOB),
        "k": K.ravel(),
        "p": np.hstack([K, np.zeros((3, 1))]).ravel(),
    }
    return types.make("sensor_msgs/msg/CameraInfo", **(fields | changes))


def test_a_point_projects_where_opencv_projects_it(types: MessageTypes) -> None:
    expected, _ = cv2.projectPoints(POINTS, np.zeros(3), np.zeros(3), K, PLUMB_BOB)
    np.testing.assert_allclose(to_camera(info(types), "/info").project(POINTS), expected[:, 0], atol=1e-6)


def test_a_fisheye_projects_where_opencv_projects_it(types: MessageTypes) -> None:
    coefficients = np.array([0.05, -0.01, 0.002, -0.001])
    expected, _ = cv2.fisheye.projectPoints(POINTS[:, None], np.zeros(3), np.zeros(3), K, coefficients)
    camera = to_camera(info(types, distortion_model="equidistant", d=types.pack(coefficients)), "/info")
    np.testing.assert_allclose(camera.project(POINTS), expected[:, 0], atol=1e-6)


def test_a_camera_survives_the_way_there_and_back(types: MessageTypes, header: Any) -> None:
    camera = Camera(K, PLUMB_BOB, "plumb_bob", 640, 480)
    again = to_camera(from_camera(types, header, camera), "/info")
    assert (again.width, again.height, again.model) == (640, 480, "plumb_bob")
    np.testing.assert_array_equal(again.K, K)
    np.testing.assert_array_equal(again.distortion, PLUMB_BOB)


def test_a_lens_without_distortion_is_a_plumb_bob_of_zeros(types: MessageTypes, header: Any) -> None:
    message = from_camera(types, header, Camera.from_fov(640, 480, 60))
    assert (message.distortion_model, list(message.d)) == ("plumb_bob", [0.0] * 5)
    assert to_camera(message, "/info").straight


def test_a_region_of_interest_moves_the_picture(types: MessageTypes) -> None:
    region = types.make("sensor_msgs/msg/RegionOfInterest", x_offset=100, y_offset=40, width=320, height=200)
    whole, part = to_camera(info(types), "/info"), to_camera(info(types, roi=region), "/info")
    assert (part.width, part.height) == (320, 200)
    np.testing.assert_allclose(part.project(POINTS), whole.project(POINTS) - [100, 40], atol=1e-9)


def test_binning_makes_one_pixel_of_the_middle_of_four(types: MessageTypes) -> None:
    whole, binned = to_camera(info(types), "/info"), to_camera(info(types, binning_x=2, binning_y=2), "/info")
    assert (binned.width, binned.height) == (320, 240)
    # The four pixels (0, 0) to (1, 1), whose middle is (0.5, 0.5), become pixel (0, 0).
    np.testing.assert_allclose(binned.project(POINTS), (whole.project(POINTS) - 0.5) / 2, atol=1e-9)


def test_rectified_images_are_described_by_p(types: MessageTypes) -> None:
    projection = np.array([[500.0, 0, 320, -60], [0, 500, 240, 0], [0, 0, 1, 0]])
    camera = to_rectified_camera(info(types, p=projection.ravel()), "/info")
    assert camera.straight
    np.testing.assert_array_equal(camera.K, projection[:, :3])


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"k": np.zeros(9)}, r"CameraInfo on /cam/info: K is all zero.*[Cc]alibrate"),
        ({"k": np.where(K == 610, np.nan, K).ravel()}, r"CameraInfo on /cam/info: K holds values that are not finite"),
        ({"width": 0, "height": 0}, r"CameraInfo on /cam/info: the camera's image size is 0x0"),
        (
            {"distortion_model": "spline"},
            r"CameraInfo on /cam/info: unknown distortion model 'spline'; known are plumb|pin",
        ),
    ],
)
def test_what_is_wrong_is_said_with_the_topic(types: MessageTypes, changes: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        to_camera(info(types, **changes), "/cam/info")


def test_distortion_that_is_not_finite_is_refused(types: MessageTypes) -> None:
    with pytest.raises(ValueError, match=r"CameraInfo on /cam/info: the distortion holds values that are not finite"):
        to_camera(info(types, d=types.pack(np.full(5, np.nan))), "/cam/info")
