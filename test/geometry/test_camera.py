"""Cameras against OpenCV, and what they refuse."""

import cv2
import numpy as np
import pytest

from metric_pose_ros import Camera

K = np.array([[910.0, 0.0, 645.3], [0.0, 905.0, 350.8], [0.0, 0.0, 1.0]])
LENSES = {
    "pinhole": ("pinhole", []),
    "plumb_bob, 4": ("plumb_bob", [-0.31, 0.11, 0.0012, -0.0007]),
    "plumb_bob, 5": ("plumb_bob", [-0.31, 0.11, 0.0012, -0.0007, -0.02]),
    "rational, 8": ("rational_polynomial", [0.5, -0.1, 0.001, -0.0005, 0.02, 0.6, 0.05, 0.01]),
    "rational, 12": (
        "rational_polynomial",
        [0.5, -0.1, 0.001, -0.0005, 0.02, 0.6, 0.05, 0.01, 2e-3, -1e-3, 1e-3, 5e-4],
    ),
    "rational, 14": (
        "rational_polynomial",
        [0.5, -0.1, 0.001, -0.0005, 0.02, 0.6, 0.05, 0.01, 2e-3, -1e-3, 1e-3, 5e-4, 0.02, -0.015],
    ),
    "equidistant": ("equidistant", [-0.02, 0.004, -0.001, 0.0002]),
}
lenses = pytest.mark.parametrize(("model", "coefficients"), LENSES.values(), ids=LENSES.keys())


def points_in_view(seed: int = 0) -> np.ndarray:
    """(500, 3) m up to 35 degrees beside the axis, 0.5 to 12 m away."""
    random = np.random.default_rng(seed)
    plane = random.uniform(-0.7, 0.7, (500, 2))
    return np.concatenate([plane, np.ones((500, 1))], axis=1) * random.uniform(0.5, 12, (500, 1))


def project_with_opencv(points: np.ndarray, model: str, coefficients: list[float]) -> np.ndarray:
    distortion = np.array(coefficients) if coefficients else np.zeros(4)
    if model == "equidistant":
        return cv2.fisheye.projectPoints(points[:, None], np.zeros(3), np.zeros(3), K, distortion)[0][:, 0]
    return cv2.projectPoints(points, np.zeros(3), np.zeros(3), K, distortion)[0][:, 0]


@lenses
def test_projects_points_where_opencv_does(model, coefficients):
    camera = Camera(K, coefficients, model, 1280, 720)
    points = points_in_view()
    assert np.abs(camera.project(points) - project_with_opencv(points, model, coefficients)).max() < 1e-6


@lenses
def test_rays_lead_back_to_the_points_they_come_from(model, coefficients):
    camera = Camera(K, coefficients, model, 1280, 720)
    points = points_in_view(1)
    rays = camera.rays(camera.project(points))
    assert np.abs(rays - points / np.linalg.norm(points, axis=1, keepdims=True)).max() < 1e-8


@lenses
def test_every_pixel_of_the_image_has_a_ray_that_leads_back_to_it(model, coefficients):
    camera = Camera(K, coefficients, model, 1280, 720)
    x, y = np.meshgrid(np.linspace(0, 1279, 21), np.linspace(0, 719, 13))
    pixels = np.stack([x.ravel(), y.ravel()], axis=1)
    assert np.abs(camera.project(camera.rays(pixels)) - pixels).max() < 1e-4


@lenses
def test_opencv_distorts_undistorted_points_back_to_where_they_were(model, coefficients):
    pixels = np.random.default_rng(2).uniform([0, 0], [1279, 719], (200, 2))
    straight = Camera(K, coefficients, model, 1280, 720).undistort(pixels)
    directions = np.concatenate([straight, np.ones((200, 1))], axis=1) @ np.linalg.inv(K).T
    assert np.abs(project_with_opencv(directions, model, coefficients) - pixels).max() < 1e-5


def test_a_pinhole_camera_does_not_see_what_is_behind_it():
    camera = Camera(K, [], "pinhole", 1280, 720)
    pixels = camera.project(np.array([[0.1, 0.2, -2.0], [0.1, 0.2, 0.0], [0.1, 0.2, 2.0]]))
    assert np.isnan(pixels[:2]).all()
    assert np.allclose(pixels[2], [645.3 + 910 * 0.05, 350.8 + 905 * 0.1])


def test_a_fisheye_sees_beyond_ninety_degrees():
    camera = Camera(np.array([[300.0, 0, 500], [0, 300, 500], [0, 0, 1]]), np.zeros(4), "equidistant", 1001, 1001)
    angle = np.radians([0, 60, 90, 95])
    points = np.stack([np.sin(angle), np.zeros(4), np.cos(angle)], axis=1) * 3
    pixels = camera.project(points)
    assert np.abs(pixels[:, 0] - (500 + 300 * angle)).max() < 1e-9
    assert np.abs(camera.rays(pixels) - points / 3).max() < 1e-9
    assert np.isnan(camera.undistort(pixels[2:])).all()


@pytest.mark.parametrize("model", ["plumb_bob", "equidistant"])
def test_what_a_lens_cannot_see_is_not_folded_back_into_the_image(model):
    # Both polynomials turn around within 90 degrees: taken literally they would show a point at the side in the middle.
    camera = Camera(K, [-0.35, 0.08, 0, 0] if model == "plumb_bob" else [-0.2, 0, 0, 0], model, 1280, 720)
    angle = np.radians(np.linspace(1, 85, 200))
    pixels = camera.project(np.stack([np.sin(angle), np.zeros(200), np.cos(angle)], axis=1))
    assert (np.diff(pixels[:, 0]) > 0).all()


def test_reads_the_file_of_ros_camera_calibration(tmp_path):
    file = tmp_path / "camera.yaml"
    file.write_text(
        "image_width: 1280\nimage_height: 720\ncamera_name: front\n"
        "camera_matrix: {rows: 3, cols: 3, data: [910, 0, 645.3, 0, 905, 350.8, 0, 0, 1]}\n"
        "distortion_model: plumb_bob\n"
        "distortion_coefficients: {rows: 1, cols: 5, data: [-0.31, 0.11, 0.0012, -0.0007, -0.02]}\n"
    )
    camera = Camera.from_yaml(file)
    assert (camera.width, camera.height, camera.model) == (1280, 720, "plumb_bob")
    assert np.array_equal(camera.K, K)
    assert camera.distortion.tolist() == [-0.31, 0.11, 0.0012, -0.0007, -0.02]


def test_a_field_of_view_spans_the_longer_side():
    camera = Camera.from_fov(720, 1280, 60)
    top, bottom = camera.rays(np.array([[359.5, -0.5], [359.5, 1279.5]]))
    assert np.degrees(np.arccos(top @ bottom)) == pytest.approx(60)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((np.zeros((3, 3)), [], "pinhole", 640, 480), "all zero"),
        ((np.full((3, 3), np.nan), [], "pinhole", 640, 480), "not finite"),
        ((np.eye(4), [], "pinhole", 640, 480), r"shape \(4, 4\), expected \(3, 3\)"),
        ((np.diag([-500.0, 500, 1]), [], "pinhole", 640, 480), "fx, fy > 0"),
        ((K, [0.1, 0.2, 0.3], "plumb_bob", 640, 480), "takes 4 or 5 coefficients, but 3"),
        ((K, [0.1, np.nan, 0, 0], "plumb_bob", 640, 480), "distortion holds values"),
        ((K, [0.1], "kannala", 640, 480), "unknown distortion model 'kannala'; known are pinhole, plumb_bob"),
        ((K, [], "pinhole", 0, 480), "0x480"),
    ],
)
def test_refuses_what_is_no_camera_and_says_why(arguments, message):
    with pytest.raises(ValueError, match=message):
        Camera(*arguments)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("image_width: 640\n", "no image_height, camera_matrix"),
        ("just text", "no entries"),
        ("a: [1", "not YAML"),
        ("image_width: 640\nimage_height: 480\ncamera_matrix: {data: [0,0,0,0,0,0,0,0,0]}\n", "all zero"),
    ],
)
def test_a_broken_camera_file_is_named_with_what_is_wrong(tmp_path, content, message):
    file = tmp_path / "broken.yaml"
    file.write_text(content)
    with pytest.raises(ValueError, match=rf"broken\.yaml.*{message}"):
        Camera.from_yaml(file)


def test_a_missing_camera_file_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nothing\.yaml"):
        Camera.from_yaml(tmp_path / "nothing.yaml")


def test_a_field_of_view_must_be_possible():
    with pytest.raises(ValueError, match="180 degrees"):
        Camera.from_fov(640, 480, 180)


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        ({"camera_matrix": "{rows: 3, cols: 3, data: " + "[" * 3000}, "brackets in brackets"),
        ({"camera_matrix": "&a [*a, *a]"}, "a reference"),
        ({"camera_matrix": "{data: [x, 1, 2, 3, 4, 5, 6, 7, 8]}"}, "where a list of numbers is expected"),
        ({"image_width": ".inf"}, "image size is infx"),
        ({"camera_matrix": "[1.0e-300, 0, 12, 0, 20, 8, 0, 0, 1]"}, "no lens is like that"),
        ({"distortion_coefficients": "[1.0e+300, 1.0e+300, 0, 0, 0]"}, "no lens is like that"),
    ],
)
def test_a_calibration_file_that_no_camera_has_is_refused_at_once(tmp_path, changed, complaint):
    entries = {"image_width": "24", "image_height": "16", "camera_matrix": "[20, 0, 12, 0, 20, 8, 0, 0, 1]"} | changed
    path = tmp_path / "camera.yaml"
    path.write_text("\n".join(f"{name}: {value}" for name, value in entries.items()))
    with pytest.raises(ValueError, match=complaint) as caught:
        Camera.from_yaml(path)
    assert str(path) in str(caught.value)


def test_a_camera_of_a_field_of_view_looks_straight_through_the_middle():
    focal = 320 / np.tan(np.radians(30))
    expected = [[focal, 0, 319.5], [0, focal, 239.5], [0, 0, 1]]
    np.testing.assert_allclose(Camera.from_fov(640, 480, 60).K, expected)
    assert Camera.from_fov(640, 480, 0.5).K[0, 0] > 70_000
    for degrees in (0, 180):
        with pytest.raises(ValueError, match=r"degrees|field of view"):
            Camera.from_fov(640, 480, degrees)


@pytest.mark.parametrize("size", [(640, 360), (2560, 1440), (320, 720)])
def test_a_camera_of_scaled_images_sees_along_the_same_rays(size):
    model, coefficients = LENSES["plumb_bob, 5"]
    camera = Camera(K, coefficients, model, 1280, 720)
    scaled = camera.resized(*size)
    assert (scaled.width, scaled.height, scaled.model) == (*size, camera.model)
    # OpenCV scales images so that their outer borders stay: the middle of pixel x is at (x + 0.5) / width of the way.
    points = np.array([[0.0, 0.0], [640, 360], [1279, 100], [333, 719]])
    there = (points + 0.5) * np.array(size) / [1280, 720] - 0.5
    np.testing.assert_allclose(scaled.rays(there), camera.rays(points), atol=1e-9)
    np.testing.assert_allclose(camera.K, K)


@pytest.mark.parametrize(("row", "column"), [(0, 0), (1, 1)])
@pytest.mark.parametrize("focal", [0.0, -500.0])
def test_a_focal_length_that_no_lens_has_is_refused(row, column, focal):
    matrix = K.copy()
    matrix[row, column] = focal
    with pytest.raises(ValueError, match="K"):
        Camera(matrix, [], "pinhole", 1280, 720)


def test_numbers_may_be_whole_and_a_lens_may_go_without_saying(tmp_path):
    path = tmp_path / "camera.yaml"
    text = "image_width: 640\nimage_height: 480\ncamera_matrix: [500, 0, 320, 0, 500, 240, 0, 0, 1]\n"
    path.write_text(text + "distortion_coefficients: [0, 0, 0, 0, 0]\n")
    camera = Camera.from_yaml(path)
    assert (camera.model, camera.K.dtype, camera.distortion.dtype) == ("plumb_bob", np.dtype(float), np.dtype(float))
    path.write_text(text + "distortion_model: equidistant\ndistortion_coefficients: [-0.02, 0.004, -0.001, 0.0002]\n")
    assert Camera.from_yaml(path).model == "equidistant"


def test_a_fisheye_without_coefficients_is_the_ideal_one():
    camera = Camera(K, [], "equidistant", 1280, 720)
    points = points_in_view()
    expected = cv2.fisheye.projectPoints(points[:, None], np.zeros(3), np.zeros(3), K, np.zeros(4))[0][:, 0]
    np.testing.assert_allclose(camera.project(points), expected, atol=1e-6)
