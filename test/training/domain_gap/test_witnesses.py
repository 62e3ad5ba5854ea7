"""What MediaPipe says of its crops, brought into the image and the camera's frame."""

import numpy as np
import pytest

from metric_pose_ros.known_body import KnownBody
from metric_pose_ros.people import Detection, Person
from metric_pose_ros.skeleton import COCO_17, Skeleton
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
    told = hear(clip, {}, with_mediapipe=True, detector=lambda image: [])[MEDIAPIPE][0]
    assert next(looks, None) is None
    assert told.points == pytest.approx(px(truth), abs=1e-6)
    assert told.poses == pytest.approx(truth, abs=1e-6)
    assert told.sure is not None
    assert told.sure.sum() == FRAMES * 16
    assert not told.sure[:, 9].any()


class Model:
    """Answers with whatever it is asked about, and keeps that."""

    def __init__(self):
        self.asked = []

    def estimate_many(self, frames):
        ((_, _, detections),) = frames
        self.asked += [each for each in detections if each.score == 1]
        self.bystanders = [each for each in detections if each.score < 1]
        nothing = np.zeros((17, 3))
        return [
            [Person(nothing, nothing[:, :2], nothing, nothing[:, 0], each.box, 1.0, COCO_17) for each in detections]
        ]


def test_all_are_told_the_keypoints_of_whom_the_detector_finds_in_a_box(monkeypatch):
    truth = man(FRAMES) + np.array([0.2, 0.4, 0.0])
    clip = room(truth)
    points = px(truth)
    clip.people[0].boxes[:] = np.concatenate([points.min(axis=1) - 10, points.max(axis=1) + 10], axis=1)
    elsewhere = Detection(np.array([600.0, 10, 640, 90]), 1.0, keypoints=np.full((17, 3), 7.0))
    frame = iter(range(FRAMES))

    def detector(image):
        number = next(frame)
        keypoints = np.column_stack([points[number], np.ones(17)])
        mine = Detection(clip.people[0].boxes[number] + 3, 0.5, keypoints=keypoints)
        return [elsewhere] if number == 5 else [elsewhere, mine]

    looks = []
    monkeypatch.setattr(
        witnesses, "_cut", lambda clip, crops: [np.stack([crop.K for crop in looks]) for looks in crops]
    )
    monkeypatch.setattr(witnesses, "_answers", lambda crops: looks.append(crops) or [np.zeros((FRAMES, 39, 5))] * 2)
    monkeypatch.setattr(witnesses, "_mediapipe_person", lambda *_: None)
    model = Model()
    hear(clip, {"model": model}, with_mediapipe=True, detector=detector)
    assert [each.box[0] for each in model.bystanders] == [elsewhere.box[0]]
    assert [each.keypoints is None for each in model.asked] == [number == 5 for number in range(FRAMES)]
    for number, asked in enumerate(model.asked):
        if number == 5:
            expected = witnesses.look_at(CAMERA, asked.box, 256, 1.25)
        else:
            assert np.array_equal(asked.keypoints[:, :2], points[number])
            expected = KnownBody.of(asked, CAMERA, COCO_17).crop(256, 1.25)
        assert looks[0][number] == pytest.approx(expected.K)
