"""Sampling inside the graph against OpenCV's on the CPU."""

import cv2
import numpy as np
import onnx
import onnxruntime
import pytest

from metric_pose_ros.geometry.camera import Camera
from metric_pose_ros.geometry.crop import FACTORS, Crop, look_at, sample
from metric_pose_ros.image_graph.sampling import sampling_graph
from metric_pose_ros.views import View

CAMERA = Camera([[1400.0, 0, 1900], [0, 1400, 1000], [0, 0, 1]], [], "pinhole", 3840, 2160)


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    noise = np.random.default_rng(0).integers(0, 256, (2160, 3840, 3)).astype(np.uint8)
    return cv2.GaussianBlur(noise, (0, 0), 1.5)


def both(image: np.ndarray, camera: Camera, boxes: list[list[float]], side: int = 64) -> tuple[np.ndarray, np.ndarray]:
    """(N, 3, S, S) in grey values from the graph and from the CPU."""
    return both_of(image, camera, [look_at(camera, np.array(box), side) for box in boxes])


def both_of(image: np.ndarray, camera: Camera, crops: list[Crop]) -> tuple[np.ndarray, np.ndarray]:
    """The same of crops."""
    side = crops[0].side
    expected = np.zeros((len(crops), 3, side, side), np.float32)
    sample(image, camera, crops, expected)
    homographies = np.stack([camera.K @ crop.rotation.T @ np.linalg.inv(crop.K) for crop in crops])
    return look(image, homographies, side) * 255, expected * 255


def look(image: np.ndarray, homographies: np.ndarray, side: int, opset: int = 18) -> np.ndarray:
    graph = sampling_graph(side, opset)
    onnx.checker.check_model(graph, full_check=True)
    session = onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(["crops"], {"image": image, "homographies": homographies.astype(np.float32)})[0]


def box(height: float, x: float = 1500.0, y: float = 900.0) -> list[float]:
    return [x, y, x + height / 3, y + height]


def test_every_amount_of_shrinking_is_that_of_the_cpu_to_the_grey_value(image):
    boxes = [box(64 / 1.25 * (factor + 0.45)) for factor in (0.3, *FACTORS)]
    found, expected = both(image, CAMERA, boxes)
    assert expected.std() > 5
    difference = np.abs(found - expected)
    assert difference.max() <= 1.01
    assert ((difference > 0.5).mean(axis=(1, 2, 3)) < 0.002).all()


@pytest.mark.parametrize("degrees", [30, 45, 90, -120])
def test_turned_crops_are_those_of_the_cpu_and_as_sharp_as_straight_ones(image, degrees):
    straight = look_at(CAMERA, np.array(box(400)), 256)
    turned = View(np.radians(degrees)).turn(straight)
    found, expected = both_of(image, CAMERA, [straight, turned])
    assert (np.abs(found - expected) > 1.01).mean() < 0.002
    sharp, turned_sharp = (np.abs(np.diff(pixels, axis=-1)).mean() for pixels in expected)
    assert turned_sharp == pytest.approx(sharp, rel=0.1)


def test_crops_of_one_batch_do_not_touch_each_other(image):
    boxes = [box(40), box(700, 200, 300), box(300, 3300, 1500)]
    together, _ = both(image, CAMERA, boxes)
    for number, one in enumerate(boxes):
        assert np.array_equal(both(image, CAMERA, [one])[0][0], together[number])


def test_beyond_the_image_is_black_as_on_the_cpu(image):
    found, expected = both(image, CAMERA, [[-80, 700, 60, 1100], [3700, 1900, 3839, 2159]])
    assert (expected == 0).mean() > 0.1
    difference = np.abs(found - expected)
    # At the very border a pixel is blended with the black around it, at places that OpenCV rounds to 1/32 px.
    assert (difference > 1.01).mean() < 0.002
    assert np.array_equal(found[0][:, :, :5], np.zeros((3, 64, 5)))


@pytest.mark.parametrize("degrees", [100, 120])
def test_at_the_edge_of_a_wide_image_it_shrinks_as_the_cpu_does(image, degrees):
    camera = Camera.from_fov(3840, 2160, degrees)
    found, expected = both(image, camera, [[0, 600, 670, 2159], [3400, 0, 3839, 1500], [2400, 0, 3839, 2159]], 256)
    assert expected.std() > 5
    assert (np.abs(found - expected) > 1.01).mean() < 0.002


def test_what_lies_behind_the_camera_is_black():
    image = np.full((48, 64, 3), 200, np.uint8)
    assert np.abs(look(image, np.diag([1.0, 1.0, -1.0])[None], 16)).max() == 0


@pytest.mark.parametrize("opset", [17, 18])
def test_channels_become_rgb_in_0_to_1(opset):
    image = np.tile(np.array([10, 20, 30], np.uint8), (48, 64, 1))
    seen = look(image, np.eye(3)[None], 16, opset)
    assert np.allclose(seen[0, :, 5, 5] * 255, [30, 20, 10])
