from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
from rosbags.image import message_to_cvimage

from metric_pose_ros.messages.compressed_images import from_bgr, to_bgr
from metric_pose_ros.messages.types import MessageTypes

PICTURE = np.array([[[200, 40, 30], [10, 180, 60]], [[90, 90, 90], [0, 20, 250]]], np.uint8)
PICTURE = PICTURE.repeat(48, axis=0).repeat(48, axis=1)


def compressed(types: MessageTypes, header: Any, picture: np.ndarray, form: str) -> Any:
    data = np.frombuffer(cv2.imencode(".png" if "png" in form else ".jpg", picture)[1].tobytes(), np.uint8)
    return types.make("sensor_msgs/msg/CompressedImage", header=header, format=form, data=types.pack(data))


@pytest.mark.parametrize("form", ["bgr8; jpeg compressed bgr8", "rgb8; jpeg compressed bgr8", "jpeg", "bgr8; png"])
def test_pictures_are_read_as_rosbags_reads_them(types: MessageTypes, header: Any, form: str) -> None:
    message = compressed(types, header, PICTURE, form)
    np.testing.assert_array_equal(to_bgr(message), message_to_cvimage(message))
    assert np.abs(to_bgr(message).astype(int) - PICTURE).mean() < 3


def test_colours_that_were_stored_the_other_way_round_are_turned(types: MessageTypes, header: Any) -> None:
    message = compressed(types, header, PICTURE[..., ::-1], "rgb8; png compressed rgb8")
    np.testing.assert_array_equal(to_bgr(message), PICTURE)


def test_grey_and_16_bit_pictures_become_8_bit_colour(types: MessageTypes, header: Any) -> None:
    grey = compressed(types, header, PICTURE[..., 0], "mono8; png compressed mono8")
    np.testing.assert_array_equal(to_bgr(grey), np.repeat(PICTURE[..., :1], 3, axis=2))
    deep = compressed(types, header, PICTURE[..., 0].astype(np.uint16) * 257, "mono16; png compressed mono16")
    np.testing.assert_array_equal(to_bgr(deep), to_bgr(grey))


def test_what_is_written_reads_back(types: MessageTypes, header: Any) -> None:
    message = from_bgr(types, header, PICTURE)
    assert message.format == "bgr8; jpeg compressed bgr8"
    assert bytes(message.data[:2]) == b"\xff\xd8"  # a JPEG file
    assert np.abs(to_bgr(message).astype(int) - PICTURE).mean() < 3


@pytest.mark.parametrize("size", [0, 30])
def test_a_picture_that_is_cut_off_is_explained(types: MessageTypes, header: Any, size: int) -> None:
    message = compressed(types, header, PICTURE, "jpeg")
    message.data = message.data[:size]
    with pytest.raises(ValueError, match=f"of format 'jpeg' holds {size} bytes that are no picture"):
        to_bgr(message)


def test_depth_is_no_picture(types: MessageTypes, header: Any) -> None:
    message = compressed(types, header, PICTURE, "16UC1; compressedDepth png")
    with pytest.raises(ValueError, match="compressed depth image"):
        to_bgr(message)
