"""Models that speak several skeletons, and skeletons of which a part of the robot's work needs a joint they lack."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from metric_pose_ros import Camera, Person, PoseEstimator
from metric_pose_ros.models import ModelError, ModelFile
from metric_pose_ros.skeleton import BODY_30, COCO_17, H36M_17, SMPL_24
from metric_pose_ros.tracking import Tracker
from test.fake_models import metadata, save_pose_model

K = np.array([[800.0, 0.0, 640.0], [0.0, 800.0, 360.0], [0.0, 0.0, 1.0]])
CAMERA = Camera(K, np.zeros(0), "pinhole", 1280, 720)
IMAGE = np.full((720, 1280, 3), 90, np.uint8)
BOX = np.array([560.0, 190.0, 720.0, 530.0])
HAND_NAMES = ["right_hand", "left_hand", "right_wrist", "left_wrist"]
HANDS = {"indices": [23, 22, 21, 20], "names": HAND_NAMES, "edges": [[2, 0]]}
SPOKEN = {
    "smpl_24": {
        "indices": list(range(24)),
        "names": list(SMPL_24.names),
        "edges": [list(edge) for edge in SMPL_24.edges],
    },
    "hands": HANDS,
}


@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model with the joints of body_30 that speaks smpl_24 and, in an order of their own, hands."""
    return save_pose_model(tmp_path_factory.mktemp("models") / "several.onnx", metadata(skeletons=SPOKEN))


@pytest.fixture(scope="module")
def single(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_pose_model(tmp_path_factory.mktemp("models") / "single.onnx")


def person_of(model: Path, skeleton: str | None, **options: Any) -> Person:
    estimator = PoseEstimator(model=model, detector=None, threads=1, skeleton=skeleton, **options)
    (person,) = estimator.estimate(IMAGE, CAMERA, [BOX])
    return person


@pytest.mark.parametrize(("skeleton", "expected"), [(None, SMPL_24), ("", SMPL_24), ("smpl_24", SMPL_24)])
def test_the_first_skeleton_is_the_default(several: Path, skeleton: str | None, expected: object) -> None:
    assert ModelFile.open(several).pose_info(skeleton).skeleton == expected


def test_people_have_the_joints_of_the_skeleton_asked_for(several: Path, single: Path) -> None:
    whole = person_of(single, None)
    hands = person_of(several, "hands")
    assert hands.skeleton.names == tuple(HAND_NAMES)
    assert hands.skeleton.edges == ((2, 0),)
    for found, expected in zip(
        (hands.joints3d, hands.joints2d, hands.std, hands.confidence),
        (whole.joints3d, whole.joints2d, whole.std, whole.confidence),
        strict=True,
    ):
        np.testing.assert_allclose(found, expected[[23, 22, 21, 20]])


@pytest.mark.parametrize("skeleton", [SMPL_24, H36M_17, COCO_17, BODY_30], ids=lambda skeleton: skeleton.name)
@pytest.mark.parametrize("mirror", [False, True])
def test_a_model_speaks_every_skeleton_of_ours_that_is_part_of_its_own(
    single: Path, skeleton: Any, mirror: bool
) -> None:
    whole = person_of(single, None)
    found = person_of(single, skeleton.name, mirror=mirror)
    assert found.skeleton == skeleton
    expected = BODY_30.convert(whole.joints3d, skeleton)
    if not mirror:
        np.testing.assert_allclose(found.joints3d, expected)
    # The fake person is the same in the mirror, only placed anew from the joints of this skeleton.
    shape = found.joints3d - found.joints3d.mean(axis=0)
    np.testing.assert_allclose(shape, expected - expected.mean(axis=0), atol=0.02)


def test_parts_are_told_among_several_skeletons_too(several: Path) -> None:
    with pytest.raises(ModelError, match=r"several\.onnx.*not speak the skeleton 'coco_17'; it speaks smpl_24, hands$"):
        PoseEstimator(model=several, detector=None, skeleton="coco_17")


def test_a_skeleton_that_is_not_spoken_is_refused_with_those_that_are(single: Path) -> None:
    with pytest.raises(ModelError, match="speaks body_30, smpl_24, h36m_17, coco_17"):
        PoseEstimator(model=single, detector=None, skeleton="smplx_42")


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"indices": [0, 1, 2]}, "4 joints at 3 of the outputs"),
        ({"indices": [0, 1, 2, 30]}, r"of the outputs 0\.\.29"),
        ({"names": ["a", "a", "b", "c"]}, "names a joint twice"),
        ({"edges": [[0, 4]]}, r"has bone \(0, 4\)"),
        ({"edges": None}, "makes no sense"),
    ],
)
def test_skeletons_that_do_not_fit_the_outputs_are_refused(tmp_path: Path, change: dict, complaint: str) -> None:
    path = save_pose_model(tmp_path / "pose.onnx", metadata(skeletons={"hands": HANDS | change}))
    with pytest.raises(ModelError, match=complaint):
        ModelFile.open(path).pose_info()


def test_a_skeleton_with_one_side_only_cannot_be_looked_at_in_the_mirror(tmp_path: Path) -> None:
    left = {"indices": [4, 7], "names": ["left_knee", "left_ankle"], "edges": [[0, 1]]}
    path = save_pose_model(tmp_path / "pose.onnx", metadata(skeletons={"left_leg": left}))
    assert person_of(path, None).joints3d.shape == (2, 3)
    for options in ({"mirror": True}, {"views": 3}):
        with pytest.raises(ValueError, match=r"in the mirror: skeleton 'left_leg' has no joint right_knee"):
            PoseEstimator(model=path, detector=None, **options)


@pytest.mark.parametrize("skeleton", ["coco_17", "h36m_17"])
def test_people_without_pelvis_are_tracked_by_their_hips(single: Path, skeleton: str) -> None:
    tracker = Tracker()
    for frame in range(8):
        person = person_of(single, skeleton)
        moved = person.joints3d + np.array([0.1 * frame, 0, 0])
        (tracked,) = tracker.update([replace(person, joints3d=moved)], 0.1 * frame)
    assert tracked.id == "p1"
    assert tracked.velocity[0] == pytest.approx(1.0, rel=0.3)
    assert np.abs(tracked.velocity[1:]).max() < 0.05
