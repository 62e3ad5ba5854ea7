"""What MediaPipe says of its crops, brought into the image and the camera's frame."""

import numpy as np
import pytest

from metric_pose_ros.skeleton import Skeleton
from test.training.domain_gap.test_measures import man
from test.training.domain_gap.test_score import CAMERA, FRAMES, px, room
from training.domain_gap import witnesses
from training.domain_gap.mediapipe_side import COCO_LANDMARKS
from training.domain_gap.witnesses import MEDIAPIPE, hear

CIRCLE = Skeleton("circle", ("pelvis", "left_shoulder", "right_shoulder"), ())


def circles_around(truth):
    """(F, 3, 3) m: between the hips, and twice a point above the shoulders."""
    hips, shoulders = truth[:, 11:13].mean(axis=1), truth[:, 5:7].mean(axis=1)
    top = hips + 2 * (shoulders - hips)
    return np.stack([hips, top, top], axis=1)


def test_a_mediapipe_that_sees_right_is_where_the_person_is(monkeypatch):
    # To the right and low in the image, so that crops look aside.
    truth = man(FRAMES) + np.array([1.2, 1.4, 0.0])
    clip = room(truth)
    for course in clip.people:
        points = px(truth)
        course.boxes[:] = np.concatenate([points.min(axis=1) - 10, points.max(axis=1) + 10], axis=1)

    by_box = [witnesses.look_at(CAMERA, box, 256, 1.25) for box in clip.people[0].boxes]
    by_circle = [witnesses.look_at_body(circle, CIRCLE, 256, 1.25) for circle in circles_around(truth)]
    looks = iter([by_box, by_circle])

    def answers(pixels):
        crops = next(looks)
        landmarks, world = np.zeros((FRAMES, 39, 5)), np.zeros((FRAMES, 39, 3))
        for frame, crop in enumerate(crops):
            seen = truth[frame] @ crop.rotation.T
            flat = seen @ crop.K.T
            landmarks[frame, COCO_LANDMARKS, :2] = flat[:, :2] / flat[:, 2:]
            landmarks[frame, COCO_LANDMARKS, 3] = 4.0
            circle = circles_around(truth)[frame][:2] @ crop.rotation.T @ crop.K.T
            landmarks[frame, 33:35, :2] = circle[:, :2] / circle[:, 2:]
            world[frame, COCO_LANDMARKS] = seen - seen[11:13].mean(axis=0)
        landmarks[:, COCO_LANDMARKS[9], 3] = -4.0
        assert pixels.shape == (FRAMES, 256, 256, 3)
        return landmarks, world

    monkeypatch.setattr(witnesses, "_answers", answers)
    told = hear(clip, {}, with_mediapipe=True)[MEDIAPIPE][0]
    assert next(looks, None) is None
    assert told.points == pytest.approx(px(truth), abs=1e-6)
    assert told.poses == pytest.approx(truth, abs=1e-6)
    assert told.sure is not None
    assert told.sure.sum() == FRAMES * 16
    assert not told.sure[:, 9].any()
