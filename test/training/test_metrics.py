"""Metrics against SciPy and against cases that can be worked out by hand."""

import numpy as np
import pytest
from scipy.linalg import orthogonal_procrustes
from scipy.optimize import minimize
from scipy.spatial import procrustes
from scipy.spatial.transform import Rotation

from metric_pose_ros.skeleton import BODY_30
from training.evaluation.calibration import fit_size, fit_std
from training.evaluation.metrics import (
    auc,
    centred,
    joint_errors,
    mean,
    median,
    only,
    pck,
    procrustes_aligned,
    root_aligned,
    root_distance_errors,
    scale_aligned,
)


def poses(count: int = 30, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 300, (count, 30, 3)) + np.array([0, 0, 4000])


def noisy(truth: np.ndarray, seed: int = 1) -> np.ndarray:
    return truth + np.random.default_rng(seed).normal(0, 50, truth.shape)


def test_a_turned_scaled_and_moved_pose_is_aligned_away():
    truth = poses()
    turned = 1.3 * truth @ Rotation.from_euler("xyz", [20, -50, 100], degrees=True).as_matrix().T + [10, 20, 30]
    assert joint_errors(procrustes_aligned(turned, truth), truth).max() < 1e-6


def test_procrustes_agrees_with_scipy_where_scipy_needs_no_mirror():
    truth = poses()
    ours = (joint_errors(procrustes_aligned(noisy(truth), truth), truth) ** 2).sum(axis=1)
    sizes = ((truth - truth.mean(axis=1, keepdims=True)) ** 2).sum(axis=(1, 2))
    theirs = np.array([procrustes(one, other)[2] for one, other in zip(truth, noisy(truth), strict=True)]) * sizes
    assert ours == pytest.approx(theirs, rel=1e-6)


def test_each_joint_of_an_aligned_pose_is_where_scipys_orthogonal_procrustes_puts_it():
    truth = poses()
    turned = noisy(truth) @ Rotation.from_euler("y", 130, degrees=True).as_matrix()
    for pose, true, aligned in zip(turned, truth, procrustes_aligned(turned, truth), strict=True):
        a, b = pose - pose.mean(axis=0), true - true.mean(axis=0)
        rotation, size = orthogonal_procrustes(a, b)
        assert np.linalg.det(rotation) == pytest.approx(1)
        assert aligned == pytest.approx(size / (a**2).sum() * a @ rotation + true.mean(axis=0), abs=1e-6)


def test_procrustes_of_a_mirrored_pose_is_the_best_that_a_search_over_rotations_finds():
    truth = poses(1)
    mirrored = noisy(truth) * [-1, 1, 1]
    ours = (joint_errors(procrustes_aligned(mirrored, truth), truth) ** 2).sum()
    a, b = mirrored[0] - mirrored[0].mean(axis=0), truth[0] - truth[0].mean(axis=0)

    def cost(turn: np.ndarray) -> float:
        turned = a @ Rotation.from_rotvec(turn).as_matrix().T
        scale = max((turned * b).sum() / (a**2).sum(), 0)
        return float(((scale * turned - b) ** 2).sum())

    starts = Rotation.random(12, random_state=0).as_rotvec()
    found = min(minimize(cost, start, method="Nelder-Mead", options={"xatol": 1e-8}).fun for start in starts)
    assert ours == pytest.approx(found, rel=1e-4)


def test_a_mirrored_pose_is_not_aligned_away():
    truth = poses()
    assert joint_errors(procrustes_aligned(truth * [-1, 1, 1], truth), truth).mean() > 50


def test_a_pose_of_another_size_is_stretched_to_the_truths():
    truth = root_aligned(poses())
    assert joint_errors(scale_aligned(truth / 1.7, truth), truth).max() < 1e-9
    one, true = noisy(truth)[:1], truth[:1]
    best, *_ = np.linalg.lstsq(one.reshape(-1, 1), true.ravel(), rcond=None)
    assert scale_aligned(one, true) == pytest.approx(one * best, rel=1e-9)


def test_errors_of_a_shifted_pose():
    truth = poses()
    moved = truth + np.array([0, 30, 40])
    assert joint_errors(moved, truth) == pytest.approx(np.full((30, 30), 50.0))
    assert joint_errors(root_aligned(moved), root_aligned(truth)).max() < 1e-9
    assert joint_errors(centred(moved), centred(truth)).max() < 1e-9
    expected = 50 / np.linalg.norm(truth[:, 0], axis=-1)
    assert root_distance_errors(moved, truth) == pytest.approx(expected)


def test_pck_counts_what_is_strictly_within_the_threshold():
    assert pck(np.array([[149.0, 150.0], [151.0, 500.0]])) == 0.25
    assert pck(np.array([[49.0, 50.0]]), 50) == 0.5


def test_auc_is_the_mean_of_31_shares():
    # 0 mm off is below all thresholds but 0 itself; 7 mm off is below 10, 15, ..., 150; 150 mm off below none.
    assert auc(np.array([0.0])) == pytest.approx(30 / 31)
    assert auc(np.array([7.0])) == pytest.approx(29 / 31)
    assert auc(np.array([150.0])) == 0
    # Errors spread evenly over 0..150 mm: the mean of t / 150 over the thresholds.
    assert auc(np.linspace(0, 150, 100_001)) == pytest.approx(0.5, abs=1e-3)


def test_unknown_joints_count_nowhere():
    truth = poses()
    partly = truth.copy()
    partly[:, ::3] = np.nan
    kept = np.arange(30) % 3 != 0
    found = noisy(truth)
    assert mean(joint_errors(found, partly)) == pytest.approx(joint_errors(found, truth)[:, kept].mean())
    assert median(joint_errors(found, partly)) == pytest.approx(np.median(joint_errors(found, truth)[:, kept]))
    assert pck(joint_errors(found, partly), 80) == (joint_errors(found, truth)[:, kept] < 80).mean()
    for align in (procrustes_aligned, scale_aligned):
        errors = joint_errors(align(found, partly), partly)
        assert np.isnan(errors[:, ~kept]).all()
        assert errors[:, kept] == pytest.approx(joint_errors(align(found[:, kept], truth[:, kept]), truth[:, kept]))
    assert centred(partly)[:, kept] == pytest.approx(centred(truth[:, kept]))


def test_joints_can_be_left_out_one_by_one():
    errors = np.array([[10.0, 20.0, 90.0]])
    assert mean(only(errors, np.array([[True, True, False]]))) == 15


def test_where_nothing_is_known_nothing_is_said():
    nothing = np.full((2, 30), np.nan)
    assert all(np.isnan(measure(nothing)) for measure in (mean, median, pck, auc))
    two_joints = poses(1)
    two_joints[:, 2:] = np.nan
    assert np.isnan(procrustes_aligned(poses(1), two_joints)).all()


def test_calibration_finds_how_errors_grow_with_spread():
    random = np.random.default_rng(5)
    spread = random.uniform(10, 200, (20000, 2, 3))
    scale, floor = np.array([[0.5, 1.0, 2.0], [0.2, 0.0, 1.5]]), np.array([[20, 5, 40], [10, 30, 60]])
    errors = random.normal(0, 1, spread.shape) * np.sqrt((scale * spread) ** 2 + floor**2)
    found = fit_std(errors, spread).std(spread, np.zeros(len(spread)))
    assert found == pytest.approx(np.sqrt((scale * spread) ** 2 + floor**2), rel=0.08)


def test_people_whose_readings_disagree_are_stated_to_be_more_uncertain():
    random = np.random.default_rng(6)
    spread, apart = random.uniform(10, 60, (6000, 2, 3)), random.uniform(0, 80, 6000)
    deviations = np.sqrt((0.8 * spread) ** 2 + (1.5 * apart[:, None, None]) ** 2 + 15**2)
    found = fit_std(random.normal(0, deviations), spread, apart).std(spread, apart)
    assert found == pytest.approx(deviations, rel=0.2)


def test_two_thirds_of_heavy_tailed_errors_are_within_one_stated_deviation_and_nearly_all_within_two():
    random = np.random.default_rng(7)
    spread = random.uniform(20, 100, (5000, 2, 3))
    errors = random.normal(0, spread)
    errors[:250] *= 4  # taken for something else
    stated = fit_std(errors[::2], spread[::2]).std(spread[1::2], np.zeros(2500))
    within = [float((np.abs(errors[1::2]) < count * stated).mean()) for count in (1, 2)]
    assert within[0] == pytest.approx(0.68, abs=0.05)
    assert within[1] == pytest.approx(0.95, abs=0.03)


def test_size_is_set_by_grown_ups_seen_whole():
    random = np.random.default_rng(6)
    truth = np.zeros((60, 30, 3))
    truth[:, :, 2] = random.uniform(2000, 9000, (60, 1))
    spine = BODY_30.indices(
        ("left_ankle", "left_knee", "left_hip", "pelvis", "spine1", "spine2", "spine3", "neck", "head")
    )
    truth[:, spine, 1] = np.linspace(0, -1500, 9)
    truth[:, BODY_30.indices(("head_top",)), 1] = -1750
    truth[40:, :, :2] *= 0.6  # children
    factors = np.where(np.arange(60) < 40, 1.05, 0.8)
    factors[:15] = 3.0  # cut off by the crop
    absolute = truth / factors[:, None, None]
    whole = np.arange(60) >= 15
    assert fit_size(absolute, truth, whole, BODY_30) == pytest.approx(1.05)
    assert fit_size(absolute, truth, np.zeros(60, bool), BODY_30) == 1
    assert fit_size(absolute / 2, truth, whole, BODY_30) == pytest.approx(1.1)
