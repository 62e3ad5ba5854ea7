"""The shipped `fast` model on rendered people of a test split, whose place is known, and on rooms without anybody.

`test/renders` holds the pictures (made by `python -m training synthesize`) and their truth. They were chosen for one
person in a room or a panorama whom the detector finds, not for what the pose network makes of them.
"""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from metric_pose_ros import Camera, PoseEstimator
from metric_pose_ros.skeleton import BODY_30
from metric_pose_ros.stream import StreamEstimator

FOLDER = Path(__file__).parent / "renders"
TRUTH = json.loads((FOLDER / "truth.json").read_text())
LIMBS = [
    ("left_elbow", "left_wrist", "left_hand"),
    ("right_knee", "right_ankle", "right_foot"),
    ("left_ankle", "left_foot"),
]


@pytest.fixture(scope="module")
def estimator():
    return PoseEstimator("fast", threads=1)


def scene(name: str):
    """(256, 256, 3) image, its camera, (30, 3) m joints, (30, 2) px, and which are in the picture."""
    truth = TRUTH[name]
    camera = Camera(np.array(truth["intrinsics"]), np.zeros(0), "pinhole", 256, 256)
    joints = np.array(truth["joints_mm"]) / 1000
    visible = np.array(truth["visibility"]) > 0
    return cv2.imread(str(FOLDER / f"{name}.jpg")), camera, joints, camera.project(joints), visible


def box_around(pixels: np.ndarray) -> np.ndarray:
    low, high = pixels.min(axis=0), pixels.max(axis=0)
    margin = 0.08 * (high - low).max()
    return np.clip(np.concatenate([low - margin, high + margin]), 0, 255)


def test_people_are_where_they_are_said_to_be_within_the_stated_deviations(estimator):
    off, stated = [], []
    for name in TRUTH:
        image, camera, joints, pixels, visible = scene(name)
        (person,) = estimator.estimate(image, camera, [box_around(pixels[visible])])
        assert (person.std > 0).all()
        assert np.isfinite(person.std).all()
        distance = np.linalg.norm(person.position)
        off.append(abs(distance - np.linalg.norm(joints[BODY_30.root].mean(axis=0))) / person.distance_std)
        stated.append(person.distance_std / distance)
    assert max(off) < 3
    assert np.median(off) < 1.2
    assert 0.07 < min(stated) <= max(stated) < 0.3


def test_of_a_limb_alone_no_place_is_given_or_one_that_is_said_to_be_unsure(estimator):
    shown, stated = 0, []
    for name in TRUTH:
        image, camera, _, pixels, _ = scene(name)
        for limb in LIMBS:
            box = box_around(pixels[BODY_30.indices(limb)])
            x1, y1, x2, y2 = box.astype(int)
            if min(x2 - x1, y2 - y1) < 5:
                continue
            # All else is grey, as if the limb reached into view from behind something.
            alone = np.full_like(image, 90)
            alone[y1:y2, x1:x2] = image[y1:y2, x1:x2]
            people = estimator.estimate(alone, camera, [box])
            shown += 1
            stated += [person.distance_std / np.linalg.norm(person.position) for person in people]
    assert shown > 18
    assert len(stated) < 0.85 * shown
    # Whole people are at a sixth or better.
    assert np.median(stated) > 0.23


def room(seed: int) -> np.ndarray:
    """(360, 640, 3) a wall and a floor with furniture-like boxes, posts and lamps before them."""
    random = np.random.default_rng(seed)
    image = np.full((360, 640, 3), random.integers(90, 200, 3), np.uint8)
    cv2.rectangle(image, (0, 230), (640, 360), random.integers(40, 160, 3).tolist(), -1)
    for _ in range(14):
        x, y = random.integers(0, 600), random.integers(60, 320)
        width, height = random.integers(8, 150), random.integers(20, 220)
        colour = random.integers(0, 255, 3).tolist()
        if random.random() < 0.7:
            cv2.rectangle(image, (x, y), (x + width, y + height), colour, -1)
        else:
            cv2.ellipse(image, (x, y), (width // 3, height // 3), 0, 0, 360, colour, -1)
    noise = random.normal(0, 4, image.shape)
    return np.clip(cv2.GaussianBlur(image, (0, 0), 1.2) + noise, 0, 255).astype(np.uint8)


def test_nobody_is_seen_in_rooms_without_anybody(estimator):
    camera, stream = Camera.from_fov(320, 180, 70.0), StreamEstimator(estimator)
    for number in range(4):
        wide = np.ascontiguousarray(room(number)[::2, ::2])
        for frame in range(4):
            panned = np.roll(wide, -3 * frame, axis=1)
            assert stream(panned, camera, 10.0 * number + frame / 30) == []
