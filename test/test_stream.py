"""A stream: the detector looks now and then, and tracks carry people in between."""

import threading

import numpy as np
import pytest

from metric_pose_ros import Camera, Detection, PoseEstimator
from metric_pose_ros.detection import Combined, OutsideDetections
from metric_pose_ros.pose_network import PoseBatch
from metric_pose_ros.shots import Begun, Shot
from metric_pose_ros.stream import StreamEstimator
from test.fake_models import STANDING_MM, save_pose_model

CAMERA = Camera(np.array([[800.0, 0, 640], [0, 800, 360], [0, 0, 1]]), np.zeros(0), "pinhole", 1280, 720)
BOX = np.array([500.0, 150, 780, 570])  # as wide and tall as the standing person with arms out
OTHER = BOX + np.array([490, 0, 490, 0])
FRAME_S = 1 / 30


class Recorder:
    """A detector that finds the same boxes always, and counts its looks."""

    def __init__(self, *boxes, score=0.8):
        self.boxes, self.score, self.looks = list(boxes), score, 0

    def __call__(self, image):
        self.looks += 1
        return [Detection(box, self.score) for box in self.boxes]


class SeesBrightFigure:
    """A pose network that sees the standing person in a bright figure on dark ground, as tall as it, or is sure of
    nothing."""

    description = "sees bright figures"

    def __call__(self, crops, intrinsics):
        pose = STANDING_MM - [0, 50, 0]  # the middle of head and feet is the origin
        joints2d, absolute, std = [], [], []
        for crop, K in zip(crops, intrinsics, strict=True):
            rows, columns = np.nonzero(crop[0] > 0.5)
            seen = len(rows) > 20
            height = np.ptp(rows) + 1 if seen else 100
            middle = (
                np.array([(columns.min() + columns.max()) / 2, (rows.min() + rows.max()) / 2]) if seen else K[:2, 2]
            )
            depth = K[0, 0] * np.ptp(pose[:, 1]) / height
            absolute.append(pose + np.append((middle - K[:2, 2]) / K[0, 0], 1) * depth)
            joints2d.append(absolute[-1][:, :2] / absolute[-1][:, 2:] * K[0, 0] + K[:2, 2])
            std.append(np.full(pose.shape, 40.0 if seen else 1e4))
        return PoseBatch(np.stack(joints2d), np.tile(pose, (len(crops), 1, 1)), np.stack(absolute), np.stack(std))


def image_with(*boxes: np.ndarray) -> np.ndarray:
    image = np.full((720, 1280, 3), 30, np.uint8)
    for x1, y1, x2, y2 in np.round(boxes).astype(int):
        image[y1:y2, x1:x2] = 255
    return image


@pytest.fixture(scope="module")
def pose_model(tmp_path_factory):
    return save_pose_model(tmp_path_factory.mktemp("models") / "pose.onnx")


IMAGE = image_with(BOX, OTHER)


def stream_with(pose_model, detector, **options) -> StreamEstimator:
    estimator = PoseEstimator(model=pose_model, detector=detector, threads=1)
    estimator._looking.network = SeesBrightFigure()
    return StreamEstimator(estimator, **options)


def test_the_detector_looks_at_every_so_manieth_frame(pose_model):
    detector = Recorder(BOX)
    stream = stream_with(pose_model, detector, detection_interval=5)
    for frame in range(11):
        (person,) = stream(IMAGE, CAMERA, frame * FRAME_S)
        assert person.id == "p1"
    assert detector.looks == 3  # frames 0, 5 and 10


def test_while_nobody_is_there_the_detector_looks_at_every_frame(pose_model):
    detector = Recorder()
    stream = stream_with(pose_model, detector, detection_interval=5)
    assert [stream(IMAGE, CAMERA, frame * FRAME_S) for frame in range(4)] == [[]] * 4
    assert detector.looks == 4


def test_somebody_new_is_found_at_the_next_look_and_others_keep_their_ids(pose_model):
    detector = Recorder(BOX)
    stream = stream_with(pose_model, detector, detection_interval=4)
    for frame in range(3):
        stream(IMAGE, CAMERA, frame * FRAME_S)
    detector.boxes.append(OTHER)
    ids = [{person.id for person in stream(IMAGE, CAMERA, frame * FRAME_S)} for frame in range(3, 6)]
    assert ids == [{"p1"}, {"p1", "p2"}, {"p1", "p2"}]


def test_the_parts_of_a_detector_take_turns_after_the_first_frame(pose_model):
    near, far = Recorder(BOX), Recorder(BOX)
    stream = stream_with(pose_model, Combined((near, far)), detection_interval=1)
    looks = []
    for frame in range(4):
        stream(IMAGE, CAMERA, frame * FRAME_S)
        looks.append((near.looks, far.looks))
    assert looks == [(1, 1), (2, 1), (2, 2), (3, 2)]


def test_somebody_whom_the_detector_never_confirms_is_dropped(pose_model):
    detector = Recorder(BOX)
    stream = stream_with(pose_model, detector, detection_interval=2)
    stream(IMAGE, CAMERA, 0.0)
    detector.boxes.clear()
    seen = [len(stream(IMAGE, CAMERA, frame * FRAME_S)) for frame in range(1, 40)]
    assert seen[:10] == [1] * 10
    assert seen[-10:] == [0] * 10


def test_the_detector_soon_looks_again_at_somebody_unsure_and_reports_whom_it_finds_twice(pose_model):
    detector = Recorder(BOX, score=0.35)
    stream = stream_with(pose_model, detector, detection_interval=100)
    reported = [len(stream(image_with(BOX), CAMERA, frame * FRAME_S)) for frame in range(5)]
    assert reported == [0, 0, 1, 1, 1]
    assert detector.looks == 2  # frames 0 and 2


def test_whom_the_detector_finds_again_and_again_with_a_low_score_is_not_reported(pose_model):
    stream = stream_with(pose_model, Recorder(BOX, score=0.3), detection_interval=2)
    assert not any(stream(image_with(BOX), CAMERA, frame * FRAME_S) for frame in range(8))
    assert stream.tracker.tracks[0].detections == 0


def test_a_track_that_went_astray_gives_way_to_the_detector(pose_model):
    detector = Recorder(BOX)
    stream = stream_with(pose_model, detector, detection_interval=1)
    stream(IMAGE, CAMERA, 0.0)
    (track,) = stream.tracker.tracks
    beside = BOX + np.array([130, 0, 130, 0])  # overlaps the track by a third
    expected = [(track, BOX)]
    for confirmed in (False, False, True):
        found = stream._compare([Detection(beside, 0.8)], expected)
        assert bool(found.corrections) == confirmed
        assert len(found.strangers) == (not confirmed)


def test_keypoints_reach_whoever_looks_at_strangers_and_at_tracks_that_went_astray(pose_model):
    stream = stream_with(pose_model, Recorder(BOX), detection_interval=1)
    stream(IMAGE, CAMERA, 0.0)
    (track,) = stream.tracker.tracks
    track.unconfirmed = 10
    seen = [Detection(box, 0.8, keypoints=np.full((17, 3), n)) for n, box in enumerate((BOX + 130, OTHER))]
    found = stream._compare(seen, [(track, BOX + 10)])
    begun = Begun(Shot(IMAGE, CAMERA, 0.1), [*found.corrections.values(), *found.strangers], 0.0)
    assert [each.keypoints[0, 0] for each in begun.detections] == [0, 1]
    assert [each.expected for each in begun.detections] == [None, None]


def test_somebody_in_front_is_not_taken_for_the_one_behind(pose_model):
    stream = stream_with(pose_model, Recorder(BOX), detection_interval=1)
    stream(IMAGE, CAMERA, 0.0)
    (track,) = stream.tracker.tracks
    front = BOX + np.array([130, 0, 130, 0])
    for _ in range(10):  # one look sees both, the next one only the nearer one
        both = stream._compare([Detection(front, 0.9), Detection(BOX, 0.8)], [(track, BOX)])
        one = stream._compare([Detection(front, 0.9)], [(track, BOX)])
        for found in (both, one):
            assert not found.corrections
            assert [look.apart for look in found.strangers] == [False]
    assert stream.tracker.tracks == [track]


def test_somebody_who_was_lost_is_looked_for_where_the_detector_says(pose_model):
    detector = Recorder(BOX)
    stream = stream_with(pose_model, detector, detection_interval=100)
    moved = BOX + np.array([120, 0, 120, 0])
    stream(image_with(BOX), CAMERA, 0.0)
    stream(image_with(), CAMERA, FRAME_S)  # nobody to be seen for a frame
    detector.boxes = [moved]
    (person,) = stream(image_with(moved), CAMERA, 2 * FRAME_S)
    assert person.id == "p1"
    assert person.box == pytest.approx(moved)


def test_where_the_detector_agrees_the_box_of_the_track_is_kept(pose_model):
    detector = Recorder(BOX)
    stream = stream_with(pose_model, detector, detection_interval=1)
    stream(IMAGE, CAMERA, 0.0)
    detector.boxes = [BOX + 15]
    (person,) = stream(IMAGE, CAMERA, FRAME_S)
    assert np.abs(person.box - detector.boxes[0]).min() > 1


def test_boxes_from_tracks_do_not_drift(pose_model):
    stream = stream_with(pose_model, Recorder(BOX), detection_interval=1000)
    distances = [stream(IMAGE, CAMERA, frame * FRAME_S)[0].joints3d[0, 2] for frame in range(100)]
    assert np.ptp(distances) < 0.02 * distances[0]


def test_somebody_who_walks_is_followed_without_the_detector(pose_model):
    detector = Recorder(BOX - np.array([400, 0, 400, 0]))
    stream = stream_with(pose_model, detector, detection_interval=1000)
    for frame in range(90):
        box = BOX + np.array([5 * frame - 400, 0, 5 * frame - 400, 0])
        (person,) = stream(image_with(box), CAMERA, frame * FRAME_S)
        middle = (person.joints2d.min(axis=0) + person.joints2d.max(axis=0)) / 2
        assert np.linalg.norm(middle - (box[:2] + box[2:]) / 2) < 12
    assert detector.looks == 1
    assert person.velocity[0] == pytest.approx(5 / 420 * 1.68 / FRAME_S, abs=0.1)


def test_somebody_who_vanishes_is_not_reported(pose_model):
    detector = Recorder(BOX)
    stream = stream_with(pose_model, detector, detection_interval=1000)
    assert len(stream(IMAGE, CAMERA, 0.0)) == 1
    assert stream(image_with(OTHER), CAMERA, FRAME_S) == []


def test_the_detector_looks_at_every_second_frame_while_somebody_is_lost(pose_model):
    detector = Recorder(BOX)
    stream = stream_with(pose_model, detector, detection_interval=100)
    looks = []
    for frame in range(6):
        stream(IMAGE if frame == 0 else image_with(OTHER), CAMERA, frame * FRAME_S)
        looks.append(detector.looks)
    assert looks == [1, 1, 2, 2, 3, 3]


def outside_stream(pose_model) -> tuple[StreamEstimator, OutsideDetections]:
    outside = OutsideDetections()
    return stream_with(pose_model, None, outside=outside), outside


def test_detections_from_outside_begin_tracks_which_lead_on(pose_model):
    stream, outside = outside_stream(pose_model)
    assert stream(IMAGE, CAMERA, 0.0) == []
    outside.put(0.0, [Detection(BOX, 0.8)])
    for frame in range(1, 20):
        (person,) = stream(IMAGE, CAMERA, frame * FRAME_S)
        assert person.id == "p1"


def test_late_detections_are_compared_with_where_people_were_in_their_image(pose_model):
    stream, outside = outside_stream(pose_model)
    boxes = [BOX + np.array([12 * frame - 400, 0, 12 * frame - 400, 0]) for frame in range(60)]
    seen = []
    for frame in range(60):
        if frame >= 8:  # of eight frames ago, where the person was a third of their width further left
            outside.put((frame - 8) * FRAME_S, [Detection(boxes[frame - 8], 0.8)])
        seen.append([person.id for person in stream(image_with(boxes[frame]), CAMERA, frame * FRAME_S)])
    assert seen[:8] == [[]] * 8
    assert seen[8:] == [["p1"]] * 52
    assert len(stream.tracker.tracks) == 1


def test_detections_of_another_time_are_left_alone(pose_model):
    stream, outside = outside_stream(pose_model)
    outside.put(100.0, [Detection(BOX, 0.8)])
    assert stream(IMAGE, CAMERA, 0.0) == []


def test_detections_outside_the_image_are_left_alone(pose_model):
    stream, outside = outside_stream(pose_model)
    outside.put(0.0, [Detection(BOX + 5000, 0.8), Detection(BOX * np.array([1, 1, 1, 9]), 0.8)])
    (person,) = stream(IMAGE, CAMERA, 0.0)
    assert person.box[3] == 720


def test_when_time_starts_over_people_are_new_and_nobody_is_missed(pose_model):
    stream = stream_with(pose_model, Recorder(BOX), detection_interval=100)
    for frame in range(5):
        stream(IMAGE, CAMERA, 50 + frame * FRAME_S)
    for frame in range(5):
        (person,) = stream(IMAGE, CAMERA, frame * FRAME_S)
        assert person.id == "p2"
        assert np.linalg.norm(person.velocity) < 0.5


def test_a_pose_of_the_camera_takes_over_from_none_and_stays_when_it_fails(pose_model):
    class Motion:
        pose = None

        def now(self, stamp_s):
            return self.pose

        at = now

    stream, motion = stream_with(pose_model, Recorder(BOX), detection_interval=1), Motion()
    (person,) = stream(IMAGE, CAMERA, 0.0, motion)
    assert person.id == "p1"
    motion.pose = np.eye(4)
    motion.pose[:3, 3] = [5.0, 0, 0]
    (person,) = stream(IMAGE, CAMERA, FRAME_S, motion)
    assert person.id == "p2"
    there = stream.tracker.tracks[0].position_at(FRAME_S)
    assert there[0] == pytest.approx(person.position[0] + 5.0)
    motion.pose = None
    (person,) = stream(IMAGE, CAMERA, 2 * FRAME_S, motion)
    assert person.id == "p2"
    assert stream.tracker.tracks[0].position_at(2 * FRAME_S)[0] == pytest.approx(there[0], abs=0.02)


def test_equal_frames_give_equal_people(pose_model):
    runs = []
    for _ in range(2):
        stream = stream_with(pose_model, Recorder(BOX), detection_interval=3)
        runs.append([stream(IMAGE, CAMERA, frame * FRAME_S)[0].joints3d for frame in range(8)])
    assert np.array_equal(runs[0], runs[1])


def test_in_the_background_no_frame_waits_for_the_detector_while_somebody_is_followed(pose_model):
    may_look, looking = threading.Event(), threading.Event()
    looks = []

    def slow(image):
        looks.append(image)
        if len(looks) > 1:
            looking.set()
            assert may_look.wait(10)
        return [Detection(BOX, 0.8)] if len(looks) == 1 else [Detection(BOX, 0.8), Detection(OTHER, 0.8)]

    stream = stream_with(pose_model, slow, background_detection=True, detection_interval=2)
    try:
        assert [person.id for person in stream(IMAGE, CAMERA, 0.0)] == ["p1"], "the first frame waits"
        for frame in range(1, 10):
            assert [person.id for person in stream(IMAGE, CAMERA, frame * FRAME_S)] == ["p1"]
        assert looking.wait(10)
        may_look.set()
        frame = 10
        while len(people := stream(IMAGE, CAMERA, frame * FRAME_S)) < 2:
            frame += 1
            threading.Event().wait(0.01)
            assert frame < 500
        assert [person.id for person in people] == ["p1", "p2"]
    finally:
        may_look.set()
        stream.close()


def test_an_error_of_the_background_detector_is_not_swallowed(pose_model):
    looks = []

    def breaking(image):
        looks.append(image)
        if len(looks) > 1:
            raise RuntimeError("lens cap on")
        return [Detection(BOX, 0.8)]

    stream = stream_with(pose_model, breaking, background_detection=True)

    def watch():
        for frame in range(200):
            stream(IMAGE, CAMERA, frame * FRAME_S)
            threading.Event().wait(0.01)

    try:
        with pytest.raises(RuntimeError, match="lens cap on"):
            watch()
    finally:
        stream.close()


def test_every_stage_is_timed(pose_model):
    stream = stream_with(pose_model, Recorder(BOX))
    stream(IMAGE, CAMERA, 0.0)
    assert set(stream.timings) == {"detection", "crop", "network", "placement", "tracking"}


def test_a_bad_image_is_an_error_and_the_stream_goes_on(pose_model):
    stream = stream_with(pose_model, Recorder(BOX))
    with pytest.raises(ValueError, match="the image is 640x360"):
        stream(IMAGE[:360, :640], CAMERA, 0.0)
    assert len(stream(IMAGE, CAMERA, FRAME_S)) == 1


def test_a_stream_needs_a_detector_and_a_positive_interval(pose_model):
    with pytest.raises(ValueError, match="needs an estimator with a detector"):
        stream_with(pose_model, None)
    with pytest.raises(ValueError, match="detection_interval is 0"):
        stream_with(pose_model, Recorder(), detection_interval=0)


def test_the_fake_person_is_as_tall_as_the_tests_say():
    assert np.ptp(STANDING_MM[:, 1]) == pytest.approx(1680)


def test_people_keep_their_ids_when_the_camera_changes_its_resolution(pose_model):
    small = Camera(CAMERA.K * [[0.5], [0.5], [1]], np.zeros(0), "pinhole", 640, 360)
    waiting = threading.Event()

    def detector(image):
        waiting.wait(0.0 if image.shape[0] == 360 else 0.05)  # what is found in large images comes late
        return [Detection(box * image.shape[0] / 720, 0.8) for box in (BOX, OTHER)]

    stream = stream_with(pose_model, detector, detection_interval=1, background_detection=True)
    for frame in range(9):
        image, camera = (IMAGE, CAMERA) if frame // 3 % 2 == 0 else (IMAGE[::2, ::2], small)
        people = stream(image, camera, frame * FRAME_S)
        assert [person.id for person in people] == ["p1", "p2"], frame
        assert [float(person.position[2]) for person in people] == pytest.approx([3.2, 3.2], abs=0.3), frame
    stream.close()


def test_a_detection_that_does_not_come_is_waited_for_after_a_while(pose_model, monkeypatch):
    monkeypatch.setattr("metric_pose_ros.stream._SLOWEST_DETECTION_S", 0.1)
    released = threading.Event()
    calls = []

    def detector(image):
        calls.append(len(calls))
        if len(calls) > 1:
            released.wait(30)
        return [Detection(BOX, 0.8)]

    stream = stream_with(pose_model, detector, detection_interval=1, background_detection=True)
    stream(IMAGE, CAMERA, 0.0)
    stream(IMAGE, CAMERA, FRAME_S)  # asks, and does not wait
    stuck = threading.Thread(target=lambda: [stream(IMAGE, CAMERA, n * FRAME_S) for n in range(2, 200)], daemon=True)
    stuck.start()
    stuck.join(1.0)
    assert stuck.is_alive()
    released.set()
    stuck.join(30)
    assert not stuck.is_alive()
    stream.close()


def test_with_few_frames_people_are_followed_and_the_detector_looks_beside_them(pose_model):
    detector = Recorder(BOX, OTHER)
    stream = stream_with(pose_model, detector, detection_interval=100, background_detection=True)
    for second in range(5):
        assert [person.id for person in stream(IMAGE, CAMERA, float(second))] == ["p1", "p2"]
    stream._worker.shutdown(wait=True)
    assert detector.looks == 5
