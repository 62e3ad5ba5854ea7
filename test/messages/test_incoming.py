"""Which camera an image gets, and what its messages are stamped with."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import pytest

from metric_pose_ros.complaints import Complaints
from metric_pose_ros.geometry.camera import Camera
from metric_pose_ros.messages import camera_info, compressed_images, images
from metric_pose_ros.messages.incoming import CameraMessages, Frame, NotReadyError
from metric_pose_ros.messages.types import RosbagsTypes
from metric_pose_ros.settings import Settings
from test.messages.conftest import TYPESTORE

TYPES = RosbagsTypes(TYPESTORE)
WIDE, NARROW = Camera.from_fov(64, 48, 90), Camera.from_fov(64, 48, 30)
BLACK = np.zeros((48, 64, 3), np.uint8)


@pytest.fixture
def complaints() -> Complaints:
    return Complaints(logging.getLogger("complaints"))


@pytest.fixture
def source(complaints: Complaints) -> CameraMessages:
    return made(complaints)


def made(complaints: Complaints, **settings: Any) -> CameraMessages:
    topics = ("/robot/image", "/robot/camera_info")
    return CameraMessages(TYPES, Settings(**settings), *topics, complaints, lambda: stamp(99))


def stamp(seconds: int) -> Any:
    return TYPES.make("builtin_interfaces/msg/Time", sec=seconds)


def header(frame_id: str, seconds: int = 7) -> Any:
    return TYPES.make("std_msgs/msg/Header", stamp=stamp(seconds), frame_id=frame_id)


def info(camera: Camera, frame_id: str, **changes: Any) -> Any:
    message = camera_info.from_camera(TYPES, header(frame_id), camera)
    for name, value in changes.items():
        setattr(message, name, value)
    return message


def frame(source: CameraMessages, frame_id: str, override: str = "") -> Frame:
    return source.frame(images.from_bgr(TYPES, header(frame_id), BLACK), override)


def test_an_image_gets_the_camera_of_its_own_frame(source: CameraMessages) -> None:
    source.keep_camera_info(info(WIDE, "left"))
    source.keep_camera_info(info(NARROW, "right"))
    np.testing.assert_array_equal(frame(source, "left").camera.K, WIDE.K)
    np.testing.assert_array_equal(frame(source, "right").camera.K, NARROW.K)
    assert frame(source, "right").header.frame_id == "right"
    assert frame(source, "right").stamp_s == 7.0


def test_the_newest_camera_info_counts(source: CameraMessages) -> None:
    source.keep_camera_info(info(WIDE, "left"))
    source.keep_camera_info(info(NARROW, "left"))
    np.testing.assert_array_equal(frame(source, "left").camera.K, NARROW.K)


def test_a_camera_that_does_not_change_is_worked_out_once(source: CameraMessages) -> None:
    source.keep_camera_info(info(WIDE, "left"))
    first = frame(source, "left").camera
    source.keep_camera_info(info(WIDE, "left"))
    assert frame(source, "left").camera is first


def test_the_only_camera_serves_under_another_name_with_a_warning(
    source: CameraMessages, complaints: Complaints
) -> None:
    source.keep_camera_info(info(WIDE, "camera"))
    np.testing.assert_array_equal(frame(source, "optical").camera.K, WIDE.K)
    assert "images have frame 'optical', but CameraInfo on /robot/camera_info has 'camera'" in complaints.latest
    assert not complaints.latest_error


def test_of_several_cameras_none_is_guessed(source: CameraMessages) -> None:
    source.keep_camera_info(info(WIDE, "left"))
    source.keep_camera_info(info(NARROW, "right"))
    with pytest.raises(NotReadyError, match=r"no CameraInfo yet on /robot/camera_info for frame 'middle'"):
        frame(source, "middle")


def test_without_camera_info_an_image_has_to_wait(source: CameraMessages) -> None:
    with pytest.raises(NotReadyError, match="no CameraInfo yet on /robot/camera_info"):
        frame(source, "left")


def test_a_camera_that_is_mended_is_taken(source: CameraMessages) -> None:
    source.keep_camera_info(info(WIDE, "left", k=np.zeros(9)))
    with pytest.raises(ValueError, match="K is all zero"):
        frame(source, "left")
    source.keep_camera_info(info(WIDE, "left"))
    np.testing.assert_array_equal(frame(source, "left").camera.K, WIDE.K)


def test_the_parameter_frame_id_renames_the_frame(source: CameraMessages) -> None:
    source.keep_camera_info(info(WIDE, ""))
    assert frame(source, "", override="base_camera").header.frame_id == "base_camera"


def test_rectified_images_are_described_by_p(complaints: Complaints) -> None:
    source = made(complaints, image_is_rectified=True)
    projection = np.hstack([NARROW.K, np.zeros((3, 1))]).ravel()
    source.keep_camera_info(info(WIDE, "left", p=projection, d=[0.3, 0.0, 0.0, 0.0, 0.0]))
    camera = frame(source, "left").camera
    np.testing.assert_array_equal(camera.K, NARROW.K)
    assert camera.straight


def test_a_compressed_image_is_unpacked(source: CameraMessages) -> None:
    source.keep_camera_info(info(WIDE, "left"))
    found = source.frame(compressed_images.from_bgr(TYPES, header("left"), BLACK + 100), "")
    np.testing.assert_array_equal(found.image_bgr, BLACK + 100)


def test_an_image_without_a_stamp_is_stamped_on_arrival_with_a_warning(
    source: CameraMessages, complaints: Complaints
) -> None:
    source.keep_camera_info(info(WIDE, "left"))
    assert source.frame(images.from_bgr(TYPES, header("left", 0), BLACK), "").stamp_s == 99.0
    assert complaints.latest == "images on /robot/image have no stamp: the time of arrival is taken"


def test_without_calibration_a_field_of_view_is_assumed_until_there_is_one(
    complaints: Complaints, caplog: pytest.LogCaptureFixture
) -> None:
    source = made(complaints, default_fov=90.0)
    guessed = frame(source, "left").camera
    np.testing.assert_allclose(guessed.K, [[32, 0, 31.5], [0, 32, 23.5], [0, 0, 1]])
    assert "no CameraInfo yet on /robot/camera_info" in caplog.text
    assert "A field of view of 90 degrees is assumed (default_fov)" in caplog.text
    assert frame(source, "left").camera is guessed
    source.keep_camera_info(info(NARROW, "left", k=np.zeros(9)))
    assert frame(source, "left").camera.K[0, 0] == pytest.approx(32)
    source.keep_camera_info(info(NARROW, "left"))
    np.testing.assert_allclose(frame(source, "left").camera.K, NARROW.K)


def test_a_field_of_view_replaces_no_calibration_that_is_wrong(complaints: Complaints) -> None:
    source = made(complaints, default_fov=90.0)
    source.keep_camera_info(info(NARROW, "left", k=np.full(9, np.nan)))
    with pytest.raises(ValueError, match="K holds values that are not finite"):
        frame(source, "left")


def test_resized_images_get_a_resized_camera_if_that_is_said(complaints: Complaints) -> None:
    large = Camera(
        np.array([[500.0, 0, 310], [0, 510, 250], [0, 0, 1]]), np.array([0.1, 0, 0, 0, 0]), "plumb_bob", 640, 480
    )
    for settings in ({}, {"image_is_resized": True}):
        source = made(complaints, **settings)
        source.keep_camera_info(info(large, "left"))
        if not settings:
            with pytest.raises(ValueError, match="or set image_is_resized if these images are scaled, not cropped"):
                frame(source, "left")
            continue
        small = frame(source, "left").camera
        assert (small.width, small.height) == (64, 48)
        points = np.array([[0.3, -0.2, 2.0], [-1.0, 0.5, 3.0]])
        # As OpenCV's resize has it: the middle of a pixel of ten by ten is its 4.5th.
        np.testing.assert_allclose(small.project(points), (large.project(points) - 4.5) / 10)
        assert frame(source, "left").camera is small


def test_an_assumed_camera_follows_the_images_size(complaints: Complaints) -> None:
    source = made(complaints, default_fov=90.0)
    for width, height in ((64, 48), (64, 32), (32, 32)):
        picture = images.from_bgr(TYPES, header("camera"), np.zeros((height, width, 3), np.uint8))
        camera = source.frame(picture, "").camera
        assert (camera.width, camera.height) == (width, height)


def test_ever_new_frames_do_not_fill_the_memory(source: CameraMessages) -> None:
    for number in range(300):
        source.keep_camera_info(info(WIDE, f"camera{number}"))
    assert len(source._cameras) == 100
    assert "camera299" in source._cameras
