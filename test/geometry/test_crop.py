"""Crops: what a virtual camera sees, checked point by point against projection."""

import cv2
import numpy as np
import pytest

from metric_pose_ros import Camera
from metric_pose_ros.geometry.crop import Crop, look_at, sample

K = np.array([[900.0, 0.0, 640.0], [0.0, 900.0, 360.0], [0.0, 0.0, 1.0]])
CAMERAS = {
    "pinhole": Camera(K, [], "pinhole", 1280, 720),
    "plumb_bob": Camera(K, [-0.31, 0.11, 0.001, -0.0007, -0.02], "plumb_bob", 1280, 720),
    "rational": Camera(K, [0.8, -0.2, 0.001, -0.0005, 0.02, 1.1, 0.05, 0.01], "rational_polynomial", 1280, 720),
    "fisheye": Camera([[380.0, 0, 640], [0, 380, 360], [0, 0, 1]], [0.01, 0, 0, 0], "equidistant", 1280, 720),
}
cameras = pytest.mark.parametrize("camera", CAMERAS.values(), ids=CAMERAS.keys())
BOX = np.array([850.0, 120, 1100, 640])


def wide(degrees: float, *distortion: float) -> Camera:
    return Camera(Camera.from_fov(1280, 720, degrees).K, distortion, "plumb_bob", 1280, 720)


AT_THE_EDGE = {
    "pinhole 100": (wide(100), [0.0, 200, 224, 720]),
    "pinhole 120": (wide(120), [800.0, 0, 1280, 720]),
    "plumb_bob 110": (wide(110, -0.05, 0.01, 0, 0), [91.0, 200, 315, 720]),
    "plumb_bob 120": (wide(120, -0.05, 0.01, 0, 0), [800.0, 0, 1280, 720]),
}
at_the_edge = pytest.mark.parametrize(("camera", "box"), AT_THE_EDGE.values(), ids=AT_THE_EDGE.keys())


def picture_of_directions(camera: Camera) -> np.ndarray:
    """An image whose colours say in which direction each pixel looks: smooth, so that sampling it is exact."""
    x, y = np.meshgrid(np.arange(camera.width), np.arange(camera.height))
    return shade(camera.rays(np.stack([x.ravel(), y.ravel()], axis=1))).reshape(camera.height, camera.width, 3)


def shade(rays: np.ndarray) -> np.ndarray:
    """(N, 3) directions of any length -> (N, 3) uint8 colours."""
    directions = rays / np.linalg.norm(rays, axis=1, keepdims=True)
    return np.round(127 + 120 * directions).astype(np.uint8)


def look(camera: Camera, image: np.ndarray, *crops: Crop) -> np.ndarray:
    batch = np.full((len(crops), 3, 256, 256), 9, np.float32)
    sample(image, camera, list(crops), batch)
    return batch


@cameras
def test_a_crop_looks_at_the_middle_of_the_box_and_keeps_up_up(camera):
    crop = look_at(camera, BOX, 256)
    middle = camera.rays(np.array([[975.0, 380.0]]))[0]
    assert np.allclose(crop.rotation @ middle, [0, 0, 1])
    assert np.allclose(crop.rotation @ crop.rotation.T, np.eye(3))
    assert np.linalg.det(crop.rotation) == pytest.approx(1)
    assert crop.rotation[0, 1] == pytest.approx(0)  # no roll: the crop's x axis is level
    assert crop.rotation[1, 1] > 0.7


@cameras
def test_the_larger_side_of_the_box_fills_four_fifths_of_the_crop(camera):
    crop = look_at(camera, BOX, 256, scale=1.25)
    edges = camera.rays(np.array([[975.0, 120], [975, 640], [850, 380], [1100, 380]])) @ crop.rotation.T
    plane = edges @ crop.K.T
    pixels = plane[:, :2] / plane[:, 2:]
    height, width = np.linalg.norm(pixels[1] - pixels[0]), np.linalg.norm(pixels[3] - pixels[2])
    assert max(height, width) == pytest.approx(256 / 1.25)


@cameras
def test_every_pixel_of_a_crop_shows_what_lies_in_its_direction(camera):
    crop = look_at(camera, BOX, 256)
    seen = look(camera, picture_of_directions(camera), crop)[0]
    x, y = np.meshgrid(np.arange(256), np.arange(256))
    expected = shade(crop.rays(np.stack([x.ravel(), y.ravel()], axis=1))).reshape(256, 256, 3)
    rgb = seen.transpose(1, 2, 0)[..., ::-1] * 255
    inside = rgb.min(axis=2) > 0
    assert inside.mean() > 0.6
    inside = cv2.erode(inside.astype(np.uint8), np.ones((5, 5)), borderType=cv2.BORDER_CONSTANT, borderValue=0) > 0
    # Rounding to whole grey values twice costs up to 1.5; a shift of one px in the crop would show as 1 to 2 on
    # average.
    assert np.abs(rgb - expected)[inside].max() < 3
    assert np.abs(rgb - expected)[inside].mean() < 0.5


@pytest.mark.parametrize("side", [40.0, 200.0, 620.0])
@cameras
def test_a_dot_appears_where_the_crop_camera_projects_it(camera, side):
    # A blurred dot at a known place, in boxes small (enlarged), fitting and large (shrunk with antialiasing).
    place = np.array([700.0, 340.0])
    x, y = np.meshgrid(np.arange(1280), np.arange(720))
    width = max(side / 60, 1.5)
    dot = 250 * np.exp(-((x - place[0]) ** 2 + (y - place[1]) ** 2) / (2 * width**2))
    image = np.repeat(np.round(dot).astype(np.uint8)[..., None], 3, axis=2)
    crop = look_at(camera, np.array([690 - side / 2, 355 - side / 2, 690 + side / 2, 355 + side / 2]), 256)
    seen = look(camera, image, crop)[0, 0]
    v, u = np.indices(seen.shape)
    found = np.array([(seen * u).sum(), (seen * v).sum()]) / seen.sum()
    expected = crop.K @ crop.rotation @ camera.rays(place[None])[0]
    assert np.linalg.norm(found - expected[:2] / expected[2]) < 0.1


def test_shrinking_does_not_alias():
    # A fine checkerboard seen from far is grey; without antialiasing it would keep its contrast.
    image = np.zeros((720, 1280, 3), np.uint8)
    image[::2, ::2] = image[1::2, 1::2] = 255
    camera = CAMERAS["pinhole"]
    seen = look(camera, image, look_at(camera, np.array([300.0, 10, 1000, 710]), 256))[0, :, 60:200, 60:200]
    assert seen.mean() == pytest.approx(0.5, abs=0.01)
    assert seen.std() < 0.05


@at_the_edge
def test_at_the_edge_of_a_wide_image_a_crop_is_as_sharp_as_elsewhere(camera, box):
    # Stripes of 12 px: shrunk by 3 they are clear, by 12 they are grey.
    image = np.zeros((720, 1280, 3), np.uint8)
    image[:, np.arange(1280) % 12 < 6] = 255
    seen = look(camera, image, look_at(camera, np.array(box), 256))[0, :, 112:144, 112:144]
    assert seen.std() > 0.3


@at_the_edge
def test_every_pixel_of_such_a_crop_comes_from_where_it_projects_to(camera, box):
    x, y = np.meshgrid(np.arange(1280, dtype=np.float32), np.arange(720, dtype=np.float32))
    crop = look_at(camera, np.array(box), 256)
    _, row, column = look(camera, np.stack([x, y, np.ones_like(x)], axis=2), crop)[0] * 255
    u, v = np.meshgrid(np.arange(256), np.arange(256))
    expected = camera.project(crop.rays(np.stack([u.ravel(), v.ravel()], axis=1))).T.reshape(2, 256, 256)
    inside = (expected > 12).all(axis=0) & (expected[0] < 1267) & (expected[1] < 707)
    assert inside.mean() > 0.2
    off = np.hypot(*(np.stack([column, row]) - expected))
    assert off[inside].max() < 0.15  # steps of 1/32 px, of an image shrunk by up to 4
    seen = (expected > -13).all(axis=0) & (expected[0] < 1293) & (expected[1] < 733)
    assert (row[~seen] == 0).all()


@pytest.mark.parametrize(("side", "factor"), [(250.0, 1), (460.0, 2), (655.0, 3), (990.0, 4)])
def test_a_shrunk_crop_is_that_of_the_whole_shrunk_image(side, factor):
    # Whatever part of the image is shrunk, its cells are those of the image: a crop does not depend on its window.
    camera = Camera([[1800.0, 0, 1280], [0, 1800, 720], [0, 0, 1]], [], "pinhole", 2560, 1440)
    image = cv2.GaussianBlur(np.random.default_rng(1).integers(0, 256, (1440, 2560, 3)).astype(np.uint8), (0, 0), 2)
    crop = look_at(camera, np.array([707.0, 211, 707 + side / 2, 211 + side]), 256)
    small = cv2.resize(image, None, fx=1 / factor, fy=1 / factor, interpolation=cv2.INTER_AREA)
    shift = 0.5 / factor - 0.5
    to_small = np.array([[1 / factor, 0, shift], [0, 1 / factor, shift], [0, 0, 1]])
    homography = to_small @ camera.K @ crop.rotation.T @ np.linalg.inv(crop.K)
    expected = cv2.warpPerspective(small, homography, (256, 256), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
    seen = look(camera, image, crop)[0].transpose(1, 2, 0)[..., ::-1] * 255
    difference = np.abs(seen - expected)
    assert difference.max() <= 1.01
    assert (difference > 0.5).mean() < 1e-3


def test_channels_become_rgb_and_black_surrounds_the_image():
    image = np.zeros((720, 1280, 3), np.uint8)
    image[...] = (10, 20, 30)
    camera = CAMERAS["pinhole"]
    seen = look(camera, image, look_at(camera, np.array([0.0, 200, 100, 700]), 256))[0]
    assert np.allclose(seen[:, 128, 128] * 255, [30, 20, 10])
    assert (seen[:, 128, 5] == 0).all()


def test_a_batch_holds_one_crop_per_person():
    camera = CAMERAS["plumb_bob"]
    image = picture_of_directions(camera)
    crops = [look_at(camera, BOX - shift, 256) for shift in (0, 100)]
    together = look(camera, image, *crops)
    assert np.array_equal(together[1], look(camera, image, crops[1])[0])


@cameras
def test_a_person_very_close_at_the_edge_of_the_image_gives_finite_pixels(camera):
    image = np.full((720, 1280, 3), 200, np.uint8)
    for box in ([1000.0, 0, 1279, 719], [0.0, 0, 1279, 719], [1270.0, 700, 1279, 719]):
        seen = look(camera, image, look_at(camera, np.array(box), 256))
        assert np.isfinite(seen).all()
        assert seen.min() >= 0
        assert seen.max() <= 1


@cameras
def test_the_optical_axis_meets_the_middle_of_the_crop(camera):
    assert look_at(camera, BOX, 256).K[:2, 2].tolist() == [127.5, 127.5]


@cameras
@pytest.mark.parametrize("up", [(1.0, 0.0, 0.0), (0.3, -2.0, 0.5)])
def test_what_is_said_to_be_up_is_up_in_the_crop(camera, up):
    right, down, _ = look_at(camera, BOX, 256, up=up).rotation
    assert np.dot(right, up) == pytest.approx(0)
    assert np.dot(down, up) < -0.5 * np.linalg.norm(up)


@pytest.mark.parametrize("ahead", [(0.0, -1.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)], ids=["up", "down", "ahead"])
def test_straight_along_what_is_up_the_right_of_the_image_is_that_of_the_crop(ahead):
    camera = Camera(np.array([[200.0, 0, 500], [0, 200, 500], [0, 0, 1]]), np.zeros(4), "equidistant", 1001, 1001)
    ((x, y),) = 500 + 200 * np.arccos(ahead[2]) * np.sign([ahead[:2]])
    crop = look_at(camera, np.array([x - 20, y - 20, x + 20, y + 20]), 256, up=ahead)
    assert crop.rotation[0] == pytest.approx([1, 0, 0], abs=1e-6)
    assert crop.rotation[2] == pytest.approx(ahead, abs=1e-6)


def test_straight_up_through_a_fisheye_still_gives_a_rotation():
    camera = Camera(np.array([[200.0, 0, 500], [0, 200, 500], [0, 0, 1]]), np.zeros(4), "equidistant", 1001, 1001)
    straight_up = 500 - 200 * np.pi / 2
    crop = look_at(camera, np.array([480.0, straight_up - 20, 520, straight_up + 20]), 256)
    assert np.allclose(crop.rotation @ crop.rotation.T, np.eye(3))
    assert np.allclose(crop.rotation @ [0, -1, 0], [0, 0, 1])
