"""From a frame to people: a fake network that knows how the person stands, so that the place can be checked."""

import numpy as np
import pytest

from metric_pose_ros import Camera, Detection, PoseEstimator
from metric_pose_ros.engines.onnxruntime import OnnxRuntimeEngine
from metric_pose_ros.geometry.body_crop import look_at_body, look_at_rough_body
from metric_pose_ros.geometry.crop import look_at
from metric_pose_ros.geometry.rough_body import rough_body
from metric_pose_ros.models import ModelFile, PoseModelInfo
from metric_pose_ros.pose_network import PoseNetwork
from metric_pose_ros.skeleton import BODY_30, COCO_17
from test.fake_models import STANDING_MM, metadata, save_detector, save_pose_model

K = np.array([[800.0, 0.0, 640.0], [0.0, 800.0, 360.0], [0.0, 0.0, 1.0]])
CAMERA = Camera(K, np.zeros(0), "pinhole", 1280, 720)
IMAGE = np.full((720, 1280, 3), 90, np.uint8)
HEIGHT_M = float(np.ptp(STANDING_MM[:, 1])) / 1000


@pytest.fixture(scope="module")
def pose_model(tmp_path_factory):
    return save_pose_model(tmp_path_factory.mktemp("models") / "pose.onnx")


@pytest.fixture(scope="module")
def estimator(pose_model):
    return PoseEstimator(model=pose_model, detector=None, threads=1)


def box_of_somebody(x: float, z: float) -> np.ndarray:
    """(4,) px: the bounds of the standing person whose middle is at (x, 0, z) m."""
    half = np.array([HEIGHT_M / 3, HEIGHT_M / 2])
    middle = np.array([x / z * 800 + 640, 360.0])
    return np.concatenate([middle - half * 800 / z, middle + half * 800 / z])


def middle_of(person) -> np.ndarray:
    joints = person.joints3d
    return (joints.min(axis=0) + joints.max(axis=0)) / 2


@pytest.mark.parametrize("distance", [2.0, 4.0, 10.0])
def test_somebody_ahead_is_placed_at_the_distance_that_fits_the_box(estimator, distance):
    (person,) = estimator.estimate(IMAGE, CAMERA, [box_of_somebody(0, distance)])
    assert np.linalg.norm(middle_of(person) - [0, 0, distance]) < 0.03 * distance
    assert np.ptp(person.joints3d[:, 1]) == pytest.approx(HEIGHT_M, rel=1e-3)


def test_somebody_at_the_side_stands_in_the_direction_of_the_box(estimator):
    (person,) = estimator.estimate(IMAGE, CAMERA, [box_of_somebody(2.5, 4.0)])
    toward = np.array([2.5, 0, 4.0])
    assert np.degrees(np.arctan2(*middle_of(person)[[0, 2]])) == pytest.approx(np.degrees(np.arctan2(2.5, 4)), abs=1.5)
    assert np.linalg.norm(middle_of(person)) == pytest.approx(np.linalg.norm(toward), rel=0.2)


@pytest.mark.parametrize("model", ["pinhole", "plumb_bob", "equidistant"])
def test_2d_joints_are_the_projection_of_the_3d_joints(estimator, model):
    lens = {"pinhole": [], "plumb_bob": [-0.3, 0.1, 1e-3, -1e-3, 0], "equidistant": [0.02, 0, 0, 0]}[model]
    camera = Camera(K, np.array(lens), model, 1280, 720)
    (person,) = estimator.estimate(IMAGE, camera, [box_of_somebody(1.5, 4.0)])
    assert np.abs(person.joints2d - camera.project(person.joints3d)).max() < 0.05


def test_everybody_in_one_image_is_placed_in_one_batch(estimator):
    people = estimator.estimate(IMAGE, CAMERA, [box_of_somebody(x, 5) for x in (-2, 0, 2)], scores=[0.5, 0.9, 0.7])
    assert sorted(round(float(middle_of(person)[0])) for person in people) == [-2, 0, 2]
    assert {person.score for person in people} == {0.5, 0.7, 0.9}


def test_two_boxes_around_one_person_give_one_person(estimator):
    box = box_of_somebody(0, 4)
    people = estimator.estimate(IMAGE, CAMERA, [box, box + 2], scores=[0.4, 0.8])
    assert [person.score for person in people] == [0.8]


def test_with_too_many_boxes_the_nearest_people_are_taken_however_sure_the_others_are(pose_model):
    few = PoseEstimator(model=pose_model, detector=None, threads=1, max_people=2)
    boxes = [box_of_somebody(x, z) for x, z in ((-2, 4), (0, 7), (2, 5))]
    people = few.estimate(IMAGE, CAMERA, boxes, scores=[0.5, 0.9, 0.7])
    assert [person.score for person in people] == [0.7, 0.5]


def test_deviations_turn_with_the_crop(tmp_path):
    # Looking 45 degrees to the side, depth along the crop is half depth, half sideways in the camera.
    model = save_pose_model(tmp_path / "pose.onnx", std_mm=50)
    estimator = PoseEstimator(model=model, detector=None, threads=1)
    (person,) = estimator.estimate(IMAGE, CAMERA, [box_of_somebody(2, 4)])
    assert person.std == pytest.approx(np.full((30, 3), 0.05))
    assert person.confidence == pytest.approx(np.full(30, 0.97), abs=0.03)


def test_detections_become_people_and_every_stage_is_timed(pose_model):
    boxes = [Detection(box_of_somebody(-1.5, 5), 0.6), Detection(box_of_somebody(1.5, 5), 0.9)]
    estimator = PoseEstimator(model=pose_model, detector=lambda image: boxes, threads=1)
    assert len(estimator(IMAGE, CAMERA)) == 2
    assert set(estimator.timings) == {"detection", "crop", "network", "placement"}
    assert all(seconds >= 0 for seconds in estimator.timings.values())


def test_a_detector_file_can_be_given_by_path(pose_model, tmp_path):
    row = np.zeros((1, 6, 56))
    row[0, 0, 51:56] = [0.1, 0.4, 0.9, 0.6, 0.8]
    detector = save_detector(tmp_path / "detector.onnx", "movenet_multipose", {"people": row})
    assert len(PoseEstimator(model=pose_model, detector=str(detector), threads=1)(IMAGE, CAMERA)) == 1


def test_the_detector_may_have_fewer_threads_than_the_pose_network(pose_model):
    estimator = PoseEstimator(model=pose_model, threads=2, detector_threads=1)
    assert "2 threads" in estimator.description
    assert "1 thread (" in estimator.detector.parts[0]._engine.description


def test_an_empty_image_has_nobody_in_it(pose_model):
    assert PoseEstimator(model=pose_model, detector=lambda image: [], threads=1)(IMAGE, CAMERA) == []


def test_no_boxes_give_no_people(estimator):
    assert estimator.estimate(IMAGE, CAMERA, []) == []
    assert estimator.estimate(IMAGE, CAMERA, np.zeros((0, 4))) == []


class SeesAnArm:
    """An engine that sees the right arm of somebody 4 m away, and knows the rest of the body outside the crop."""

    description = "sees an arm"

    def __init__(self, std_mm: float) -> None:
        self._std_mm = std_mm

    def run(self, crops, intrinsics):
        absolute = (STANDING_MM - STANDING_MM[ARM].mean(axis=0) + [0, 0, 4000])[None].astype(float)
        seen = absolute @ intrinsics.transpose(0, 2, 1)
        std = np.full((1, 30, 3), self._std_mm)
        return {"joints2d": seen[..., :2] / seen[..., 2:], "relative": absolute, "absolute": absolute, "std": std}


ARM = list(BODY_30.indices(("right_elbow", "right_wrist", "right_hand")))


def test_the_distance_is_as_certain_as_the_joints_in_view_make_it(pose_model, estimator):
    (whole,) = estimator.estimate(IMAGE, CAMERA, [box_of_somebody(0, 4)])
    # Joints are known to 40 mm, so a body's distance is known as well as its size is: to 7 %, and a little less.
    assert 0.07 < whole.distance_std / np.linalg.norm(whole.position) < 0.09


@pytest.mark.parametrize(("std_mm", "people"), [(40.0, 1), (110.0, 0)])
def test_a_limb_is_far_less_certain_and_soon_no_place_at_all(pose_model, std_mm, people):
    network = PoseNetwork(SeesAnArm(std_mm), ModelFile.open(pose_model).pose_info())
    found = PoseEstimator(model=network, detector=None).estimate(IMAGE, CAMERA, [[600.0, 300, 680, 420]])
    assert len(found) == people
    for person in found:
        assert 0.2 < person.distance_std / np.linalg.norm(person.position) < 0.5


def test_somebody_of_whom_a_hand_reaches_into_the_image_is_nobody(estimator):
    assert len(estimator.estimate(IMAGE, CAMERA, [box_of_somebody(-3.2, 4)])) == 1
    assert estimator.estimate(IMAGE, CAMERA, [box_of_somebody(-3.45, 4)]) == []


@pytest.mark.parametrize("std_mm", [500.0, np.nan, np.inf])
def test_poses_that_the_network_is_not_sure_of_are_dropped(tmp_path, std_mm):
    estimator = PoseEstimator(model=save_pose_model(tmp_path / "pose.onnx", std_mm=std_mm), detector=None, threads=1)
    assert estimator.estimate(IMAGE, CAMERA, [box_of_somebody(0, 4)]) == []


def test_an_uncertainty_that_nobody_calibrated_drops_nobody(tmp_path):
    path = save_pose_model(tmp_path / "pose.onnx", metadata(calibrated=False), std_mm=500.0)
    estimator = PoseEstimator(model=path, detector=None, threads=1)
    assert len(estimator.estimate(IMAGE, CAMERA, [box_of_somebody(0, 4)])) == 1


@pytest.mark.parametrize("broken", ["not a number", "behind the camera", "scattered"])
def test_what_cannot_be_a_person_is_dropped(tmp_path, broken):
    pose = STANDING_MM.copy()
    if broken == "not a number":
        pose[7] = np.nan
    elif broken == "behind the camera":
        pose[7, 2] = -9000
    else:
        pose = np.random.default_rng(0).normal(0, 1500, pose.shape).astype(np.float32)
    path = save_pose_model(tmp_path / "pose.onnx", pose_mm=pose)
    assert PoseEstimator(model=path, detector=None, threads=1).estimate(IMAGE, CAMERA, [box_of_somebody(0, 4)]) == []


@pytest.mark.parametrize("broken", ["not a number", "behind the camera", "scattered", "unsure"])
def test_every_box_gives_a_person_where_implausible_ones_are_wanted_too(tmp_path, broken):
    pose, std_mm = STANDING_MM.copy(), 40.0
    if broken == "not a number":
        pose[7] = np.nan
    elif broken == "behind the camera":
        pose[7, 2] = -9000
    elif broken == "scattered":
        pose = np.random.default_rng(0).normal(0, 1500, pose.shape).astype(np.float32)
    else:
        std_mm = 900.0
    path = save_pose_model(tmp_path / "pose.onnx", pose_mm=pose, std_mm=std_mm)
    estimator = PoseEstimator(model=path, detector=None, threads=1, only_plausible=False)
    boxes = [box_of_somebody(0, 4), box_of_somebody(0, 4), box_of_somebody(1, 4)]
    assert [person.box.tolist() for person in estimator.estimate(IMAGE, CAMERA, boxes)] == [b.tolist() for b in boxes]


def many(estimator, frames):
    return estimator.estimate_many(
        [(image, camera, [Detection(box, 1.0) for box in boxes]) for image, camera, boxes in frames]
    )


def test_images_of_several_cameras_in_one_batch_give_what_each_gives_alone(estimator):
    wide = Camera(np.array([[400.0, 0, 320], [0, 400, 180], [0, 0, 1]]), np.zeros(0), "pinhole", 640, 360)
    frames = [
        (IMAGE, CAMERA, [box_of_somebody(0, 4), box_of_somebody(2, 5)]),
        (IMAGE, CAMERA, []),
        (IMAGE[:360, :640], wide, [box_of_somebody(-1, 4) / 2]),
    ]
    together = many(estimator, frames)
    assert [len(people) for people in together] == [2, 0, 1]
    for people, frame in zip(together, frames, strict=True):
        for person, alone in zip(people, estimator.estimate(*frame), strict=True):
            assert person.joints3d == pytest.approx(alone.joints3d, abs=1e-5)
            assert person.box == pytest.approx(alone.box)


def test_a_network_that_runs_already_can_be_given(pose_model):
    file = ModelFile.open(pose_model)
    network = PoseNetwork(OnnxRuntimeEngine(file.path), file.pose_info())
    estimator = PoseEstimator(model=network, detector=None)
    assert estimator.model is None
    assert estimator.description.startswith("fake_pose 0.0.1: ONNX Runtime")
    assert len(estimator.estimate(IMAGE, CAMERA, [box_of_somebody(0, 4)])) == 1


@pytest.mark.parametrize(
    ("box", "message"),
    [
        ([10, 10, np.nan, 50], r"box 1 \(10, 10, nan, 50\) holds values that are not finite"),
        ([10, 10, 10, 50], "box 1.*has no size"),
        ([50, 10, 10, 50], "box 1.*has no size"),
        ([1280, 10, 1400, 50], "box 1.*lies outside the 1280x720 image"),
        ([-100, 10, -5, 50], "box 1.*lies outside"),
    ],
)
def test_a_bad_box_is_named(estimator, box, message):
    with pytest.raises(ValueError, match=message):
        estimator.estimate(IMAGE, CAMERA, [box_of_somebody(0, 4), box])


def test_boxes_and_scores_must_fit(estimator):
    with pytest.raises(ValueError, match=r"boxes have shape \(4,\), expected \(N, 4\)"):
        estimator.estimate(IMAGE, CAMERA, [1, 2, 3, 4])
    with pytest.raises(ValueError, match="2 scores were given for 1 boxes"):
        estimator.estimate(IMAGE, CAMERA, [box_of_somebody(0, 4)], scores=[1, 1])


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (None, "the image is NoneType"),
        (IMAGE[..., 0], r"shape \(720, 1280\)"),
        (IMAGE.astype(np.float32), "type float32"),
        (np.zeros((0, 1280, 3), np.uint8), "the image is empty"),
        (IMAGE[:360, :640], "the image is 640x360, but its camera is calibrated for 1280x720"),
    ],
)
def test_a_bad_image_is_described(estimator, image, message):
    with pytest.raises(ValueError, match=message):
        estimator.estimate(image, CAMERA, [box_of_somebody(0, 4)])


def test_detecting_without_a_detector_says_what_to_do(estimator):
    with pytest.raises(ValueError, match="has no detector: give boxes"):
        estimator(IMAGE, CAMERA)


def test_a_box_larger_than_the_image_does_no_harm(estimator):
    for person in estimator.estimate(IMAGE, CAMERA, [[-500.0, -500, 1900, 1400]]):
        assert np.isfinite(person.joints3d).all()
        assert person.joints3d[:, 2].min() > 0


class Looks:
    """A pose network that notes the cameras it looks through."""

    def __init__(self, path, **changes):
        self.seen = []
        self._engine = OnnxRuntimeEngine(path, 1)
        self.description = "notes"
        info = PoseModelInfo.from_metadata(metadata(**changes), BODY_30)
        self.estimator = PoseEstimator(model=PoseNetwork(self, info), detector=None)

    def run(self, **arrays):
        self.seen.append(arrays["intrinsics"])
        return self._engine.run(**arrays)


def test_strangers_are_looked_at_by_their_boxes_and_then_by_their_bodies(pose_model):
    looks = Looks(pose_model, body_scale=1.4)
    (person,) = looks.estimator.estimate(IMAGE, CAMERA, [box_of_somebody(1.5, 4)])
    by_box, by_body = looks.seen
    first = Looks(pose_model)
    (then,) = first.estimator.estimate(IMAGE, CAMERA, [box_of_somebody(1.5, 4)])
    assert np.array_equal(by_box, first.seen[0])
    assert by_body[0] == pytest.approx(look_at_body(then.joints3d, BODY_30, 256, 1.4).K, rel=1e-5)
    assert len(first.seen) == 1
    assert set(looks.estimator.timings) == {"detection", "crop", "network", "placement"}
    # This network sees the same person in every crop, so who comes nearer by a wider look was looked at so.
    assert person.position[2] == pytest.approx(then.position[2] * by_body[0, 0, 0] / by_box[0, 0, 0], rel=0.01)


def test_whom_one_knows_is_looked_at_once(pose_model):
    looks = Looks(pose_model, body_scale=1.4)
    boxes = [box_of_somebody(x, 5) for x in (-2, 2)]
    known = STANDING_MM / 1000 @ np.array([[0, 1, 0], [-1, 0, 0], [0, 0, 1]]) + [2, 0, 5]  # lying
    people = looks.estimator.estimate(IMAGE, CAMERA, boxes, expected=[None, known])
    assert [len(intrinsics) for intrinsics in looks.seen] == [2, 1]
    (lying,) = (person for person in people if person.position[0] > 0)
    along = lying.joints3d[BODY_30.names.index("neck")] - lying.position
    assert abs(along[0]) > 5 * abs(along[1])


def test_strangers_with_keypoints_are_looked_at_by_these_and_then_by_their_bodies(pose_model):
    looks = Looks(pose_model, body_scale=1.4)
    box, there = box_of_somebody(1.5, 4), STANDING_MM / 1000 + [1.5, 0, 4]
    keypoints = np.column_stack([CAMERA.project(BODY_30.convert(there, COCO_17)), np.ones(17)])
    (people,) = looks.estimator.estimate_many([(IMAGE, CAMERA, [Detection(box, 0.9, keypoints=keypoints)])])
    by_keypoints, by_body = looks.seen
    assert by_keypoints[0] == pytest.approx(look_at_rough_body(rough_body(CAMERA, keypoints), 256, 1.4).K)
    assert by_body[0] != pytest.approx(by_keypoints[0])
    assert len(people) == 1
    # Where somebody was a moment ago says more than what a detector sees.
    looks.seen.clear()
    known = Detection(box, 0.9, expected=there, keypoints=keypoints)
    looks.estimator.estimate_many([(IMAGE, CAMERA, [known])])
    assert looks.seen[0][0] == pytest.approx(look_at_body(there, BODY_30, 256, 1.4).K)
    assert len(looks.seen) == 1


def test_models_that_look_at_boxes_leave_keypoints_alone(pose_model):
    looks = Looks(pose_model)
    box, keypoints = box_of_somebody(0, 4), np.tile([640.0, 360, 1], (17, 1))
    looks.estimator.estimate_many([(IMAGE, CAMERA, [Detection(box, 0.9, keypoints=keypoints)])])
    looks.estimator.estimate(IMAGE, CAMERA, [box])
    assert np.array_equal(looks.seen[0], looks.seen[1])


def test_bodies_that_cannot_be_looked_at_are_looked_at_by_their_boxes(pose_model):
    looks = Looks(pose_model, body_scale=1.4)
    looks.estimator.estimate(IMAGE, CAMERA, [box_of_somebody(0, 5)], expected=[STANDING_MM / 1000 - [0, 0, 5]])
    assert [len(intrinsics) for intrinsics in looks.seen] == [1]
    assert looks.seen[0][0, 0, 0] == pytest.approx(look_at(CAMERA, box_of_somebody(0, 5), 256).K[0, 0])


def test_second_looks_at_people_of_several_cameras_go_to_the_right_ones(pose_model):
    looks = Looks(pose_model, body_scale=1.4)
    frames = [(IMAGE, CAMERA, [box_of_somebody(x, z)]) for x, z in ((-2, 5), (0, 3), (2, 6))]
    together = many(looks.estimator, frames)
    alone = [looks.estimator.estimate(*frame) for frame in frames]
    for (one,), (other,) in zip(together, alone, strict=True):
        assert one.joints3d == pytest.approx(other.joints3d, abs=1e-4)
