"""What each protocol counts, and how, with errors that can be worked out by hand."""

import itertools
import json
from dataclasses import replace

import numpy as np
import pytest

from metric_pose_ros.skeleton import BODY_30, H36M_17, SMPL_24
from test.training.evaluation.made_people import people
from training.data.shards import Sample
from training.data.skeletons import MPI_INF_3DHP_17
from training.evaluation.protocols import h36m, h36m_truncated, mpi_inf_3dhp, synthetic, threedpw


def off_by(joint: int, offset: tuple[float, float, float], skeleton, facts):
    """People of whom one joint is found beside where it is."""
    exact = people(skeleton, facts)
    found = exact.found_mm.copy()
    found[:, joint] += offset
    return replace(exact, found_mm=found)


def test_human36m_is_the_mean_over_poses_and_beside_it_that_over_actions():
    facts = [{"action": "Eating"}] * 3 + [{"action": "Waiting"}]
    exact = people(H36M_17, facts)
    found = exact.found_mm.copy()
    found[3, 1:] += [0, 0, 100]  # all joints but the pelvis
    rows = h36m.tables(replace(exact, found_mm=found))[0].rows
    assert rows["Waiting"]["mpjpe"] == pytest.approx(100 * 16 / 17)
    assert rows["Eating"]["mpjpe"] == pytest.approx(0, abs=1e-9)
    assert rows["all"]["mpjpe"] == pytest.approx(100 * 16 / 17 / 4)
    assert rows["mean of actions"]["mpjpe"] == pytest.approx(100 * 16 / 17 / 2)
    assert rows["all"]["pck"] == 100
    assert rows["Waiting"]["count"] == 1


def test_human36m_aligns_at_the_pelvis_and_absolute_errors_are_not_aligned():
    exact = people(H36M_17, [{"action": "Eating"}] * 2)
    row = h36m.score(replace(exact, found_mm=exact.found_mm + np.array([0, 0, 200])))
    assert row["mpjpe"] == pytest.approx(0, abs=1e-9)
    assert row["a_mpjpe"] == pytest.approx(200)
    assert (row["pck"], row["a_pck"]) == (100, 0)
    assert row["n_mpjpe"] == pytest.approx(0, abs=1e-9)


def test_a_model_that_cannot_say_where_people_stand_has_no_absolute_errors():
    exact = people(H36M_17, [{"action": "Eating"}], placed=False)
    row = h36m.score(exact)
    assert np.isnan(row["a_mpjpe"])
    assert np.isnan(row["a_pck"])
    (table,) = h36m.tables(exact)
    assert "| Eating | 1 | 0.0 | 0.0 | 0.0 | - | 100.0 | 96.8 | - |" in table.markdown()
    assert json.loads(json.dumps(table.json(), allow_nan=False))["rows"]["all"]["a_mpjpe"] is None


def test_people_without_the_joint_to_align_at_are_refused():
    with pytest.raises(ValueError, match="aligned at the joint 'pelvis', which this model does not have"):
        h36m.score(people(H36M_17, [{}], missing=("pelvis",)))


def test_the_part_of_a_box_is_a_square_in_it_and_the_same_for_everybody():
    box = np.array([100.0, 50, 180, 250])  # the square around it: x 40..240, y 50..250
    parts = np.array([h36m_truncated.part_of_box(box, f"key {number}") for number in range(2000)])
    sides = parts[:, 2:] - parts[:, :2]
    assert sides[:, 0] == pytest.approx(sides[:, 1])
    assert (sides > 0.5 * 200).all()
    assert (sides < 200).all()
    assert (parts[:, :2] >= [40, 50]).all()
    assert (parts[:, 2:] <= [240, 250]).all()
    assert (parts[:, 3] >= 150).all()
    assert h36m_truncated.part_of_box(box, "key 7") == pytest.approx(parts[7])
    # x1 and x2 are drawn apart and accepted if x2 - x1 is over 1/2 and under y2: sides are 0.5..1 with a mean that
    # follows from the density (1/2 - |s - 1/2|) * P(y2 > s), which is proportional to (1 - s)^2 over 1/2..1.
    assert sides.mean() / 200 == pytest.approx(0.5 + 0.125, abs=0.01)


def test_of_a_truncated_person_only_what_is_in_the_part_is_shown():
    joints_px = np.random.default_rng(1).uniform(0, 200, (17, 2)).astype(np.float32)
    sample = Sample(
        "S9_7", np.zeros((200, 200, 3), np.uint8), np.zeros((17, 3), np.float32), joints_px,
        np.eye(3, dtype=np.float32), np.full(17, 2, np.uint8), {}, H36M_17, np.array([0, 0, 200, 200], np.float32),
    )  # fmt: skip
    shown = h36m_truncated.truncate(sample, 1.25)
    part = h36m_truncated.part_of_box(sample.box, "S9_7")
    assert (shown.box[2:] - shown.box[:2]) * 1.25 == pytest.approx(part[2:] - part[:2])
    assert (shown.box[2:] + shown.box[:2]) / 2 == pytest.approx((part[2:] + part[:2]) / 2)
    inside = [bool((px > part[:2]).all() and (px < part[2:]).all()) for px in joints_px]
    assert (shown.visibility > 0).tolist() == inside
    assert 0 < sum(inside) < 17


def test_truncated_people_are_scored_on_all_and_on_shown_joints():
    exact = off_by(5, (0, 0, 90), H36M_17, [{"action": "Eating"}] * 2)
    inside = np.ones((2, 17), bool)
    inside[:, [4, 5]] = False
    row = h36m_truncated.score(replace(exact, inside=inside))
    assert row["mpjpe"] == pytest.approx(90 / 17)
    assert row["mpjpe_present"] == pytest.approx(0, abs=1e-9)
    assert row["a_mpjpe"] == pytest.approx(90 / 17)
    assert row["present"] == pytest.approx(100 * 15 / 17)


def test_mpi_inf_3dhp_counts_14_joints_and_averages_17():
    head = off_by(16, (0, 0, 170), MPI_INF_3DHP_17, [{"sequence": "TS1"}])  # not among the 14
    row = mpi_inf_3dhp.score(head)
    assert (row["pck"], row["mpjpe"]) == (100, pytest.approx(10))
    wrist = mpi_inf_3dhp.score(off_by(4, (0, 0, 170), MPI_INF_3DHP_17, [{"sequence": "TS1"}]))
    assert wrist["pck"] == pytest.approx(100 * 13 / 14)
    assert wrist["auc"] == pytest.approx(100 * 13 / 14 * 30 / 31)


def test_mpi_inf_3dhp_scales_knee_to_neck_to_920_mm():
    exact = people(MPI_INF_3DHP_17, [{"sequence": "TS1"}] * 3)
    larger = replace(exact, found_mm=exact.found_mm * 1.2)
    assert mpi_inf_3dhp.score(larger)["mpjpe"] > 20
    assert mpi_inf_3dhp.score(larger)["mpjpe_920"] == pytest.approx(0, abs=1e-9)
    poses = mpi_inf_3dhp.scaled(exact.true_mm, exact)
    chain = [13 - 1, 11, 14, 15, 1]  # left knee, left hip, pelvis, spine, neck in the test set's order
    length = sum(np.linalg.norm(poses[:, a] - poses[:, b], axis=-1) for a, b in itertools.pairwise(chain))
    assert length == pytest.approx(np.full(3, 920.0))


def test_mpi_inf_3dhp_compares_with_the_universal_poses_where_they_are():
    exact = people(MPI_INF_3DHP_17, [{"sequence": "TS1"}] * 2)
    facts = [{"sequence": "TS1", "universal_mm": (0.9 * pose).tolist()} for pose in exact.true_mm]
    row = mpi_inf_3dhp.score(replace(exact, facts=facts))
    assert row["mpjpe_universal"] == pytest.approx(0, abs=1e-6)
    assert np.isnan(mpi_inf_3dhp.score(exact)["mpjpe_universal"])


def test_mpi_inf_3dhp_does_without_joints_that_the_model_does_not_have():
    exact = people(MPI_INF_3DHP_17, [{"sequence": "TS1"}] * 2, missing=("spine_1",))
    unknown = exact.true_mm.copy()
    unknown[:, 15] = np.nan
    row = mpi_inf_3dhp.score(replace(exact, true_mm=unknown))
    assert row["mpjpe"] == row["mpjpe_920"] == pytest.approx(0, abs=1e-9)


def test_3dpw_counts_50_mm_on_limbs_and_integrates_to_200():
    row = threedpw.score(off_by(20, (0, 60, 80), SMPL_24, [{"sequence": "a"}]))  # a wrist, 100 mm
    assert row["mpjpe"] == pytest.approx(100 / 24)
    assert row["pck50"] == pytest.approx(100 * 11 / 12)
    # Eleven joints are right from 1 mm on, one from 101 mm on, of 201 thresholds.
    assert row["auc"] == pytest.approx((11 * 200 + 100) / 12 / 201)
    assert threedpw.score(off_by(10, (0, 60, 80), SMPL_24, [{"sequence": "a"}]))["pck50"] == 100  # a foot


def test_synthetic_people_are_scored_by_kind_of_pose():
    facts = [{"pose_kind": kind, "truncated": kind == "sit"} for kind in ("walk", "lie", "sit", "sit")]
    exact = people(BODY_30, facts)
    found = exact.found_mm.copy()
    found[2:, 1:] += [0, 0, 100]  # all but the root of the last two
    rows = synthetic.tables(replace(exact, found_mm=found, found_px=exact.true_px + np.array([3.0, 4.0])))[0].rows
    assert rows["whole"]["mpjpe"] == pytest.approx(0, abs=1e-9)
    assert rows["pose: sit"]["mpjpe"] == pytest.approx(100 * 29 / 30)
    assert rows["all"]["px"] == pytest.approx(5)
    assert rows["all"]["a_mpjpe"] == pytest.approx(50 * 29 / 30)
    assert set(rows) == {
        "all", "whole", "truncated", "whole, everyday poses", "pose: lie", "pose: sit", "pose: walk",
    }  # fmt: skip
    # Sitting is an everyday pose, too, but those who sit here are not whole.
    assert rows["whole, everyday poses"]["count"] == 1


def test_stated_uncertainty_of_the_right_size_is_reported_as_such():
    random = np.random.default_rng(2)
    exact = people(BODY_30, [{}] * 2000)
    std = random.uniform(60, 150, exact.std_mm.shape)
    found = exact.true_mm + random.normal(0, std)
    deviations, confidences = synthetic.reliability(replace(exact, found_mm=found, std_mm=std))
    assert deviations.rows["all"]["within_one"] == pytest.approx(68.3, abs=1.5)
    assert deviations.rows["all"]["within_two"] == pytest.approx(95.4, abs=1)
    for row in deviations.rows.values():
        assert row["actual"] == pytest.approx(row["stated"], rel=0.08)
    for row in confidences.rows.values():
        assert row["actual"] == pytest.approx(row["stated"], abs=5)
    half = synthetic.reliability(replace(exact, found_mm=found, std_mm=std / 2))[0].rows["all"]
    assert half["within_one"] == pytest.approx(38.3, abs=1.5)  # half a standard deviation of a Gaussian
