"""3DPW: 24 joints aligned at the pelvis; PCK at 50 mm and AUC over 0..200 mm on the 12 joints of the limbs.

The measures of the 3DPW challenge of 2020 (von Marcard et al., "Recovering Accurate 3D Human Pose in The Wild Using
IMUs and a Moving Camera", ECCV 2018), but on the test split alone, as many papers do: the challenge, and the numbers
of MeTRAbs' authors, are of all sequences of all three splits, so these cannot stand beside those. All people count
whose camera pose is valid and whose 2D pose was found; ``python -m training convert 3dpw`` has chosen them.
"""

from __future__ import annotations

import numpy as np

from metric_pose_ros.skeleton import SMPL_24
from training.evaluation.metrics import auc, joint_errors, mean, pck, procrustes_aligned, root_aligned
from training.evaluation.people import People
from training.evaluation.protocols.protocol import Protocol
from training.evaluation.tables import Column, Table

LIMBS = np.array([1, 2, 4, 5, 7, 8, 16, 17, 18, 19, 20, 21])
"""Hips, knees, ankles, shoulders, elbows and wrists."""
AUC_MM = np.arange(0.0, 201.0)

COLUMNS = (
    Column("count", "poses", 0),
    Column("mpjpe", "MPJPE mm"),
    Column("pa_mpjpe", "PA-MPJPE mm"),
    Column("pck50", "PCK@50 %"),
    Column("auc", "AUC", 3),
    Column("a_mpjpe", "A-MPJPE mm"),
    Column("a_pck", "A-PCK@150 %"),
)


def score(people: People) -> dict[str, float]:
    """One row."""
    root = people.root()
    found, true = root_aligned(people.found_mm, root), root_aligned(people.true_mm, root)
    aligned, absolute = joint_errors(found, true), joint_errors(people.found_mm, people.true_mm)
    if not people.placed:
        absolute = np.full_like(absolute, np.nan)
    return {
        "count": float(len(people)),
        "mpjpe": mean(aligned),
        "pa_mpjpe": mean(joint_errors(procrustes_aligned(found, true), true)),
        "pck50": 100 * pck(aligned[:, LIMBS], 50),
        "auc": auc(aligned[:, LIMBS], AUC_MM),
        "a_mpjpe": mean(absolute),
        "a_pck": 100 * pck(absolute[:, LIMBS]),
    }


def tables(people: People) -> list[Table]:
    """By sequence."""
    rows = {"all": score(people)} | {name: score(group) for name, group in people.by("sequence").items()}
    return [Table("sequences", PROTOCOL.title, "sequence", COLUMNS, rows)]


PROTOCOL = Protocol(
    "3dpw",
    "3DPW, one split and not all of them as in the challenge of 2020; 24 joints aligned at the pelvis, PCK and AUC on "
    "the 12 joints of the limbs:",
    "test",
    SMPL_24,
    tables,
)
