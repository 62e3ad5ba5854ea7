"""Placement against an independent least-squares solver and against poses whose place is known."""

import numpy as np
import pytest
import scipy.optimize

from metric_pose_ros.geometry.placement import (
    OUTSIDE_WEIGHT,
    distance_std,
    full_perspective,
    inside_view,
    place,
    weak_perspective,
)

SIDE, STRIDE = 256, 16


def scene(count: int = 20, noise_px: float = 0.0, seed: int = 0):
    """Random poses 2 to 10 m away: 2D joints, relative and absolute poses (mm), intrinsics."""
    random = np.random.default_rng(seed)
    pose = random.normal(0, [250, 500, 200], (count, 30, 3))
    centre = random.uniform([-100, -100, 2000], [100, 100, 10000], (count, 3))
    absolute = pose + centre[:, None]
    intrinsics = np.zeros((count, 3, 3))
    intrinsics[:, 0, 0] = intrinsics[:, 1, 1] = 0.8 * SIDE * centre[:, 2] / 2400
    intrinsics[:, :2, 2] = (SIDE - 1) / 2
    intrinsics[:, 2, 2] = 1
    homogeneous = absolute @ intrinsics.transpose(0, 2, 1)
    joints2d = homogeneous[..., :2] / homogeneous[..., 2:] + random.normal(0, noise_px, (count, 30, 2))
    relative = pose + random.normal(0, 800, (count, 1, 3))  # the origin of a relative pose means nothing
    return joints2d, relative, absolute, intrinsics


def test_a_perfect_pose_is_placed_perfectly():
    joints2d, relative, absolute, intrinsics = scene()
    assert np.abs(place(joints2d, relative, intrinsics, SIDE, STRIDE) - absolute).max() < 1e-6


def test_the_closed_form_is_the_least_squares_solution():
    joints2d, relative, _, intrinsics = scene(noise_px=3)
    inside = inside_view(joints2d, SIDE, STRIDE)
    assert 0.5 < inside.mean() < 1
    found = full_perspective(joints2d, relative, intrinsics, inside)
    for number in range(len(joints2d)):
        rays = np.c_[joints2d[number], np.ones(30)] @ np.linalg.inv(intrinsics[number]).T
        weight = inside[number] + OUTSIDE_WEIGHT

        def misses(translation, rays=rays, weight=weight, pose=relative[number]):
            moved = pose + translation
            return (weight[:, None] * (moved[:, :2] - rays[:, :2] * moved[:, 2:])).ravel()

        start = found[number] + [50, -50, 200]
        best = scipy.optimize.least_squares(misses, start, x_scale=[1, 1, 10], xtol=1e-15, ftol=1e-15, gtol=1e-12)
        assert np.abs(best.x - found[number]).max() < 1e-2


def test_noise_in_the_image_costs_what_the_geometry_allows():
    joints2d, relative, absolute, intrinsics = scene(count=300, noise_px=2)
    error = place(joints2d, relative, intrinsics, SIDE, STRIDE) - absolute
    # Joints spread by 48 px (rms), so 30 of them with 2 px noise give 2 / (48 sqrt(30)) = 0.8 % of the distance, 0.5 %
    # at median.
    depth = np.abs(error[..., 2].mean(axis=1)) / absolute[..., 2].mean(axis=1)
    assert 0.004 < np.median(depth) < 0.008


def test_the_stated_deviation_of_the_distance_is_that_of_many_noisy_poses():
    joints2d, relative, absolute, intrinsics = scene(count=1)
    std = np.random.default_rng(1).uniform(10, 60, (1, 30, 3))
    inside = inside_view(joints2d, SIDE, STRIDE)
    noisy = relative + np.random.default_rng(2).normal(0, std, (4000, 30, 3))
    many = [np.repeat(array, 4000, axis=0) for array in (joints2d, intrinsics, inside)]
    # Noise along the ray moves joints, not the fit of the others' rays, which is what is measured here.
    noisy[..., 2] = relative[..., 2]
    seen = full_perspective(many[0], noisy, many[1], many[2])[:, 2].std()
    # 2.25 times as much is stated, since joints err together, and 7 % of the distance for the unknown size.
    assert distance_std(joints2d, std, intrinsics, inside, np.zeros(1))[0] == pytest.approx(2.25 * seen, rel=0.05)
    far = absolute[..., 2].mean(axis=1)
    stated = distance_std(joints2d, std, intrinsics, inside, far)[0]
    assert stated == pytest.approx(np.hypot(2.25 * seen, 0.07 * far[0]), rel=0.05)


def test_the_distance_of_a_limb_is_less_certain_than_that_of_a_body():
    joints2d, _, _, intrinsics = scene(count=1)
    std = np.full((1, 30, 3), 40.0)
    whole = distance_std(joints2d, std, intrinsics, np.ones((1, 30), bool), np.zeros(1))[0]
    near = np.argsort(np.linalg.norm(joints2d[0] - joints2d[0, 0], axis=1))[:4]
    limb = np.isin(np.arange(30), near)[None]
    assert distance_std(joints2d, std, intrinsics, limb, np.zeros(1))[0] > 5 * whole
    same = np.full((1, 30, 2), 100.0)
    assert distance_std(same, std, intrinsics, np.ones((1, 30), bool), np.zeros(1))[0] >= 0


def test_a_pose_does_not_depend_on_its_neighbours_in_the_batch():
    joints2d, relative, _, intrinsics = scene(noise_px=2)
    together = place(joints2d, relative, intrinsics, SIDE, STRIDE)
    alone = place(joints2d[3:4], relative[3:4], intrinsics[3:4], SIDE, STRIDE)
    assert np.abs(together[3] - alone[0]).max() < 1e-9


def test_joints_outside_the_view_hardly_count_and_follow_the_pose():
    joints2d, relative, absolute, intrinsics = scene()
    wrong = joints2d.copy()
    wrong[:, :5] = [-40, 300]  # what a heatmap says of a joint it cannot see
    placed = place(wrong, relative, intrinsics, SIDE, STRIDE)
    assert np.abs(placed - absolute).max() < 0.1


def test_without_any_joint_in_view_the_place_stays_finite():
    joints2d, relative, absolute, intrinsics = scene()
    placed = full_perspective(joints2d, relative, intrinsics, np.zeros(joints2d.shape[:2], bool))
    assert np.abs(relative + placed[:, None] - absolute).max() < 1e-3


def test_equal_2d_joints_give_finite_numbers():
    _, relative, _, intrinsics = scene()
    same = np.full((len(relative), 30, 2), 100.0)
    assert np.isfinite(place(same, relative, intrinsics, SIDE, STRIDE)).all()
    assert np.isfinite(weak_perspective(same, relative, intrinsics, np.ones((len(same), 30), bool))).all()


def test_weak_perspective_is_exact_for_flat_poses_and_close_for_others():
    random = np.random.default_rng(5)
    joints2d, relative, absolute, intrinsics = scene(count=100, seed=6)
    inside = np.ones(joints2d.shape[:2], bool)
    ratio = (relative + weak_perspective(joints2d, relative, intrinsics, inside)[:, None])[..., 2].mean(axis=1)
    assert np.median(np.abs(ratio / absolute[..., 2].mean(axis=1) - 1)) < 0.06

    flat = np.concatenate([random.normal(0, 400, (1, 30, 2)), np.zeros((1, 30, 1))], axis=2)
    placed = flat + np.array([100, -50, 4000])
    K = np.array([[[400.0, 0, 127.5], [0, 400, 127.5], [0, 0, 1]]])
    homogeneous = placed @ K.transpose(0, 2, 1)
    found = weak_perspective(homogeneous[..., :2] / homogeneous[..., 2:], flat, K, np.ones((1, 30), bool))
    assert found[0] == pytest.approx([100, -50, 4000], abs=1e-6)


def test_the_view_ends_three_quarters_of_a_cell_from_the_border():
    joints2d = np.array([[[12, 128], [11.9, 128], [244, 244], [244.1, 128], [np.nan, 3]]])
    assert inside_view(joints2d, SIDE, STRIDE).tolist() == [[True, False, True, False, False]]


def test_each_pose_of_a_batch_has_the_deviation_that_it_has_alone():
    joints2d, _, absolute, intrinsics = scene(count=6)
    random = np.random.default_rng(1)
    std = random.uniform(20, 200, (6, 30, 3))
    inside = random.random((6, 30)) < 0.7
    given = (joints2d, std, intrinsics, inside, absolute[:, :, 2].mean(axis=1))
    together = distance_std(*given)
    for one in range(6):
        alone = distance_std(*(array[one : one + 1] for array in given))
        np.testing.assert_allclose(together[one], alone[0])
    assert len(set(together.round(6))) == 6


def test_weak_perspective_hardly_listens_to_joints_outside_the_view():
    joints2d, relative, _, intrinsics = scene(count=3)
    inside = np.ones((3, 30), bool)
    inside[:, 25:] = False
    moved = joints2d.copy()
    moved[:, 25:] += 40
    expected = weak_perspective(joints2d, relative, intrinsics, inside)
    found = weak_perspective(moved, relative, intrinsics, inside)
    everything = weak_perspective(moved, relative, intrinsics, np.ones((3, 30), bool))
    assert np.abs(found - expected).max() < 0.2 * np.abs(everything - expected).max()
