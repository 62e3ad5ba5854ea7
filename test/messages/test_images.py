from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from rosbags.image import message_to_cvimage

from metric_pose_ros.messages.images import from_bgr, to_bgr
from metric_pose_ros.messages.types import MessageTypes

WIDTH, HEIGHT = 16, 12
BYTES_PER_PIXEL = {
    "rgb8": 3,
    "bgr8": 3,
    "rgba8": 4,
    "bgra8": 4,
    "mono8": 1,
    "mono16": 2,
    "rgb16": 6,
    "bgr16": 6,
    "bayer_rggb8": 1,
    "bayer_bggr8": 1,
    "bayer_gbrg8": 1,
    "bayer_grbg8": 1,
    "yuv422": 2,
    "uyvy": 2,
    "yuv422_yuy2": 2,
    "yuyv": 2,
}


def message(types: MessageTypes, encoding: str, data: np.ndarray, **changes: Any) -> Any:
    step = WIDTH * BYTES_PER_PIXEL.get(encoding, 1)
    fields: dict[str, Any] = {"width": WIDTH, "height": HEIGHT, "encoding": encoding, "is_bigendian": 0, "step": step}
    return types.make("sensor_msgs/msg/Image", **(fields | changes), data=types.pack(data))


def noise(bytes_per_pixel: int) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, WIDTH * HEIGHT * bytes_per_pixel, np.uint8)


@pytest.mark.parametrize("encoding", BYTES_PER_PIXEL)
def test_every_encoding_comes_out_as_rosbags_image_says(types: MessageTypes, encoding: str) -> None:
    image = message(types, encoding, noise(BYTES_PER_PIXEL[encoding]))
    ours = to_bgr(image)
    # Of 16 bits rosbags-image scales by 255/65535, where the high byte is taken here: one step apart at most.
    tolerance = 1 if "16" in encoding else 0
    assert ours.shape == (HEIGHT, WIDTH, 3)
    assert ours.dtype == np.uint8
    assert np.abs(ours.astype(int) - message_to_cvimage(image, "bgr8").astype(int)).max() <= tolerance


@pytest.mark.parametrize("encoding", ["nv12", "nv21"])
def test_planar_yuv_of_one_colour_is_that_colour(types: MessageTypes, encoding: str) -> None:
    # ITU-R BT.601: Y 81, U 90, V 240 is pure red.
    chroma = [90, 240] if encoding == "nv12" else [240, 90]
    planes = np.concatenate([np.full(WIDTH * HEIGHT, 81), np.tile(chroma, WIDTH * HEIGHT // 4)]).astype(np.uint8)
    blue, green, red = to_bgr(message(types, encoding, planes)).reshape(-1, 3).astype(int).T
    assert red.min() >= 250
    assert max(blue.max(), green.max()) <= 5


def test_big_endian_values_are_read_as_such(types: MessageTypes) -> None:
    values = np.arange(WIDTH * HEIGHT, dtype=np.uint16) * 300
    little = to_bgr(message(types, "mono16", values.astype("<u2").view(np.uint8)))
    big = to_bgr(message(types, "mono16", values.astype(">u2").view(np.uint8), is_bigendian=1))
    assert (little == big).all()
    assert (little[..., 0].ravel() == values // 256).all()


@pytest.mark.parametrize("encoding", ["bgr8", "rgb8", "mono16", "yuv422"])
def test_padding_at_the_end_of_rows_is_skipped(types: MessageTypes, encoding: str) -> None:
    pixels = noise(BYTES_PER_PIXEL[encoding]).reshape(HEIGHT, -1)
    padded = np.pad(pixels, ((0, 0), (0, 10)), constant_values=77)
    plain = to_bgr(message(types, encoding, pixels))
    assert (to_bgr(message(types, encoding, padded, step=padded.shape[1])) == plain).all()


def test_a_bgr_image_is_not_copied(types: MessageTypes) -> None:
    image = message(types, "bgr8", noise(3))
    assert np.shares_memory(to_bgr(image), np.frombuffer(image.data, np.uint8))


def test_an_array_survives_the_way_there_and_back(types: MessageTypes, header: Any) -> None:
    picture = noise(3).reshape(HEIGHT, WIDTH, 3)
    image = from_bgr(types, header, picture)
    assert (to_bgr(image) == picture).all()
    assert (image.header.frame_id, image.header.stamp.sec, image.step) == ("camera", 12, 48)


def test_part_of_a_larger_array_is_packed_row_by_row(types: MessageTypes, header: Any) -> None:
    part = noise(3).reshape(HEIGHT, WIDTH, 3)[2:8, 3:9]
    assert (to_bgr(from_bgr(types, header, part)) == part).all()


def test_an_unknown_encoding_is_named_with_the_known_ones(types: MessageTypes) -> None:
    with pytest.raises(ValueError, match=r"unknown image encoding 'rgb9', expected one of .*bgr8.*mono16"):
        to_bgr(message(types, "rgb9", noise(3)))


def test_truncated_data_is_told_in_bytes(types: MessageTypes) -> None:
    with pytest.raises(ValueError, match=r"16x12 bgr8 image holds 100 bytes, expected 576: it is truncated"):
        to_bgr(message(types, "bgr8", noise(3)[:100]))


@pytest.mark.parametrize("size", [(0, 12), (16, 0), (0, 0)])
def test_a_size_of_zero_is_refused(types: MessageTypes, size: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match=rf"the image is {size[0]}x{size[1]} pixels, expected at least 1x1"):
        to_bgr(message(types, "bgr8", noise(3), width=size[0], height=size[1]))


def test_a_row_shorter_than_its_pixels_is_refused(types: MessageTypes) -> None:
    with pytest.raises(ValueError, match=r"has 16 bytes \(step\), expected at least 48"):
        to_bgr(message(types, "bgr8", noise(3), step=16))


def test_an_odd_size_is_refused_where_colours_are_shared_by_pixels(types: MessageTypes) -> None:
    with pytest.raises(ValueError, match=r"yuv422 image is 15x12 pixels, expected an even size"):
        to_bgr(message(types, "yuv422", noise(2), width=15))
