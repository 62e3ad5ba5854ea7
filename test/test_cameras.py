"""Several cameras: each is followed as if it were alone, and the network is asked once for all."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import numpy as np
import pytest

from metric_pose_ros import Camera, PoseEstimator
from metric_pose_ros.cameras import CamerasEstimator
from metric_pose_ros.detection import Detection
from metric_pose_ros.shots import Shot
from metric_pose_ros.stream import StreamEstimator
from test.fake_models import save_pose_model
from test.test_stream import BOX, CAMERA, FRAME_S, IMAGE, OTHER, Recorder, SeesBrightFigure, image_with

HALF = Camera(np.array([[400.0, 0, 319.75], [0, 400, 179.75], [0, 0, 1]]), np.zeros(0), "pinhole", 640, 360)


class Counted(SeesBrightFigure):
    """Notes how many crops each batch had."""

    def __init__(self) -> None:
        self.batches: list[int] = []

    def __call__(self, crops, intrinsics):
        self.batches.append(len(crops))
        return super().__call__(crops, intrinsics)


@pytest.fixture(scope="module")
def pose_model(tmp_path_factory) -> Path:
    return save_pose_model(tmp_path_factory.mktemp("models") / "pose.onnx")


def estimator_with(pose_model: Path, detector) -> PoseEstimator:
    estimator = PoseEstimator(model=pose_model, detector=detector, threads=1)
    estimator._looking.network = Counted()
    return estimator


class BrightBoxes:
    """A detector that finds the bright boxes of `IMAGE`, and of the same at half the size."""

    def __call__(self, image):
        scale = image.shape[0] / 720
        return [Detection(box * scale, 0.8) for box in (BOX, OTHER) if image[middle(box * scale)].min() > 128]


def middle(box: np.ndarray) -> tuple[int, int]:
    """Row and column."""
    return int(box[1] + box[3]) // 2, int(box[0] + box[2]) // 2


def test_each_camera_sees_what_it_would_see_alone_and_no_id_comes_twice(pose_model):
    estimator = estimator_with(pose_model, BrightBoxes())
    together = CamerasEstimator(estimator, ("front", "rear"), detection_interval=4)
    small = image_with(BOX)[::2, ::2]
    alone = {name: StreamEstimator(estimator_with(pose_model, BrightBoxes()), 4) for name in ("front", "rear")}
    for frame in range(6):
        shots = {"front": Shot(IMAGE, CAMERA, frame * FRAME_S), "rear": Shot(small, HALF, frame * FRAME_S)}
        people = together(shots)
        for name, shot in shots.items():
            expected = alone[name](shot.image_bgr, shot.camera, shot.stamp_s)
            assert len(people[name]) == len(expected)
            for person, reference in zip(people[name], expected, strict=True):
                np.testing.assert_allclose(person.joints3d, reference.joints3d, atol=1e-9)
    assert [person.id for person in people["front"]] == ["p1", "p2"]
    assert [person.id for person in people["rear"]] == ["p3"]
    assert estimator._looking.network.batches == [3] * 6
    assert set(together.timings) == {"detection", "crop", "network", "placement", "tracking"}


def test_cameras_need_not_come_at_the_same_time(pose_model):
    estimator = estimator_with(pose_model, Recorder(BOX))
    together = CamerasEstimator(estimator, ("front", "rear"), detection_interval=3)
    found = [
        together({name: Shot(image_with(BOX), CAMERA, frame * FRAME_S)})[name][0].id
        for frame in range(4)
        for name in ("front", "rear")
    ]
    assert found == ["p1", "p2"] * 4
    assert estimator.detector.looks == 4  # frames 0 and 3 of each
    assert estimator._looking.network.batches == [1] * 8


def test_the_cameras_share_a_thread_for_the_detector(pose_model):
    together = CamerasEstimator(estimator_with(pose_model, Recorder(BOX)), ("front", "rear"), 1, True)
    for frame in range(3):
        shot = Shot(image_with(BOX), CAMERA, frame * FRAME_S)
        people = together({"front": shot, "rear": shot})
    assert [len(each) for each in people.values()] == [1, 1]
    together.detection_interval = 5
    assert together.detection_interval == 5
    together.close()
    with pytest.raises(RuntimeError, match="shutdown"):
        together._worker.submit(print)


def test_whoever_one_camera_follows_does_not_wait_for_the_detector_in_the_empty_ones(pose_model):
    released, calls = threading.Event(), []

    def detector(image):
        calls.append(image.shape[0])
        if len(calls) > 2:  # after the first look through both cameras
            released.wait(30)
        return BrightBoxes()(image)

    cameras = CamerasEstimator(estimator_with(pose_model, detector), ("front", "rear"), 100, background_detection=True)
    dark = np.zeros_like(IMAGE)[::2, ::2]

    def seen(frame: int, rear: np.ndarray) -> list[int]:
        shots = {"front": Shot(IMAGE, CAMERA, frame * FRAME_S), "rear": Shot(rear, HALF, frame * FRAME_S)}
        return [len(people) for people in cameras(shots).values()]

    assert [seen(frame, dark) for frame in range(6)] == [[2, 0]] * 6
    # Only the rear camera's image comes: the front one is followed all the same.
    assert cameras({"rear": Shot(dark, HALF, 6 * FRAME_S)}) == {"rear": []}
    released.set()
    bright = IMAGE[::2, ::2]
    deadline = time.monotonic() + 30
    frame = 7
    while seen(frame, bright) != [2, 2]:
        assert time.monotonic() < deadline, "whoever comes in is found soon"
        time.sleep(0.01)
        frame += 1
    cameras.close()


def test_where_nobody_is_no_look_waits_for_more_than_one_camera_and_all_take_turns(pose_model):
    waited_for = []

    def detector(image):
        if threading.current_thread() is threading.main_thread():
            waited_for.append(int(image[0, 0, 0]))
        return []

    names = ("front", "rear", "left")
    cameras = CamerasEstimator(estimator_with(pose_model, detector), names, 8, background_detection=True)
    for frame in range(6):
        cameras(
            {
                name: Shot(np.full((360, 640, 3), number, np.uint8), HALF, frame * FRAME_S)
                for number, name in enumerate(names)
            }
        )
        assert len(waited_for) <= frame + 1
    assert waited_for[0] == 0
    cameras.close()
