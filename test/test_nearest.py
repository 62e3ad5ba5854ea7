"""With more people than there is time for, the nearest are looked at, in whichever camera they are."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from metric_pose_ros import Camera, Detection, PoseEstimator
from metric_pose_ros.cameras import CamerasEstimator
from metric_pose_ros.nearest import distances, nearest_detections
from metric_pose_ros.shots import Shot
from test.fake_models import STANDING_MM, save_pose_model
from test.test_stream import SeesBrightFigure, image_with

CAMERA = Camera(np.array([[800.0, 0, 640], [0, 800, 360], [0, 0, 1]]), np.zeros(0), "pinhole", 1280, 720)
FRAME_S = 1 / 30
HEIGHT_M, WIDTH_M = np.ptp(STANDING_MM, axis=0)[[1, 0]] / 1000


def box_of(x: float, z: float) -> np.ndarray:
    """Around somebody who stands x metres to the right, z metres away."""
    middle, half = np.array([640 + 800 * x / z, 360]), 400 / z * np.array([WIDTH_M, HEIGHT_M])
    return np.concatenate([middle - half, middle + half])


def sees_figures(image: np.ndarray) -> list[Detection]:
    """A detector that finds every bright figure, the far ones with the higher scores."""
    bright = (image[..., 0] > 128).astype(np.uint8)
    corners = cv2.connectedComponentsWithStats(bright)[2][1:, :4] @ [
        [1, 0, 1, 0],
        [0, 1, 0, 1],
        [0, 0, 1, 0],
        [0, 0, 0, 1],
    ]
    return [Detection(box.astype(float), 0.9 - (box[3] - box[1]) / 1440) for box in corners]


def image_of(*people: tuple[float, float]) -> np.ndarray:
    return image_with(*(box_of(*each) for each in people))


def estimator_of(folder, most: int) -> PoseEstimator:
    model = save_pose_model(folder / "pose.onnx")
    estimator = PoseEstimator(model=model, detector=sees_figures, threads=1, max_people=most)
    estimator._looking.network = SeesBrightFigure()  # type: ignore[assignment]
    return estimator


def test_who_fills_the_image_is_taken_for_near_and_who_lies_as_far_as_who_stands():
    boxes = np.array([[0, 0, 200, 680.0], [0, 0, 68, 170], [0, 0, 170, 68]])
    assert distances(boxes, CAMERA) == pytest.approx([2.0, 8.0, 8.0])
    assert distances(np.zeros((0, 4)), CAMERA).shape == (0,)


def test_the_lens_counts_not_the_pixels():
    twice = Camera(CAMERA.K * [[2], [2], [1]], np.zeros(0), "pinhole", 2560, 1440)
    boxes = np.array([[10, 20, 90, 260.0]])
    assert distances(2 * boxes, twice) == pytest.approx(distances(boxes, CAMERA))


def test_all_are_kept_while_there_is_time_for_all():
    found = [Detection(box_of(0, z), score) for z, score in ((9, 0.3), (3, 0.5), (5, 0.4))]
    assert [each.score for each in nearest_detections(found, CAMERA, 3)] == [0.5, 0.4, 0.3]
    assert [each.score for each in nearest_detections(found, CAMERA, 1)] == [0.5]
    assert nearest_detections([], CAMERA, 1) == []


def test_one_camera_follows_the_nearest_and_counts_the_others(tmp_path):
    people = ((-2.0, 4.0), (0.3, 6.0), (3.0, 5.0))
    cameras = CamerasEstimator(estimator_of(tmp_path, 2), detection_interval=2)
    image = image_of(*people)
    for number in range(8):
        seen = cameras({"": Shot(image, CAMERA, number * FRAME_S)})[""]
        assert cameras.left_out == 1
        assert {person.id: round(float(person.position[2])) for person in seen} in (
            {"p1": 4, "p2": 5},
            {"p1": 5, "p2": 4},
        )


def test_whoever_comes_nearer_than_who_is_followed_is_looked_at_instead(tmp_path):
    people = ((-2.0, 5.0), (1.0, 3.0))
    cameras = CamerasEstimator(estimator_of(tmp_path, 1), detection_interval=2)
    first = [cameras({"": Shot(image_of(people[0]), CAMERA, number * FRAME_S)})[""] for number in range(4)]
    assert [person.id for person in first[-1]] == ["p1"]
    both = [cameras({"": Shot(image_of(*people), CAMERA, number * FRAME_S)})[""] for number in range(4, 9)]
    assert [round(float(person.position[2])) for person in both[-1]] == [3]


def test_several_cameras_share_the_time(tmp_path):
    front, rear = ((-2.0, 4.0), (2.0, 7.0)), ((-2.0, 5.0), (1.0, 3.0))
    estimator = estimator_of(tmp_path, 3)
    cameras = CamerasEstimator(estimator, ("front", "rear"), detection_interval=2)
    for number in range(4):
        shots = {name: image_of(*people) for name, people in (("front", front), ("rear", rear))}
        seen = cameras({name: Shot(image, CAMERA, number * FRAME_S) for name, image in shots.items()})
    assert cameras.left_out == 1
    assert {name: sorted(round(float(each.position[2])) for each in people) for name, people in seen.items()} == {
        "front": [4],
        "rear": [3, 5],
    }
