"""The measures of real people on bodies whose lengths are known by hand."""

import numpy as np
import pytest

from metric_pose_ros.skeleton import COCO_17
from training.domain_gap.measures import (
    BODY,
    agree,
    asymmetry_percent,
    disproportion_percent,
    height,
    hips_aligned,
    jitter_mm,
    torso_size,
    variation_percent,
)

# A man of 1.8 m after Winter's figure, arms hanging, seen from in front: x right, y down.
SHARES = {"hip": 0.53, "knee": 0.285, "ankle": 0.039, "shoulder": 0.818, "elbow": 0.632, "wrist": 0.486}
ASIDE = {"hip": 0.095, "knee": 0.095, "ankle": 0.095, "shoulder": 0.13, "elbow": 0.13, "wrist": 0.13}


def man(frames: int = 5) -> np.ndarray:
    pose = np.zeros((17, 3))
    for place, name in enumerate(COCO_17.names):
        side, _, joint = name.partition("_")
        if joint in SHARES:
            pose[place] = [ASIDE[joint] * (1 if side == "left" else -1), -SHARES[joint], 0]
    return np.repeat(1.8 * pose[None], frames, axis=0) + np.array([0, 0, 4.0])


def joint(name: str) -> int:
    return COCO_17.names.index(name)


def test_an_average_man_has_his_height_his_proportions_and_two_equal_sides():
    assert height(man()) == pytest.approx(1.8, abs=1e-6)
    assert disproportion_percent(man()) == pytest.approx(0, abs=1e-6)
    assert asymmetry_percent(man()) == pytest.approx(np.zeros(5), abs=1e-9)
    assert variation_percent(man()) == pytest.approx(0, abs=1e-9)


def test_a_left_shank_longer_by_a_tenth_is_told_by_both():
    poses = man()
    poses[:, joint("left_ankle"), 1] += 0.1 * 0.246 * 1.8
    # A tenth of 1.05 of the mean length, in one of four limbs.
    assert asymmetry_percent(poses) == pytest.approx(np.full(5, 100 * 0.1 / 1.05 / 4), rel=1e-6)
    taller = 1.8 * (1 + 0.05 * 0.246 / 0.779)
    assert height(poses) == pytest.approx(taller)
    shares = 1.8 / taller * np.array([1, 1, 1, 1, 1, 1, 1, 1.1]) - 1
    assert disproportion_percent(poses) == pytest.approx(100 * np.abs(shares).mean())


def test_a_forearm_that_breathes_varies_by_its_standard_deviation():
    poses = man(100)
    swing = 0.1 * np.sin(np.arange(100) * 2 * np.pi / 10)
    poses[:, joint("right_wrist"), 1] += swing * 0.146 * 1.8
    assert variation_percent(poses) == pytest.approx(100 * 0.1 / np.sqrt(2) / 8, rel=1e-6)


def test_jitter_is_acceleration_and_not_speed():
    moments = np.arange(20)[:, None, None] * np.ones((1, 12, 3))
    assert jitter_mm(0.01 * moments) == pytest.approx(0, abs=1e-9)
    # x = a t^2 / 2 on three axes.
    assert jitter_mm(0.002 * moments**2 / 2) == pytest.approx(2 * np.sqrt(3))
    assert np.isnan(jitter_mm(moments[:2]))


def test_witnesses_agree_within_a_fifth_of_the_torso():
    points = man()[..., :2] * 1000
    torso = torso_size(points)
    assert torso == pytest.approx(np.full(5, (0.818 - 0.53) * 1800))
    moved = points.copy()
    moved[:, joint("left_knee"), 0] += 0.19 * torso
    moved[:, joint("left_ankle"), 0] += 0.21 * torso
    told = agree(points, moved, torso)
    assert told[:, joint("left_knee")].all()
    assert not told[:, joint("left_ankle")].any()
    assert told.sum() == 5 * 16


def test_hips_alignment_puts_the_hips_middle_on_each_other_and_nothing_else():
    truth, moved = np.zeros((1, 17, 3)), np.zeros((1, 17, 3)) + np.array([3.0, -1.0, 2.0])
    moved[0, joint("left_wrist"), 1] += 0.25
    apart = np.linalg.norm(hips_aligned(moved) - hips_aligned(truth), axis=-1)[0]
    assert apart[joint("left_wrist")] == pytest.approx(0.25)
    assert np.delete(apart, joint("left_wrist")).max() < 1e-12
    assert len(BODY) == 12
