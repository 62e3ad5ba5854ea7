"""Recorded limbs keep their directions on our rig, mirrored poses are mirrored, everyday poses are what they say."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from test.training.synthesis.rig_of_rest import limb_direction, make_rig
from training.synthesis.everyday_poses import KINDS, everyday_pose
from training.synthesis.motion_files import PARTS, Clip
from training.synthesis.poses import PoseSampler, pose_from_clip
from training.synthesis.rig import align, turn

SPINE = ["spine05", "spine04", "spine03", "spine02", "spine01"]
ENDS = {
    "upperarm": ([*SPINE, "upperarm01"], "lowerarm01"),
    "forearm": ([*SPINE, "upperarm01", "lowerarm01"], "wrist"),
    "thigh": (["upperleg01"], "lowerleg01"),
    "shin": (["upperleg01", "lowerleg01"], "foot"),
    "foot": (["upperleg01", "lowerleg01", "foot"], "toe2-1"),
}


def random_clip(seed=0):
    """Every part turned at random, from a rest pose with its own directions."""
    rng = np.random.default_rng(seed)
    rest = {part: np.array([0, 0, -1.0]) for part in PARTS if "." in part}
    rest |= {f"upperarm.{side}": np.array([1.0 if side == "L" else -1.0, 0, 0]) for side in "LR"}
    turns = {part: Rotation.random(4, rng).as_matrix() for part in PARTS}
    for part in ("chest", "head"):  # a spine does not bend further than half a turn
        nudge = Rotation.from_rotvec(rng.normal(0, 0.3, (4, 3))).as_matrix()
        turns[part] = turns["root" if part == "chest" else "chest"] @ nudge
    return Clip("77_01", turns, rest)


@pytest.mark.parametrize("limb", ENDS)
@pytest.mark.parametrize("side", ["L", "R"])
def test_a_recorded_limb_points_the_same_way_on_our_rig(limb, side):
    rig, clip = make_rig(), random_clip()
    chain, end = ENDS[limb]
    for frame in range(len(clip)):
        ours = limb_direction(rig, pose_from_clip(rig, clip, frame), chain, side, end)
        recorded = clip.rotations[f"{limb}.{side}"][frame] @ clip.rest_directions[f"{limb}.{side}"]
        assert ours == pytest.approx(recorded, abs=1e-9)


def test_a_mirrored_pose_mirrors_every_limb():
    rig = make_rig()
    rotations = pose_from_clip(rig, random_clip(), 1)
    mirrored = rig.mirror(rotations)
    for chain, end in ENDS.values():
        left = limb_direction(rig, rotations, chain, "L", end)
        assert limb_direction(rig, mirrored, chain, "R", end) == pytest.approx(left * [-1, 1, 1], abs=1e-9)


def test_who_stands_has_the_feet_below_and_who_sits_has_level_thighs():
    rig, rng = make_rig(), np.random.default_rng(3)
    shins = [limb_direction(rig, everyday_pose(rig, "stand", rng), *shin()) for _ in range(20)]
    assert np.mean([shin[2] for shin in shins]) < -0.95
    thighs = [limb_direction(rig, everyday_pose(rig, "sit", rng), ["upperleg01"], "L", "lowerleg01") for _ in range(20)]
    assert np.mean([thigh[2] for thigh in thighs]) == pytest.approx(0, abs=0.15)
    assert np.mean([thigh[1] for thigh in thighs]) < -0.9


def shin():
    return ["upperleg01", "lowerleg01"], "L", "foot"


def test_knees_never_bend_forwards_when_walking():
    rig, rng = make_rig(), np.random.default_rng(4)
    for _ in range(20):
        knee = everyday_pose(rig, "walk", rng)[rig.index["lowerleg01.L"]]
        assert Rotation.from_matrix(knee).as_rotvec(degrees=True)[0] >= -1e-6


def test_every_kind_gives_rotations_and_an_unknown_kind_is_refused():
    rig, rng = make_rig(), np.random.default_rng(5)
    for kind in KINDS:
        rotations = everyday_pose(rig, kind, rng)
        assert rotations @ rotations.transpose(0, 2, 1) == pytest.approx(
            np.tile(np.eye(3), (len(rotations), 1, 1)), abs=1e-9
        )
        assert np.linalg.det(rotations) == pytest.approx(np.ones(len(rotations)))
    with pytest.raises(ValueError, match="'fly': expected one of stand, walk"):
        everyday_pose(rig, "fly", rng)


def test_the_kinds_of_poses_add_up_to_one():
    assert sum(KINDS.values()) == pytest.approx(1)


def test_the_same_seed_draws_the_same_pose_and_clips_are_named():
    sampler = PoseSampler(make_rig(), [random_clip()])
    first = [sampler.sample(np.random.default_rng(n)) for n in range(20)]
    again = [sampler.sample(np.random.default_rng(n)) for n in range(20)]
    assert all(np.array_equal(a.rotations, b.rotations) for a, b in zip(first, again, strict=True))
    assert {pose.clip for pose in first} == {"77_01", "procedural"}
    assert {pose.clip for pose in (PoseSampler(make_rig(), []).sample(np.random.default_rng(n)) for n in range(9))} == {
        "procedural"
    }


def test_align_turns_one_direction_into_another_even_the_opposite():
    rng = np.random.default_rng(6)
    for start, end in [*rng.normal(size=(10, 2, 3)), (np.array([1.0, 0, 0]), np.array([-1.0, 0, 0]))]:
        turned = align(start, end) @ (start / np.linalg.norm(start))
        assert turned == pytest.approx(end / np.linalg.norm(end), abs=1e-6)
    assert turn([0, 0, 2.0], 90) @ [1, 0, 0] == pytest.approx([0, 1, 0], abs=1e-9)
