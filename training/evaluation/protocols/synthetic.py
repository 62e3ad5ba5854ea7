"""The synthetic protocol: our own people, other bodies, clothes, motions and backgrounds than those trained on.

What it measures is progress, not accuracy on real people: never compare it with Human3.6M.
"""

from __future__ import annotations

import numpy as np

from metric_pose_ros.skeleton import H36M_17
from training.evaluation.calibration_report import reliability, within_percent
from training.evaluation.metrics import (
    joint_errors,
    mean,
    median,
    only,
    pck,
    procrustes_aligned,
    root_aligned,
    root_distance_errors,
)
from training.evaluation.people import People
from training.evaluation.protocols.protocol import Protocol
from training.evaluation.tables import Column, Table

EVERYDAY = ("stand", "walk", "reach", "sit", "bend")
"""Kinds of poses that a robot among people sees most."""
COLUMNS = (
    Column("count", "poses", 0),
    Column("mpjpe", "MPJPE mm"),
    Column("mpjpe_h36m", "MPJPE-17 mm"),
    Column("mpjpe_present", "MPJPE, shown joints, mm"),
    Column("pa_mpjpe", "PA-MPJPE mm"),
    Column("a_mpjpe", "A-MPJPE mm"),
    Column("root_percent", "root % of distance"),
    Column("pck150", "PCK@150 %"),
    Column("a_pck150", "A-PCK@150 %"),
    Column("px", "2D px"),
    Column("within_one_std", "within 1 std %"),
    Column("within_two_std", "within 2 std %"),
)


def score(people: People) -> dict[str, float]:
    """One row: millimetres unless the heading says otherwise; the root's error is a median, all others are means."""
    root = people.root()
    found, true = root_aligned(people.found_mm, root), root_aligned(people.true_mm, root)
    aligned, absolute = joint_errors(found, true), joint_errors(people.found_mm, people.true_mm)
    distance = root_distance_errors(people.found_mm, people.true_mm, root)
    px = np.linalg.norm(people.found_px - people.true_px, axis=-1)
    if not people.placed:
        absolute, distance = np.full_like(absolute, np.nan), np.full_like(distance, np.nan)
    of_h36m = [people.skeleton.names.index(joint) for joint in H36M_17.names if joint in people.skeleton.names]
    return {
        "count": float(len(people)),
        "mpjpe": mean(aligned),
        "mpjpe_h36m": mean(aligned[:, of_h36m]),
        "mpjpe_present": mean(only(aligned, people.inside)),
        "pa_mpjpe": mean(joint_errors(procrustes_aligned(found, true), true)),
        "a_mpjpe": mean(absolute),
        "root_percent": 100 * median(distance),
        "pck150": 100 * pck(aligned),
        "a_pck150": 100 * pck(absolute),
        "px": mean(only(px, people.inside)),
        "within_one_std": within_percent(people, 1),
        "within_two_std": within_percent(people, 2),
    }


def by_truncation(people: People) -> dict[str, People]:
    """All, those in the picture from head to foot, and the others."""
    truncated = np.array([bool(facts.get("truncated")) for facts in people.facts])
    return {"all": people, "whole": people.some(~truncated), "truncated": people.some(truncated)}


def tables(people: People) -> list[Table]:
    """By whether people are truncated and by the kind of pose, and how reliable the stated uncertainty is."""
    groups = by_truncation(people)
    usual = np.array([facts.get("pose_kind") in EVERYDAY for facts in groups["whole"].facts], bool)
    groups |= {"whole, everyday poses": groups["whole"].some(usual)} | people.by("pose_kind", "pose: ")
    rows = {name: score(group) for name, group in groups.items() if len(group)}
    return [Table("people", PROTOCOL.title, "people", COLUMNS, rows), *reliability(people)]


PROTOCOL = Protocol(
    "synthetic",
    "Synthetic people (other bodies, clothes, motions and backgrounds than trained on; not comparable with Human3.6M):",
    "test",
    None,
    tables,
)
