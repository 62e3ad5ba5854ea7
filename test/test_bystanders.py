"""Whoever else is in a crop is painted over; the person meant is not, nor anybody while nothing is known."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from metric_pose_ros import Camera, Detection, PoseEstimator
from metric_pose_ros.bystanders import others, paint_over
from metric_pose_ros.geometry.crop import look_at
from metric_pose_ros.image_network import ImagePoseNetwork
from metric_pose_ros.known_body import KnownBody
from metric_pose_ros.skeleton import BODY_30, COCO_17
from metric_pose_ros.stream import StreamEstimator
from test.fake_models import STANDING_MM, metadata, save_pose_model
from test.test_stream import BOX, IMAGE, OTHER, Recorder, SeesBrightFigure

CAMERA = Camera(np.array([[800.0, 0, 640], [0, 800, 360], [0, 0, 1]]), np.zeros(0), "pinhole", 1280, 720)
LENS = Camera(CAMERA.K, np.array([-0.25, 0.08, 1e-3, -1e-3, 0]), "plumb_bob", 1280, 720)


def standing(x: float, z: float) -> np.ndarray:
    return STANDING_MM.astype(float) / 1000 + [x, 0, z]


def followed(*bodies: np.ndarray | None) -> list[KnownBody | None]:
    return [None if joints is None else KnownBody(joints, BODY_30) for joints in bodies]


def box_around(joints: np.ndarray, camera: Camera) -> np.ndarray:
    points = camera.project(joints)
    return np.concatenate([points.min(axis=0) - 10, points.max(axis=0) + 10])


def cells_of(joints: np.ndarray, crop) -> np.ndarray:
    """(J, 2) column and row of joints in a mask of 64 cells, by OpenCV's own projection."""
    turn, _ = cv2.Rodrigues(crop.rotation)
    points, _ = cv2.projectPoints(joints, turn, np.zeros(3), crop.K, None)
    return np.floor((points[:, 0] + 0.5) / crop.side * 64).astype(int)


@pytest.mark.parametrize("camera", [CAMERA, LENS], ids=["pinhole", "distorted"])
def test_joints_of_the_other_are_covered_and_own_ones_are_not(camera):
    own, other = standing(0.0, 4.0), standing(0.5, 3.0)
    crop = look_at(camera, box_around(own, camera), 256)
    mask = others(crop, 0, followed(own, other))
    columns, rows = cells_of(own, crop).T
    assert not mask[rows, columns].any()
    cells = cells_of(other, crop)
    near_own = np.array([np.linalg.norm(cells_of(own, crop) - cell, axis=1).min() < 6 for cell in cells])
    inside = ((cells >= 0) & (cells < 64)).all(axis=1) & ~near_own
    assert inside.sum() > 5
    assert mask[cells[inside, 1], cells[inside, 0]].all()
    assert 0.02 < mask.mean() < 0.5
    assert others(look_at(camera, box_around(other, camera), 256), 1, followed(own, other)) is not None


def test_a_limb_is_painted_as_thick_as_it_is_at_its_distance():
    own, near, far = standing(0.0, 4.0), standing(0.9, 4.0), standing(1.8, 8.0)
    crop = look_at(CAMERA, box_around(own, CAMERA) + np.array([-100, -100, 100, 100]), 256)
    widths = []
    for other in (near, far):
        mask = others(crop, 0, followed(own, other))
        shin = (other[BODY_30.indices(("left_knee",))] + other[BODY_30.indices(("left_ankle",))]) / 2
        ((_, row),) = cells_of(shin, crop)
        widths.append(mask[row].sum())
    assert widths[0] == pytest.approx(2 * widths[1], abs=3)


@pytest.mark.parametrize(
    ("own", "other"),
    [
        (standing(0, 4), None),
        (None, standing(0.3, 4)),
        (standing(0, 4), standing(30, 5)),
        (standing(0, 4), standing(0, -3)),
        (standing(0, 4), np.full((30, 3), np.nan)),
        (standing(0, 4), standing(0, 4)),
    ],
    ids=["a stranger beside", "a stranger", "far beside", "behind the camera", "nobody knows where", "the same twice"],
)
def test_nobody_is_painted_over(own, other):
    crop = look_at(CAMERA, box_around(standing(0, 4), CAMERA), 256)
    mask = others(crop, 0, followed(own, other))
    # Who is followed twice keeps a seam of flesh at most.
    assert mask is None or (own is other or mask.mean() < 0.12)
    if mask is not None:
        columns, rows = cells_of(standing(0, 4), crop).T
        assert not mask[rows, columns].any()


def test_only_what_the_mask_says_becomes_grey():
    pixels = np.random.default_rng(0).random((3, 256, 256)).astype(np.float32)
    before = pixels.copy()
    mask = np.zeros((64, 64), bool)
    mask[10:20, 30:40] = True
    paint_over(pixels, mask)
    assert np.unique(pixels[:, 40:80, 120:160]).tolist() == pytest.approx([0.45])
    pixels[:, 40:80, 120:160] = before[:, 40:80, 120:160]
    assert np.array_equal(pixels, before)


def seen(joints: np.ndarray, camera: Camera = CAMERA) -> Detection:
    """A detection with keypoints that make no mistake."""
    keypoints = np.column_stack([camera.project(BODY_30.convert(joints, COCO_17)), np.ones(17)])
    return Detection(box_around(joints, camera), 0.9, keypoints=keypoints)


@pytest.mark.parametrize("camera", [CAMERA, LENS], ids=["pinhole", "distorted"])
def test_whom_a_detector_sees_beside_a_stranger_is_covered(camera):
    own, other = standing(0.0, 4.0), standing(0.5, 3.0)
    known = [KnownBody.of(seen(each, camera), camera, BODY_30) for each in (own, other)]
    crop = look_at(camera, box_around(own, camera), 256)
    by_keypoints, by_tracks = others(crop, 0, known), others(crop, 0, followed(own, other))
    # The other's hands and feet are not among the keypoints, and how far away anybody is can only be guessed.
    both, either = by_keypoints & by_tracks, by_keypoints | by_tracks
    assert both.sum() > 0.7 * either.sum()


def test_a_stranger_may_be_somebody_who_is_followed_and_so_hides_nobody_who_is():
    own, other = standing(0.0, 4.0), standing(0.5, 3.0)
    (track,) = followed(own)
    stranger = KnownBody.of(seen(other), CAMERA, BODY_30)
    crops = [look_at(CAMERA, box_around(each, CAMERA), 256) for each in (own, other)]
    assert others(crops[0], 0, [track, stranger]) is None
    assert others(crops[1], 1, [track, stranger]) is not None


@pytest.mark.parametrize("again", ["followed", "seen"])
def test_whoever_is_found_twice_is_not_covered(again):
    own, same = standing(0.0, 4.0), standing(0.05, 4.0)
    second = followed(same)[0] if again == "followed" else KnownBody.of(seen(same), CAMERA, BODY_30)
    known = [KnownBody.of(seen(own), CAMERA, BODY_30), second]
    assert others(look_at(CAMERA, box_around(own, CAMERA), 256), 0, known) is None


def test_limbs_that_a_detector_did_not_see_are_painted_nowhere():
    own, other = seen(standing(0.0, 4.0)), seen(standing(0.8, 4.0))
    wrist, elbow = (COCO_17.names.index(name) for name in ("right_wrist", "right_elbow"))
    hidden = replace(other, keypoints=other.keypoints.copy())
    hidden.keypoints[[wrist, elbow], 2] = 0.02
    crop = look_at(CAMERA, own.box + np.array([-60, -60, 300, 60]), 256)
    whole, less = (
        others(crop, 0, [KnownBody.of(own, CAMERA, BODY_30), KnownBody.of(each, CAMERA, BODY_30)])
        for each in (other, hidden)
    )
    assert less.sum() < whole.sum()
    assert not (less & ~whole).any()
    ((column, row),) = cells_of(CAMERA.rays(other.keypoints[[wrist], :2]), crop)
    assert whole[row, column]
    assert not less[row, column]


class Looking(SeesBrightFigure):
    """Keeps the crops that it is given."""

    def __call__(self, crops, intrinsics):
        self.crops = crops.copy()
        return super().__call__(crops, intrinsics)


@pytest.fixture(scope="module")
def pose_model(tmp_path_factory):
    return save_pose_model(tmp_path_factory.mktemp("models") / "pose.onnx")


@pytest.fixture(scope="module")
def pose_model_by_bodies(tmp_path_factory):
    return save_pose_model(tmp_path_factory.mktemp("models") / "pose.onnx", metadata(body_scale=1.4))


@pytest.mark.parametrize("options", [{}, {"mirror": True}, {"views": 5}])
def test_the_network_sees_the_others_grey_in_every_look(pose_model, options):
    own, other = standing(0.0, 4.0), standing(0.6, 4.0)
    boxes = [box_around(each, CAMERA) for each in (own, other)]
    white = np.full((720, 1280, 3), 255, np.uint8)
    estimator = PoseEstimator(model=pose_model, detector=None, threads=1, only_plausible=False, **options)
    estimator._looking.network = Looking()
    estimator.estimate(white, CAMERA, boxes)
    plain = estimator._looking.network.crops
    estimator.estimate(white, CAMERA, boxes, expected=[own, other])
    painted = estimator._looking.network.crops
    looks = len(plain) // 2
    assert looks == {0: 1}.get(len(options), options.get("views", 2))
    for before, after in zip(plain, painted, strict=True):
        changed = (before != after).any(axis=0)
        assert 0.02 < changed.mean() < 0.4
        # The first person's neighbour stands on the right, the second's on the left; mirrored looks the other way.
    columns = [np.nonzero((plain[n] != painted[n]).any(axis=0))[1].mean() for n in (0, looks)]
    assert columns[0] > 128 > columns[1]


def test_strangers_beside_each_other_are_painted_over_in_both_looks(pose_model_by_bodies):
    people = [seen(standing(x, 4.0)) for x in (0.0, 0.6)]
    white = np.full((720, 1280, 3), 255, np.uint8)
    crops = []
    estimator = PoseEstimator(model=pose_model_by_bodies, detector=None, threads=1, only_plausible=False)
    estimator._looking.network = Looking()
    see = estimator._looking._see
    estimator._looking._see = lambda asked: (see(asked), crops.append(estimator._looking.network.crops))[0]
    for detections in ([replace(each, keypoints=None) for each in people], people):
        estimator.estimate_many([(white, CAMERA, detections)])
    assert len(crops) == 4
    grey = [np.isclose(crop, 0.45).all(axis=0).mean() for look in crops for crop in look]
    assert grey[:4] == [0] * 4
    assert all(0.02 < each < 0.4 for each in grey[4:])


def test_as_many_expected_people_as_boxes_are_needed(pose_model):
    estimator = PoseEstimator(model=pose_model, detector=None, threads=1)
    with pytest.raises(ValueError, match="1 expected people were given for 2 boxes"):
        estimator.estimate(IMAGE, CAMERA, [BOX, OTHER], expected=[None])


class WholeImage(ImagePoseNetwork):
    """Notes whether it was asked for the whole image or for crops."""

    def __init__(self, info) -> None:
        self.asked: list[str] = []
        self.info = info
        self._fake = SeesBrightFigure()

    def look(self, image_bgr, camera, crops):
        self.asked.append("image")
        return self._fake(np.zeros((len(crops), 3, 256, 256), np.float32), np.stack([crop.K for crop in crops]))

    def __call__(self, crops, intrinsics):
        self.asked.append("crops")
        return self._fake(crops, intrinsics)


def test_a_graph_that_cuts_its_crops_itself_gets_crops_where_somebody_is_painted_over(pose_model):
    estimator = PoseEstimator(model=pose_model, detector=None, threads=1)
    estimator._looking.network = WholeImage(estimator.info)
    near, far = standing(0.6, 4.0), standing(5.0, 9.0)
    own = standing(0.0, 4.0)
    for other, way in ((near, "crops"), (far, "image")):
        boxes = [box_around(own, CAMERA), box_around(other, CAMERA)]
        estimator.estimate(IMAGE, CAMERA, boxes, expected=[own, other])
        assert estimator._looking.network.asked[-1] == way


def test_a_stream_says_where_those_whom_it_follows_are_expected_and_nothing_of_strangers(pose_model):
    detector = Recorder(BOX)
    estimator = PoseEstimator(model=pose_model, detector=detector, threads=1)
    estimator._looking.network = SeesBrightFigure()
    given = []
    estimate_many = estimator.estimate_many

    def noted(frames):
        given.append(frames[0][2])
        return estimate_many(frames)

    estimator.estimate_many = noted
    stream = StreamEstimator(estimator, detection_interval=1)
    (person,) = stream(IMAGE, CAMERA, 0.0)
    detector.boxes.append(OTHER)
    stream(IMAGE, CAMERA, 1 / 30)
    assert [each.expected for each in given[0]] == [None]
    followed, stranger = given[1]
    assert np.abs(followed.expected - person.joints3d).max() < 0.02
    assert stranger.expected is None
