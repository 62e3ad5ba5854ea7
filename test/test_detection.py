"""Detectors: decoding checked with models whose output is known, and one person gives one box."""

import numpy as np
import pytest

from metric_pose_ros.boxes import one_each
from metric_pose_ros.detection import Combined, MoveNet, NanoDet, open_detector, overlap
from metric_pose_ros.models import ModelError
from metric_pose_ros.people import Detection
from test.fake_models import save_detector, save_pose_model


class Recorded:
    """An engine that always answers the same, and keeps what it was given."""

    description = "recorded"

    def __init__(self, **outputs):
        self.outputs = outputs

    def run(self, **arrays):
        self.given = arrays["image"]
        return self.outputs


def movenet_row(box, score, keypoint=None):
    """A row of MoveNet's output: normalised ymin, xmin, ymax, xmax; `keypoint` is (y, x, score)."""
    row = np.zeros(56, np.float32)
    row[51:55], row[55] = box, score
    if keypoint:
        row[:3] = keypoint
    return row


def people(*rows):
    return np.stack([*rows, *[np.zeros(56, np.float32)] * (6 - len(rows))])[None]


def test_movenet_boxes_come_back_in_pixels_of_the_image():
    # 1280x720 becomes 512x288, a multiple of 32: fractions of it are fractions of the image.
    engine = Recorded(people=people(movenet_row([0.25, 0.5, 0.75, 0.625], 0.8)))
    found = MoveNet(engine, 512)(np.zeros((720, 1280, 3), np.uint8))
    assert engine.given.shape == (1, 288, 512, 3)
    assert len(found) == 1
    assert found[0].box == pytest.approx([640, 180, 800, 540])
    assert found[0].score == pytest.approx(0.8)


def test_movenet_pads_other_shapes_without_moving_the_boxes():
    # 1088x1920 at 0.1833: 199 px wide, padded to 224.
    engine = Recorded(people=people(movenet_row([0.5, 0.25, 0.75, 0.5], 0.8)))
    found = MoveNet(engine, 352)(np.full((1920, 1088, 3), 7, np.uint8))
    assert engine.given.shape == (1, 352, 224, 3)
    assert (engine.given[0, :, 199:] == 0).all()
    assert (engine.given[0, :, :199] == 7).all()
    scale = 1920 / 352
    assert found[0].box == pytest.approx([56 * scale, 176 * scale, 112 * scale, 264 * scale])


def test_movenet_does_not_enlarge_small_images_beyond_the_next_multiple_of_32():
    engine = Recorded(people=people())
    MoveNet(engine, 832)(np.zeros((240, 320, 3), np.uint8))
    assert engine.given.shape == (1, 256, 320, 3)


def test_movenet_takes_rgb():
    engine = Recorded(people=people())
    image = np.zeros((288, 512, 3), np.uint8)
    image[...] = (1, 2, 3)
    MoveNet(engine, 512)(image)
    assert engine.given[0, 5, 5].tolist() == [3, 2, 1]


def test_movenet_boxes_grow_to_hold_keypoints_that_are_seen():
    seen = movenet_row([0.25, 0.5, 0.75, 0.625], 0.8, keypoint=(0.1, 0.7, 0.9))
    unseen = movenet_row([0.25, 0.1, 0.75, 0.2], 0.8, keypoint=(0.1, 0.4, 0.1))
    boxes = [
        found.box for found in MoveNet(Recorded(people=people(seen, unseen)), 512)(np.zeros((720, 1280, 3), np.uint8))
    ]
    assert boxes[0] == pytest.approx([640, 72, 896, 540])
    assert boxes[1] == pytest.approx([128, 180, 256, 540])


def test_movenet_keypoints_come_back_in_pixels_of_the_image():
    row = movenet_row([0.25, 0.1, 0.75, 0.9], 0.8, keypoint=(0.1, 0.7, 0.9))
    row[48:51] = 0.5, 0.25, 0.05
    (found,) = MoveNet(Recorded(people=people(row)), 512)(np.zeros((720, 1280, 3), np.uint8))
    assert found.keypoints.shape == (17, 3)
    assert found.keypoints[0] == pytest.approx([896, 72, 0.9])
    assert found.keypoints[16] == pytest.approx([320, 360, 0.05])


def test_unlikely_people_and_slivers_are_left_out_and_boxes_end_at_the_image():
    rows = people(
        movenet_row([0.2, 0.2, 0.8, 0.4], 0.1),
        movenet_row([0.2, 0.6, 0.8, 0.6005], 0.9),
        movenet_row([-0.1, 0.9, 1.1, 1.2], 0.6),
    )
    found = MoveNet(Recorded(people=rows), 512)(np.zeros((720, 1280, 3), np.uint8))
    assert len(found) == 1
    assert found[0].box == pytest.approx([1152, 0, 1280, 720])


def test_one_person_gives_one_box():
    rows = people(movenet_row([0.2, 0.2, 0.8, 0.4], 0.7), movenet_row([0.22, 0.2, 0.8, 0.41], 0.8))
    found = MoveNet(Recorded(people=rows), 512)(np.zeros((720, 1280, 3), np.uint8))
    assert [detection.score for detection in found] == pytest.approx([0.8])


def nanodet_outputs(cell: int, sides: tuple[float, float, float, float], score: float):
    """NanoDet's answer with one person at a cell of the finest level; `sides` in strides."""
    scores, distances = np.zeros((1, 3549, 80), np.float32), np.zeros((1, 3549, 4, 11), np.float32)
    scores[0, cell, 0] = score
    for side, distance in enumerate(sides):
        low = int(distance)
        distances[0, cell, side] = -50
        distances[0, cell, side, low] = np.log(1 - (distance - low) + 1e-9)
        distances[0, cell, side, low + 1] = np.log(distance - low + 1e-9)
    return {"scores": scores, "distances": distances.reshape(1, 3549, 44)}


def test_nanodet_boxes_are_the_means_of_its_distributions():
    # Finest level: 52 cells of 8 px. Cell (row 20, column 30) has its centre at (244, 164).
    outputs = nanodet_outputs(20 * 52 + 30, (2.5, 4.0, 3.0, 5.25), 0.9)
    engine = Recorded(**outputs)
    found = NanoDet(engine)(np.full((416, 832, 3), 124, np.uint8))
    assert engine.given.shape == (1, 3, 416, 416)
    blue, green, red = (124 - 103.53) / 57.375, (124 - 116.28) / 57.12, (124 - 123.675) / 58.395
    assert engine.given[0, :, 10, 10] == pytest.approx([blue, green, red], abs=1e-6)
    assert found[0].box == pytest.approx(2 * np.array([244 - 20, 164 - 32, 244 + 24, 164 + 42]), abs=1e-3)
    assert found[0].score == pytest.approx(0.9)


def test_nanodet_ignores_everything_but_people():
    outputs = nanodet_outputs(500, (2, 2, 2, 2), 0.0)
    outputs["scores"][0, 500, 17] = 0.99
    assert NanoDet(Recorded(**outputs))(np.zeros((416, 416, 3), np.uint8)) == []


def test_combined_detectors_report_everybody_once():
    box, other = np.array([10.0, 10, 60, 110]), np.array([200.0, 10, 260, 110])
    near = lambda image: [Detection(box, 0.9)]  # noqa: E731
    far = lambda image: [Detection(box + 3, 0.5), Detection(other, 0.6)]  # noqa: E731
    found = Combined((near, far))(np.zeros((240, 320, 3), np.uint8))
    assert [detection.score for detection in found] == [0.9, 0.6]
    assert found[1].box.tolist() == other.tolist()


def test_overlap_is_intersection_over_union():
    boxes = np.array([[0.0, 0, 10, 10], [20, 20, 30, 30]])
    assert overlap(boxes, np.array([[5.0, 0, 15, 10]]))[:, 0] == pytest.approx([50 / 150, 0])


@pytest.mark.parametrize("name", ["movenet", "nanodet"])
def test_shipped_detectors_find_nobody_in_an_empty_room(name):
    grey = np.full((240, 320, 3), 120, np.uint8)
    assert open_detector(name, threads=1)(grey) == []


def test_a_detector_file_of_a_known_kind_is_opened_by_path(tmp_path):
    row = people(movenet_row([0.2, 0.2, 0.8, 0.4], 0.7))
    path = save_detector(tmp_path / "mine.onnx", "movenet_multipose", {"people": row})
    assert len(open_detector(str(path))(np.zeros((288, 512, 3), np.uint8))) == 1


def test_a_pose_model_is_no_detector(tmp_path):
    with pytest.raises(ModelError, match="is a pose model, expected a detector"):
        open_detector(str(save_pose_model(tmp_path / "pose.onnx")))


def test_movenet_sizes_are_multiples_of_32():
    with pytest.raises(ValueError, match="longest_side is 500"):
        MoveNet(Recorded(), 500)


@pytest.mark.parametrize("place", range(4))
def test_a_box_that_is_nan_is_nobody(place):
    boxes = np.tile([100.0, 50, 200, 300], (3, 1)) + np.array([[0], [300], [600]])
    boxes[1, place] = np.nan
    found = [Detection(box, score) for box, score in zip(boxes, (0.7, 0.9, 0.8), strict=True)]
    assert [each.box[0] for each in one_each(found, (1080, 1920))] == [700, 100]


def test_who_is_kept_keeps_the_keypoints():
    keypoints = [np.full((17, 3), value) for value in (1.0, 2.0)]
    found = [Detection(np.array([0.0, 0, 90, 90]) + n, 0.5 + n, keypoints=keypoints[n]) for n in range(2)]
    (kept,) = one_each(found, (100, 100))
    assert kept.keypoints is keypoints[1]
