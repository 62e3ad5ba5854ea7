"""The picture that is stored of a person: sharp enough, wide enough, and seen through the right camera."""

from __future__ import annotations

import io
import json

import cv2
import numpy as np
import pytest

from metric_pose_ros.geometry.camera import Camera
from metric_pose_ros.geometry.crop import look_at
from metric_pose_ros.skeleton import COCO_17
from test.training.data.scene import COLOURS, body, dot, paint
from training.data.example import Example, box_around, camera_without_calibration
from training.data.picture import MARGIN, encode
from training.data.shards import CROP_SCALE, Sample, decode

WIDE = Camera(
    np.array([[410.0, 0, 633], [0, 412, 355], [0, 0, 1]]), np.array([-0.28, 0.09, 1e-3, -5e-4, -0.01]), "plumb_bob",
    1280, 720,
)  # fmt: skip
PAINTED = (0, 9, 16)


def example(
    centre: tuple[float, float, float] = (1800, 200, 3000), camera: Camera = WIDE, **changes: object
) -> Example:
    pose = body(4, 17, centre, 150)
    pose[list(PAINTED)] = np.array([[0, -700, 0], [350, -50, 0], [-100, 750, 0]]) + centre
    points = cv2.projectPoints(pose, np.zeros(3), np.zeros(3), camera.K, camera.distortion)[0][:, 0]
    image = paint(camera.width, camera.height, points, PAINTED, radius=7)
    values = {"joints_mm": pose, "box": box_around(points, 1.1), **changes}
    return Example("key", image, camera, COCO_17, **values)  # type: ignore[arg-type]


def stored(given: Example, side: int = 512) -> Sample:
    return decode({"__key__": "key", **encode(given, side, {"data_set": "made-up"})})


def test_somebody_at_the_edge_of_a_distorted_wide_picture_is_seen_straight() -> None:
    given = example()
    sample = stored(given)
    homogeneous = sample.joints_mm @ sample.intrinsics.T
    np.testing.assert_allclose(homogeneous[:, :2] / homogeneous[:, 2:], sample.joints_px, atol=0.02)
    for joint, colour in zip(PAINTED, COLOURS, strict=True):
        assert np.linalg.norm(dot(sample.image, colour) - sample.joints_px[joint]) < 0.5
    side = len(sample.image)
    np.testing.assert_allclose(sample.intrinsics[:2, 2], (side - 1) / 2)
    np.testing.assert_allclose((sample.box[:2] + sample.box[2:]) / 2, (side - 1) / 2, atol=1e-3)


def test_looking_at_the_stored_box_is_looking_at_the_box_in_the_source() -> None:
    given = example()
    sample = stored(given)
    camera = Camera(sample.intrinsics, np.zeros(0), "pinhole", *sample.image.shape[1::-1])
    again, direct = look_at(camera, sample.box, 256, CROP_SCALE), look_at(WIDE, given.box, 256, CROP_SCALE)
    np.testing.assert_allclose(again.K, direct.K, rtol=1e-4)
    np.testing.assert_allclose(again.rotation, np.eye(3), atol=1e-4)


def test_the_margin_is_enough_for_every_change_of_training() -> None:
    assert pytest.approx(1.909, abs=0.001) == MARGIN
    sample = stored(example(centre=(0, 0, 3500)))
    side, crop = len(sample.image), CROP_SCALE * (sample.box[2:] - sample.box[:2]).max()
    assert side / crop == pytest.approx(MARGIN, rel=1e-3)
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * crop / 2 / 0.75
    for turn in np.radians([-20, 0, 20]):
        turned = corners @ np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        for direction in np.linspace(0, 2 * np.pi, 24):
            shifted = turned + 0.1 * crop * np.array([np.cos(direction), np.sin(direction)])
            assert np.abs(shifted).max() <= side / 2 + 1e-6


@pytest.mark.parametrize(("centre", "side"), [((0.0, 0, 9000), 512), ((0.0, 0, 2000), 512), ((0.0, 0, 2000), 64)])
def test_pixels_are_never_blown_up(centre: tuple[float, float, float], side: int) -> None:
    sample = stored(example(centre), side)
    assert len(sample.image) <= side
    assert sample.intrinsics[0, 0] <= 415
    if len(sample.image) < side:
        assert sample.intrinsics[0, 0] == pytest.approx(411, rel=0.01)


def test_joints_outside_the_source_or_unknown_are_not_shown() -> None:
    given = example()
    given.joints_mm[1] = [-100, -2500, 3000]  # above the picture
    given.joints_mm[2] = np.nan
    given.joints_mm[3] = [0, 0, -500]  # behind the camera
    hidden = np.zeros(17, bool)
    hidden[4] = True
    sample = stored(Example("key", given.image, WIDE, COCO_17, given.joints_mm, given.box, hidden=hidden))
    assert sample.visibility[:6].tolist() == [2, 0, 0, 0, 1, 2]
    assert np.isnan(sample.joints_px[[2, 3]]).all()
    assert np.isnan(sample.joints_mm[2]).all()
    assert np.isfinite(sample.joints_mm[3]).all()


def test_the_mask_is_seen_through_the_same_camera() -> None:
    given = example()
    mask = np.zeros(given.image.shape[:2], np.uint8)
    x, y = (round(float(value)) for value in WIDE.project(given.joints_mm[[9]])[0])
    mask[y - 8 : y + 9, x - 8 : x + 9] = 255
    sample = stored(Example("key", given.image, WIDE, COCO_17, given.joints_mm, given.box, mask=mask))
    assert sample.mask is not None
    rows, columns = np.nonzero(sample.mask)
    assert np.linalg.norm([columns.mean(), rows.mean()] - sample.joints_px[9]) < 1


def test_a_pose_of_standard_size_turns_with_the_camera() -> None:
    given = example()
    universal = given.joints_mm * 1.1
    sample = stored(Example("key", given.image, WIDE, COCO_17, given.joints_mm, given.box, universal_mm=universal))
    np.testing.assert_allclose(sample.facts["universal_mm"], sample.joints_mm * 1.1, atol=0.02)


def test_2d_labels_without_calibration_get_a_camera_of_8_degrees() -> None:
    image = np.zeros((300, 400, 3), np.uint8)
    camera = camera_without_calibration(image)
    assert np.degrees(2 * np.arctan(200 / camera.K[0, 0])) == pytest.approx(8)
    points = np.random.default_rng(0).uniform(100, 250, (17, 2))
    sample = stored(
        Example("key", image, camera, COCO_17, np.full((17, 3), np.nan), box_around(points, 1.1), joints_px=points)
    )
    zoom = sample.intrinsics[0, 0] / camera.K[0, 0]
    expected = (points - (np.min(points, axis=0) + np.max(points, axis=0)) / 2) * zoom
    np.testing.assert_allclose(sample.joints_px - (len(sample.image) - 1) / 2, expected, atol=0.5)


def test_facts_say_what_it_is() -> None:
    files = encode(example(facts={"frame": 3}), 64, {"data_set": "made-up", "split": "test"})
    assert json.loads(files["json"]) == {"data_set": "made-up", "split": "test", "skeleton": "coco_17", "frame": 3}
    assert set(np.load(io.BytesIO(files["npz"]))) == {"joints_mm", "joints_px", "intrinsics", "visibility", "box"}


@pytest.mark.parametrize("box", [[5.0, 5, 5, 9], [0.0, 0, np.nan, 9]])
def test_an_empty_box_is_refused(box: list[float]) -> None:
    with pytest.raises(ValueError, match="is empty, expected x1 < x2"):
        encode(example(box=np.array(box)), 64, {})


def test_a_picture_of_another_size_than_the_cameras_is_refused() -> None:
    given = example()
    small = Example("key", given.image[:100], WIDE, COCO_17, given.joints_mm, given.box)
    with pytest.raises(ValueError, match="the picture has 1280x100 px, its camera 1280x720"):
        encode(small, 64, {})
