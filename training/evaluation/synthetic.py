"""The synthetic protocol: our own people, other bodies, clothes, motions and backgrounds than those trained on.

What it measures is progress, not accuracy on real people: never compare it with Human3.6M.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from metric_pose_ros.skeleton import H36M_17, Skeleton
from training.evaluation.metrics import (
    centred,
    joint_errors,
    pck,
    procrustes_aligned,
    root_aligned,
    root_distance_errors,
)

Arrays = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class Scores:
    """One row of the table; millimetres unless said otherwise.

    Attributes:
        count: poses.
        mpjpe: mean joint error with the pelvis aligned.
        mpjpe_h36m: the same over the 17 joints of Human3.6M.
        pa_mpjpe: after Procrustes alignment.
        a_mpjpe: mean joint error in the camera frame.
        root_percent: median error of the pelvis, percent of its distance.
        pck150: share of joints within 150 mm, pelvis aligned, percent.
        px: mean 2D error of the joints inside the crop, px.
        within_one_std: share of coordinates of `relative` within one stated standard deviation, percent (68 if
            Gaussian).
    """

    count: int
    mpjpe: float
    mpjpe_h36m: float
    pa_mpjpe: float
    a_mpjpe: float
    root_percent: float
    pck150: float
    px: float
    within_one_std: float


def score(found: Arrays, truth: Arrays, skeleton: Skeleton) -> Scores:
    """Measures predictions.

    Args:
        found: ``joints2d`` (N, J, 2), ``relative``, ``absolute`` and ``std`` (N, J, 3).
        truth: ``joints_mm`` (N, J, 3), ``joints_px`` (N, J, 2) and ``visibility`` (N, J).
        skeleton: of the J joints.
    """
    absolute, true = found["absolute"].astype(float), truth["joints_mm"].astype(float)
    aligned = joint_errors(root_aligned(absolute), root_aligned(true))
    inside = truth["visibility"] > 0
    px = np.linalg.norm(found["joints2d"] - truth["joints_px"], axis=-1)[inside]
    off = centred(found["relative"].astype(float)) - centred(true)
    return Scores(
        count=len(true),
        mpjpe=float(aligned.mean()),
        mpjpe_h36m=float(aligned[:, skeleton.indices(H36M_17.names)].mean()),
        pa_mpjpe=float(joint_errors(procrustes_aligned(absolute, true), true).mean()),
        a_mpjpe=float(joint_errors(absolute, true).mean()),
        root_percent=float(np.median(root_distance_errors(absolute, true)) * 100),
        pck150=100 * pck(aligned),
        px=float(px.mean()),
        within_one_std=float((np.abs(off) <= found["std"]).mean() * 100),
    )


def score_groups(found: Arrays, truth: Arrays, facts: list[dict[str, Any]], skeleton: Skeleton) -> dict[str, Scores]:
    """Scores of all poses, of whole and truncated people, and of each kind of pose."""
    groups = {"all": np.ones(len(facts), bool)}
    truncated = np.array([bool(fact.get("truncated")) for fact in facts])
    groups.update({"whole": ~truncated, "truncated": truncated})
    kinds = np.array([str(fact.get("pose_kind", "unknown")) for fact in facts])
    groups.update({f"pose: {kind}": kinds == kind for kind in sorted(set(kinds))})
    return {
        name: score({k: v[rows] for k, v in found.items()}, {k: v[rows] for k, v in truth.items()}, skeleton)
        for name, rows in groups.items()
        if rows.any()
    }


HEADINGS = {
    "count": "poses",
    "mpjpe": "MPJPE mm",
    "mpjpe_h36m": "MPJPE-17 mm",
    "pa_mpjpe": "PA-MPJPE mm",
    "a_mpjpe": "A-MPJPE mm",
    "root_percent": "root % of distance",
    "pck150": "PCK@150 %",
    "px": "2D px",
    "within_one_std": "within 1 std %",
}


def markdown_table(rows: dict[str, Scores]) -> str:
    """The scores as a Markdown table."""
    lines = ["| people | " + " | ".join(HEADINGS.values()) + " |", "|---|" + "---:|" * len(HEADINGS)]
    for name, scores in rows.items():
        values = asdict(scores)
        cells = [str(values[key]) if key == "count" else f"{values[key]:.1f}" for key in HEADINGS]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)
