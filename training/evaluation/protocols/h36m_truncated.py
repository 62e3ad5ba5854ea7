"""Truncated Human3.6M: the model sees a random square part of each person's box; joints beyond it count as well.

The square around the box spans 0..1 in both directions. x1 is drawn from 0..0.5, x2 and y2 from 0.5..1, and a square
with the side x2 - x1 that ends at x2 and y2 is accepted if its side is more than 0.5 and less than y2 (Sarandi et al.,
MeTRo, FG 2020). Whether the published test draws to the letter so is not known; the draw here depends on a sample's key
alone, so all models see the same.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np

from metric_pose_ros.skeleton import H36M_17
from training.data.cropping import box_shown_by_crop, truncated_box
from training.data.shards import Sample
from training.evaluation.metrics import Floats, joint_errors, mean, only, procrustes_aligned, root_aligned
from training.evaluation.people import People
from training.evaluation.protocols.protocol import Protocol
from training.evaluation.tables import Column, Table

COLUMNS = (
    Column("count", "poses", 0),
    Column("present", "joints shown %"),
    Column("mpjpe", "MPJPE, all joints, mm"),
    Column("mpjpe_present", "MPJPE, shown joints, mm"),
    Column("pa_mpjpe", "PA-MPJPE mm"),
    Column("a_mpjpe", "A-MPJPE, all joints, mm"),
    Column("a_mpjpe_present", "A-MPJPE, shown joints, mm"),
)


def part_of_box(box: Floats, key: str) -> Floats:
    """(4,) xyxy px: the part of a person's box (4,) that the model may see; always the same for a sample's key."""
    seed = int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "little")
    return truncated_box(box, np.random.default_rng(seed))


def truncate(sample: Sample, crop_scale: float) -> Sample:
    """The sample with the part as its box, and as visible only what is in the part."""
    part = part_of_box(sample.box, sample.key)
    shown = np.all((sample.joints_px >= part[:2]) & (sample.joints_px <= part[2:]), axis=-1)
    return replace(
        sample,
        # Nothing but the part may be seen.
        box=box_shown_by_crop(part, crop_scale).astype(np.float32),
        visibility=np.where(shown, sample.visibility, 0).astype(np.uint8),
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
        "present": 100 * float(people.inside.mean()),
        "mpjpe": mean(aligned),
        "mpjpe_present": mean(only(aligned, people.inside)),
        "pa_mpjpe": mean(joint_errors(procrustes_aligned(found, true), true)),
        "a_mpjpe": mean(absolute),
        "a_mpjpe_present": mean(only(absolute, people.inside)),
    }


def tables(people: People) -> list[Table]:
    """By action."""
    rows = {"all": score(people)} | {name: score(group) for name, group in people.by("action").items()}
    return [Table("actions", PROTOCOL.title, "action", COLUMNS, rows)]


PROTOCOL = Protocol(
    "h36m-truncated",
    "Human3.6M, subjects 9 and 11, a random square part of each person's box is shown:",
    "test",
    H36M_17,
    tables,
    truncate,
)
