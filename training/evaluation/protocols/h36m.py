"""Human3.6M: subjects 9 and 11, every 64th frame of four cameras, 17 joints aligned at the pelvis, mean of all poses.

Ionescu et al., "Human3.6M: Large Scale Datasets and Predictive Methods for 3D Human Sensing in Natural Environments",
PAMI 2014; the frames are those of MeTRAbs. ``python -m training convert h36m`` has chosen them.
"""

from __future__ import annotations

from metric_pose_ros.skeleton import H36M_17
from training.evaluation.metrics import (
    auc,
    joint_errors,
    mean,
    pck,
    procrustes_aligned,
    root_aligned,
    scale_aligned,
)
from training.evaluation.people import People
from training.evaluation.protocols.protocol import Protocol
from training.evaluation.tables import Column, Table

COLUMNS = (
    Column("count", "poses", 0),
    Column("mpjpe", "MPJPE mm"),
    Column("pa_mpjpe", "PA-MPJPE mm"),
    Column("n_mpjpe", "N-MPJPE mm"),
    Column("a_mpjpe", "A-MPJPE mm"),
    Column("pck", "PCK@150 %"),
    Column("auc", "AUC %"),
    Column("a_pck", "A-PCK@150 %"),
)


def score(people: People) -> dict[str, float]:
    """One row."""
    root = people.root()
    found, true = root_aligned(people.found_mm, root), root_aligned(people.true_mm, root)
    aligned = joint_errors(found, true)
    row = {
        "count": float(len(people)),
        "mpjpe": mean(aligned),
        "pa_mpjpe": mean(joint_errors(procrustes_aligned(found, true), true)),
        "n_mpjpe": mean(joint_errors(scale_aligned(found, true), true)),
        "pck": 100 * pck(aligned),
        "auc": 100 * auc(aligned),
    }
    absolute = joint_errors(people.found_mm, people.true_mm)
    row["a_mpjpe"] = mean(absolute) if people.placed else float("nan")
    row["a_pck"] = 100 * pck(absolute) if people.placed else float("nan")
    return row


def tables(people: People) -> list[Table]:
    """By action, and the mean of the actions that some papers give."""
    actions = {name: score(group) for name, group in people.by("action").items()}
    rows = {"all": score(people), **actions}
    if actions:
        means = {key: sum(row[key] for row in actions.values()) / len(actions) for key in rows["all"]}
        rows["mean of actions"] = means | {"count": float(len(people))}
    return [Table("actions", PROTOCOL.title, "action", COLUMNS, rows)]


PROTOCOL = Protocol(
    "h36m",
    "Human3.6M, subjects 9 and 11, every 64th frame, 17 joints aligned at the pelvis:",
    "test",
    H36M_17,
    tables,
)
