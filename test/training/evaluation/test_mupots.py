"""MuPoTS-3D: who is matched with whom, stretched bones, and people who were not found."""

from dataclasses import replace

import numpy as np
import pytest

from training.evaluation.protocols.mupots import Crowd, match, tables, with_true_bones

PARENTS = (1, 15, 1, 2, 3, 1, 5, 6, 14, 8, 9, 14, 11, 12, 14, 14, 1)
"""Of each joint in the test set's own evaluation, which stretches bones; head and its top both hang on the neck (1)."""


def crowd(count: int, sequence: str = "TS1", seed: int = 0) -> Crowd:
    """People who were all found where they are."""
    random = np.random.default_rng(seed)
    true_mm = random.normal(0, 300, (count, 17, 3)) + np.array([0, 0, 4000])
    true_mm[..., 0] += 1500 * np.arange(count)[:, None]
    true_px = 1000 * true_mm[..., :2] / true_mm[..., 2:] + 500
    return Crowd(sequence, true_mm, true_px, true_mm.copy(), true_mm.copy(), true_px.copy())


def test_people_are_matched_whatever_their_order():
    three = crowd(3)
    assert match(three.true_px, three.found_px[[2, 0, 1]]).tolist() == [1, 2, 0]


def test_a_joint_counts_if_it_is_less_than_40_px_off_both_ways():
    one = crowd(1)
    far = one.found_px.copy()
    assert match(one.true_px, far + np.array([39.9, -39.9])).tolist() == [0]
    assert match(one.true_px, far + np.array([0, 40.1])).tolist() == [-1]
    outside = far + 1000
    outside[:, [0, 14, 15, 16]] = one.true_px[:, [0, 14, 15, 16]]  # head top, pelvis, spine and head do not count
    assert match(one.true_px, outside).tolist() == [-1]
    outside[:, 13] = one.true_px[:, 13]
    assert match(one.true_px, outside).tolist() == [0]


def test_the_first_true_person_chooses_first_and_nobody_is_taken_twice():
    one = crowd(1)
    twins = np.concatenate([one.true_px, one.true_px])
    assert match(twins, one.found_px).tolist() == [0, -1]
    better = np.concatenate([one.found_px, one.found_px])
    better[0, 1:5] += 500  # four joints fewer
    assert match(one.true_px, better).tolist() == [1]


def test_joints_that_are_not_labelled_do_not_count():
    one = crowd(1)
    unlabelled = np.full_like(one.true_px, np.nan)
    assert match(unlabelled, one.found_px).tolist() == [-1]
    assert match(one.true_px, np.zeros((0, 17, 2))).tolist() == [-1]


def test_bones_get_the_true_lengths_and_keep_their_directions():
    random = np.random.default_rng(3)
    true, found = random.normal(0, 300, (2, 5, 17, 3))
    stretched = with_true_bones(found, true)
    assert stretched[:, 14] == pytest.approx(found[:, 14])
    for child, parent in enumerate(PARENTS):
        if child == parent:
            continue
        lengths = [np.linalg.norm(poses[:, child] - poses[:, parent], axis=-1) for poses in (stretched, true)]
        assert lengths[0] == pytest.approx(lengths[1])
        bones = [poses[:, child] - poses[:, parent] for poses in (stretched, found)]
        cosine = (bones[0] * bones[1]).sum(axis=-1) / np.prod([np.linalg.norm(bone, axis=-1) for bone in bones], axis=0)
        assert cosine == pytest.approx(np.ones(5))


def test_bones_are_stretched_over_a_joint_that_was_not_found():
    random = np.random.default_rng(3)
    true, found = random.normal(0, 300, (2, 5, 17, 3))
    found[:, 15] = np.nan  # the spine, between pelvis and neck
    stretched = with_true_bones(found, true)
    neck = np.linalg.norm(stretched[:, 1] - stretched[:, 14], axis=-1)
    assert neck == pytest.approx(np.linalg.norm(true[:, 1] - true[:, 14], axis=-1))


def test_somebody_not_found_has_no_joint_right_and_no_error():
    two = crowd(2)
    row = tables([replace(two, found_mm=two.found_mm[:1], found_px=two.found_px[:1])])[0].rows["TS1"]
    assert (row["pck"], row["pck_all"], row["a_pck_all"]) == (100, 50, 50)
    assert row["matched"] == 50
    assert row["mpjpe_17"] == pytest.approx(0, abs=1e-9)


def test_aligned_and_absolute_errors_of_subsets_of_joints():
    one = crowd(1)
    found = one.found_mm + np.array([0, 0, 200])
    found[:, 16] += [0, 170, 0]
    row = tables([replace(one, found_mm=found)])[0].rows["TS1"]
    assert row["mpjpe_14"] == pytest.approx(0, abs=1e-9)
    assert row["mpjpe_16"] == pytest.approx(170 / 16)
    assert row["mpjpe_17"] == pytest.approx(10)
    assert row["a_mpjpe_14"] == pytest.approx(200)
    assert row["a_mpjpe_16"] == pytest.approx((15 * 200 + np.hypot(200, 170)) / 16)
    assert row["a_mpjpe"] == pytest.approx((16 * 200 + np.hypot(200, 170)) / 17)
    assert (row["pck"], row["a_pck"]) == (100, 0)


def test_the_mean_is_over_sequences_not_over_people():
    many, few = crowd(3, "TS1"), crowd(1, "TS2", seed=5)
    nobody = replace(few, found_mm=few.found_mm[:0], found_px=few.found_px[:0])
    as_found, true_bones, universal = tables([many, nobody])
    assert as_found.rows["mean of sequences"]["pck_all"] == 50
    assert as_found.rows["mean of sequences"]["annotated"] == 4
    assert as_found.rows["TS2"]["pck_all"] == 0
    assert np.isnan(as_found.rows["TS2"]["mpjpe_17"])
    assert as_found.rows["mean of sequences"]["mpjpe_17"] == pytest.approx(0, abs=1e-9)
    assert true_bones.rows["mean of sequences"]["pck_all"] == 50
    assert universal.rows["mean of sequences"]["pck_all"] == 50


def test_published_numbers_compare_with_people_of_standard_size():
    one = crowd(2)
    short = one.true_mm * 0.8  # who look the same: nearer and smaller
    as_found, true_bones, universal = (
        table.rows["TS1"] for table in tables([replace(one, universal_mm=short, found_mm=one.true_mm * 0.9)])
    )
    size = np.linalg.norm(one.true_mm - one.true_mm[:, 14:15], axis=-1)
    assert as_found["mpjpe_17"] == pytest.approx(0.1 * size.mean())
    assert as_found["a_pck"] == 0
    for row in (true_bones, universal):
        assert row["mpjpe_17"] == pytest.approx(0, abs=1e-6)
        assert row["auc"] == pytest.approx(100 * 30 / 31)
    # Their pelvis is a tenth of the distance too near, or too far.
    away = 0.1 * np.linalg.norm(one.true_mm[:, 14], axis=-1).mean()
    assert (true_bones["a_mpjpe"], universal["a_mpjpe"]) == pytest.approx((away, away))
    standing = replace(one, universal_mm=short, found_mm=one.true_mm * 0.8)
    as_found, _, universal = (table.rows["TS1"] for table in tables([standing]))
    assert (universal["a_pck"], universal["a_mpjpe"]) == (100, pytest.approx(0, abs=1e-6))
    assert as_found["a_pck"] == 0
