"""Several looks at one person: where turned crops look, and what is averaged."""

import numpy as np
import pytest

from metric_pose_ros import Camera, PoseEstimator
from metric_pose_ros.geometry.crop import look_at, sample
from metric_pose_ros.models import PoseModelInfo
from metric_pose_ros.pose_network import PoseBatch, PoseNetwork
from metric_pose_ros.skeleton import BODY_30
from metric_pose_ros.views import View, average, looks
from test.fake_models import STANDING_MM, save_pose_model

CAMERA = Camera(np.array([[800.0, 0, 640], [0, 800, 360], [0, 0, 1]]), np.zeros(0), "pinhole", 1280, 720)
BOX = np.array([700.0, 200, 860, 560])
PERSON_MM = STANDING_MM + np.array([700.0, 100, 3800])
SIDE, STRIDE = 256, 16
INFO = PoseModelInfo("knowing", "1", BODY_30, SIDE, 1.25, 2200.0, STRIDE)


class Knowing:
    """An engine that knows where the person stands, and is wrong by noise of its own in each look."""

    description = "knows"

    def __init__(self, views: tuple[View, ...], noise_mm: float = 0.0) -> None:
        self.views, self.random, self.noise_mm = views, np.random.default_rng(0), noise_mm

    def run(self, crops: np.ndarray, intrinsics: np.ndarray) -> dict[str, np.ndarray]:
        base = look_at(CAMERA, BOX, SIDE, 1.25)
        poses = []
        for number, K in enumerate(intrinsics):
            view = self.views[number % len(self.views)]
            pose = PERSON_MM @ view.turn(base).rotation.T
            if view.mirrored:
                pose = pose[BODY_30.mirror] * [-1, 1, 1]
            noise = self.random.normal(0, self.noise_mm, pose.shape)
            flat = pose @ np.asarray(K, float).T
            poses.append({"joints2d": flat[:, :2] / flat[:, 2:], "relative": pose + noise, "absolute": pose + noise})
        found = {name: np.stack([pose[name] for pose in poses]) for name in poses[0]}
        return found | {"std": np.full(found["relative"].shape, [10.0, 20, 60])}


def test_five_looks_are_those_of_metrabs():
    views = looks(5)
    assert np.degrees([view.angle for view in views]) == pytest.approx([-25, -12.5, 0, 12.5, 25])
    assert [view.zoom for view in views] == pytest.approx([0.8, 0.9, 1.0, 1.05, 1.1])
    assert [view.gamma for view in views] == pytest.approx([0.6, 0.7, 0.8, 0.9, 1.0])
    assert [view.mirrored for view in views] == [False, True, False, True, False]
    assert looks(1) == (View(),)
    with pytest.raises(ValueError, match="0 views were asked for, expected at least 1"):
        looks(0)


@pytest.mark.parametrize("view", [*looks(5), View(mirrored=True), View(angle=2.5, zoom=0.6, mirrored=True)])
def test_a_dot_in_a_turned_crop_maps_back_to_where_the_crop_itself_shows_it(view):
    # The dot is found in the pixels, so nothing of this trusts the crop's own numbers.
    y, x = np.mgrid[:720, :1280]
    glow = 255 * np.exp(-((x - 818) ** 2 + (y - 388) ** 2) / (2 * 8.0**2))
    image = np.repeat(glow.round().astype(np.uint8)[..., None], 3, axis=2)
    crop = look_at(CAMERA, BOX, SIDE, 1.25)
    pixels = np.zeros((2, 3, SIDE, SIDE), np.float32)
    sample(image, CAMERA, [crop, view.turn(crop)], pixels)
    view.show(pixels[1])
    plain, turned = (middle(values[0]) for values in pixels)
    everywhere = np.zeros((1, len(BODY_30), 3))
    seen = PoseBatch(np.broadcast_to(turned, (1, len(BODY_30), 2)), everywhere, everywhere, everywhere)
    assert view.look_back(seen, BODY_30, SIDE).joints2d[0, 0] == pytest.approx(plain, abs=0.05)


def middle(values: np.ndarray) -> np.ndarray:
    """(2,) px x, y of the centre of brightness."""
    y, x = np.mgrid[: values.shape[0], : values.shape[1]]
    return np.array([(values * x).sum(), (values * y).sum()], float) / values.sum()


@pytest.mark.parametrize(("count", "mirror"), [(1, False), (1, True), (2, False), (5, False), (8, False)])
def test_a_network_that_knows_the_truth_says_it_whatever_the_looks(count, mirror):
    network = PoseNetwork(Knowing(looks(count, mirror)), INFO)
    estimator = PoseEstimator(model=network, detector=None, views=count, mirror=mirror)
    image = np.zeros((720, 1280, 3), np.uint8)
    (person,) = estimator.estimate(image, CAMERA, [BOX])
    assert np.abs(person.joints3d * 1000 - PERSON_MM).max() < 0.5
    assert np.abs(person.joints2d - CAMERA.project(PERSON_MM)).max() < 0.01


def test_five_looks_are_less_wrong_than_one():
    image = np.zeros((720, 1280, 3), np.uint8)
    errors = {}
    for count in (1, 5):
        network = PoseNetwork(Knowing(looks(count), noise_mm=40), INFO)
        (person,) = PoseEstimator(model=network, detector=None, views=count).estimate(image, CAMERA, [BOX])
        off = person.joints3d * 1000 - PERSON_MM
        errors[count] = np.linalg.norm(off - off.mean(axis=0), axis=1).mean()
    assert errors[5] < 0.55 * errors[1]  # one over the root of five is 0.45


def test_a_joint_counts_where_a_look_shows_it():
    # Zoomed in, the network can only point at the border for what lies beyond it.
    views = (View(zoom=0.8), View(zoom=1.6))
    joints2d = np.full((2, len(BODY_30), 2), 127.5)
    joints2d[0, 0], joints2d[1, 0] = [37.5, 127.5], [5.0, 127.5]
    nowhere = np.zeros((2, len(BODY_30), 3))
    merged = average(PoseBatch(joints2d, nowhere, nowhere, nowhere), views, np.eye(3)[None], BODY_30, SIDE, STRIDE)
    assert merged.joints2d[0, 0] == pytest.approx([127.5 - 90 / 0.8, 127.5], abs=0.1)


def test_a_brighter_look_is_brighter_and_a_mirrored_one_flipped():
    pixels = np.linspace(0, 1, 3 * 4 * 4, dtype=np.float32).reshape(3, 4, 4)
    shown = pixels.copy()
    View(gamma=0.6, mirrored=True).show(shown)
    assert shown == pytest.approx(pixels[..., ::-1] ** 0.6)


@pytest.fixture(scope="module")
def symmetric(tmp_path_factory):
    return save_pose_model(tmp_path_factory.mktemp("models") / "pose.onnx")


def estimate(model, **options):
    image = np.zeros((720, 1280, 3), np.uint8)
    (person,) = PoseEstimator(model=model, detector=None, threads=1, **options).estimate(image, CAMERA, [BOX])
    return person


def test_a_mirrored_look_at_a_symmetric_person_changes_nothing(symmetric):
    # The fake person is symmetric, so flipping twice (image and left/right) gives the same person.
    plain, mirrored = estimate(symmetric), estimate(symmetric, mirror=True)
    assert np.abs(mirrored.joints2d - plain.joints2d).max() < 0.01
    assert np.abs(mirrored.joints3d - plain.joints3d).max() < 1e-3


def test_a_mirrored_look_averages_what_differs(tmp_path):
    # With one hand raised, a network that always says the same is contradicted by its mirror image: the mean is
    # symmetric in the crop.
    pose = STANDING_MM.copy()
    pose[BODY_30.indices(("left_wrist",))[0], 1] -= 200
    person = estimate(save_pose_model(tmp_path / "pose.onnx", pose_mm=pose), mirror=True)
    seen = person.joints3d @ look_at(CAMERA, BOX, SIDE).rotation.T
    left, right = BODY_30.indices(("left_wrist", "right_wrist"))
    assert seen[left, 1] == pytest.approx(seen[right, 1], abs=0.01)
    assert seen[left, 0] == pytest.approx(-seen[right, 0], abs=0.01)
