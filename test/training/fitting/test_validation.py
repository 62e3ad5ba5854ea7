"""Scores while training, against poses whose errors are known, and what is shown of them."""

import csv
import math

import numpy as np
import pytest

from metric_pose_ros.skeleton import COCO_17, H36M_17
from training.fitting.learning_curve import LearningCurve
from training.fitting.pictures import FOUND, SIDE, TRUE, draw_predictions
from training.fitting.validation import Predictions, Scores, score
from training.joint_space import JointSpace

SPACE = JointSpace((H36M_17, COCO_17))


@pytest.fixture
def poses():
    """Two people: one with the joints of Human3.6M, one with COCO's, which has no pelvis."""
    random = np.random.default_rng(0)
    true_mm = random.normal(0, 300, (2, 34, 3)) + np.array([0, 0, 4000])
    true_mm[0, 17:] = np.nan
    true_mm[1, :17] = np.nan
    true_px = true_mm[..., :2] / true_mm[..., 2:] * 300 + 127.5
    intrinsics = np.tile([[300, 0, 127.5], [0, 300, 127.5], [0, 0, 1]], (2, 1, 1))
    perfect = np.nan_to_num(true_mm, nan=17.0)
    return Predictions(
        joints2d=np.nan_to_num(true_px, nan=5.0), relative=perfect, absolute=perfect.copy(),
        spread=np.ones_like(perfect), true_mm=true_mm, true_px=true_px, intrinsics=intrinsics,
    )  # fmt: skip


def test_perfect_poses_have_no_error(poses):
    scores = score(poses, SPACE)
    assert (scores.count, scores.pck150) == (2, 100)
    found = (scores.mpjpe, scores.pa_mpjpe, scores.a_mpjpe, scores.root_percent, scores.px)
    assert found == pytest.approx((0, 0, 0, 0, 0), abs=1e-6)


def test_errors_are_measured_from_the_pelvis_where_there_is_one_and_else_from_the_mean(poses):
    # The first person's pelvis is off by 85 mm, all else is right; the second's nose is off by 170 mm.
    poses.absolute[0, 0] += [85, 0, 0]
    poses.absolute[1, 17] += [0, 170, 0]
    off_mean = 170 / 17
    expected = (16 * 85 + (170 - off_mean) + 16 * off_mean) / 34
    scores = score(poses, SPACE)
    assert scores.mpjpe == pytest.approx(expected)
    assert scores.a_mpjpe == pytest.approx((85 + 170) / 34)
    assert scores.pck150 == pytest.approx(100 * 33 / 34)


def test_a_head_that_cannot_place_people_is_measured_by_its_relative_poses(poses):
    poses.absolute[:] = np.nan
    poses.relative[:] += 1000
    poses.joints2d[:] = np.nan
    scores = score(poses, SPACE)
    assert scores.mpjpe == pytest.approx(0, abs=1e-6)
    assert math.isnan(scores.a_mpjpe)
    assert math.isnan(scores.px)


def test_a_picture_shows_truth_and_prediction(poses):
    poses.relative[:] += np.array([0, 200, 0])  # a translation does not show from the side
    poses.joints2d[:] += 20
    picture = draw_predictions(None, poses, SPACE)
    assert picture.shape == (2 * SIDE, 3 * SIDE, 3)
    assert picture[:, :SIDE].max() == 0
    assert drawn(picture[:, SIDE : 2 * SIDE], TRUE) > 50
    assert drawn(picture[:, SIDE : 2 * SIDE], FOUND) > 50
    assert drawn(picture[:, 2 * SIDE :], FOUND) > 50
    assert drawn(picture[:, 2 * SIDE :], TRUE) == 0  # it lies behind the prediction


def drawn(picture, colour):
    """How many px have about this colour."""
    return int((np.abs(picture.astype(int) - colour).max(axis=2) < 40).sum())


def test_a_resumed_curve_forgets_what_came_after_the_checkpoint(tmp_path):
    scores = Scores(2, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0)
    curve = LearningCurve(tmp_path, 0)
    for step in (10, 20, 30):
        curve.note(step, step, 1.0, {"total": 0.5}, scores)
    curve.close()
    with (tmp_path / "curve.csv").open("a") as file:
        file.write("40,40,1")  # cut off by a kill
    resumed = LearningCurve(tmp_path, 20)
    resumed.note(30, 30, 1.0, {"total": 0.25}, scores)
    resumed.close()
    with (tmp_path / "curve.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["step"], row["loss_total"]) for row in rows] == [("10", "0.5"), ("20", "0.5"), ("30", "0.25")]
