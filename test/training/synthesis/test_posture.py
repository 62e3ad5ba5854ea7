"""Poses do not run through themselves, stand under their weight on flat soles, and lie on their trunks."""

import numpy as np
import pytest

from test.training.synthesis.rig_of_rest import make_rig
from training.synthesis.everyday_poses import everyday_pose
from training.synthesis.posture import Posture, rests_on_the_trunk, segment_distances, stand_on_both_feet
from training.synthesis.rig import X, Y, turn


def test_distances_of_segments_agree_with_a_fine_search():
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(2, 40, 2, 3))
    first[0, 1] = first[0, 0]  # a point
    second[1] = first[1] + 0.5  # parallel
    t = np.linspace(0, 1, 201)[:, None]
    for a, b, distance in zip(first, second, segment_distances(first, second), strict=True):
        one, other = a[0] + t * (a[1] - a[0]), b[0] + t * (b[1] - b[0])
        searched = np.linalg.norm(one[:, None] - other[None], axis=-1).min()
        assert distance == pytest.approx(searched, abs=0.015)
        assert distance <= searched + 1e-9


def test_who_stands_at_rest_does_not_collide_and_a_forearm_in_the_belly_does():
    rig = make_rig()
    rotations = rig.rest()
    assert not Posture.of(rig, rotations).collides()
    rotations[rig.index["upperarm01.L"]] = turn(Y, 45)
    rotations[rig.index["lowerarm01.L"]] = turn(Y, 100)
    assert Posture.of(rig, rotations).collides()


def test_crossed_shins_collide():
    rig = make_rig()
    rotations = rig.rest()
    for side, angle in (("L", 14), ("R", -14)):
        rotations[rig.index[f"upperleg01.{side}"]] = turn(Y, angle)
    assert Posture.of(rig, rotations).collides()


def soles(rig, rotations):
    """(2, 3) ankles and (2, 3) directions of the feet, upright world axes, root at the origin."""
    points = Posture.of(rig, rotations).points
    ankles = np.array([rotations[0] @ points[f"foot.{side}"] for side in "LR"])
    toes = np.array([rotations[0] @ points[f"toe2-1.{side}"] for side in "LR"])
    return ankles, toes - ankles


def test_who_leans_comes_to_stand_under_the_own_weight_with_both_soles_on_the_ground():
    rig = make_rig()
    rotations = rig.rest()
    rotations[0] = turn(Y, 8) @ turn(X, 12)
    rotations[rig.index["upperleg01.L"]] = turn(X, -20)
    rotations[rig.index["lowerleg01.L"]] = turn(X, 25)
    stand_on_both_feet(rig, rotations)
    ankles, feet = soles(rig, rotations)
    assert ankles[0, 2] == pytest.approx(ankles[1, 2], abs=0.03)
    at_rest = soles(rig, rig.rest())[1][0, 2]
    assert feet[:, 2] == pytest.approx([at_rest, at_rest], abs=0.005)
    weight = rotations[0] @ Posture.of(rig, rotations).centre_of_mass()
    assert np.abs(weight - (ankles + feet / 2).mean(0))[:2].max() < 0.07


@pytest.mark.parametrize("kind", ["stand", "reach", "bend", "crouch"])
def test_everyday_standing_is_balanced(kind):
    rig, rng = make_rig(), np.random.default_rng(2)
    offsets, rises = [], []
    for _ in range(12):
        rotations = everyday_pose(rig, kind, rng)
        ankles, feet = soles(rig, rotations)
        weight = rotations[0] @ Posture.of(rig, rotations).centre_of_mass()
        offsets.append(np.linalg.norm((weight - (ankles + feet / 2).mean(0))[:2]))
        rises.append(abs(ankles[0, 2] - ankles[1, 2]))
    assert np.median(offsets) < 0.07
    assert np.median(rises) < 0.02


def test_who_lies_rests_on_the_trunk_and_is_flat():
    rig, rng = make_rig(), np.random.default_rng(3)
    heights = []
    for _ in range(15):
        rotations = everyday_pose(rig, "lie", rng)
        assert rests_on_the_trunk(rig, rotations)
        points = Posture.of(rig, rotations).points
        heights.append(abs((rotations[0] @ (points["neck"] - points["root"]))[2]))
    assert np.max(heights) < 0.25


def test_who_sits_on_the_floor_has_the_heels_there_too():
    rig, rng = make_rig(), np.random.default_rng(4)
    heights = [soles(rig, everyday_pose(rig, "floor", rng))[0][:, 2].mean() for _ in range(20)]
    assert np.median(np.abs(heights)) < 0.06


@pytest.mark.parametrize("kind", ["walk", "sit", "kneel", "floor", "lie", "free"])
def test_hardly_any_everyday_pose_runs_through_itself(kind):
    rig, rng = make_rig(), np.random.default_rng(5)
    poses = [everyday_pose(rig, kind, rng) for _ in range(12)]
    assert sum(Posture.of(rig, pose).collides() for pose in poses) <= 1
