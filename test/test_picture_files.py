"""Picture files: their size is read as OpenCV reads it, and what asks for too much is not decoded."""

from __future__ import annotations

import struct

import cv2
import numpy as np
import pytest

from metric_pose_ros.picture_files import PictureError, decode, size

PICTURE = np.arange(30 * 50 * 3, dtype=np.uint8).reshape(30, 50, 3)


def written(ending: str, *options: int) -> bytes:
    return cv2.imencode(ending, PICTURE, options)[1].tobytes()


def stating(width: int, height: int) -> bytes:
    """A JPEG of 50x30 px that says that it has another size."""
    content = written(".jpg")
    at = content.index(b"\xff\xc0") + 5
    return content[:at] + struct.pack(">HH", height, width) + content[at + 4 :]


@pytest.mark.parametrize(
    "content",
    [written(".jpg"), written(".jpg", cv2.IMWRITE_JPEG_PROGRESSIVE, 1), written(".png")],
    ids=["jpeg", "progressive", "png"],
)
def test_pictures_are_what_opencv_makes_of_them(content: bytes) -> None:
    assert size(content) == (50, 30)
    expected = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    np.testing.assert_array_equal(decode(content, cv2.IMREAD_COLOR), expected)


def test_a_preview_in_a_jpeg_is_not_taken_for_the_picture() -> None:
    content, preview = written(".jpg"), stating(9, 9)
    segment = b"\xff\xe1" + struct.pack(">H", len(preview) + 2) + preview
    assert size(content[:2] + segment + content[2:]) == (50, 30)


@pytest.mark.parametrize(
    "content",
    [
        stating(30_000, 30_000),  # takes OpenCV 45 s and 5 GB
        stating(65_535, 65_535),  # makes it raise an error of its own
        written(".png")[:16] + struct.pack(">II", 2**31, 2**31) + written(".png")[24:],
    ],
    ids=["huge", "enormous", "png"],
)
def test_some_bytes_that_ask_for_gigabytes_are_refused(content: bytes) -> None:
    with pytest.raises(PictureError, match=r"bytes that state a picture of \d+x\d+ px, expected at most"):
        decode(content, cv2.IMREAD_COLOR)


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xd8\xff", written(".bmp"), written(".png")[:20], b"\xff\xd8" + b"\xff" * 50_000]
)
def test_what_is_neither_jpeg_nor_png_is_refused(content: bytes) -> None:
    with pytest.raises(PictureError, match="that are no picture, expected JPEG or PNG"):
        decode(content, cv2.IMREAD_COLOR)
