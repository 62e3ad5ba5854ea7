"""MuPoTS-3D: 20 sequences with several people, who must be found first; each true person is matched by 2D joints.

Mehta et al., "Single-Shot Multi-Person 3D Pose Estimation From Monocular RGB", 3DV 2018. In the order of the labels
each true person gets the free found one with most of the joints 1..13 within 40 px in x and in y. Measures are means
over the sequences: of the matched people, and of all people, where somebody not found has no joint right. PCK, A-PCK
and AUC are published against the universal poses, of people scaled to a standard size, with the found bones first
stretched to theirs; MPJPE and A-MPJPE mostly as found. Both are given, and the true poses with stretched bones.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from metric_pose_ros.skeleton import Skeleton
from training.data.skeletons import MUPOTS_17
from training.evaluation.metrics import Floats, auc, joint_errors, mean, pck, root_aligned
from training.evaluation.tables import Column, Table

NAME = "mupots"
SPLIT = "test"
TITLE = "MuPoTS-3D, the mean of the sequences; PCK and AUC on 14 joints, aligned at the pelvis unless absolute (A)"
MATCHING_JOINTS = slice(1, 14)
MATCHING_PX = 40.0
PCK_JOINTS = slice(0, 14)
ROOT = MUPOTS_17.names.index("pelvis")
WITHOUT_ROOT = np.array([joint for joint in range(len(MUPOTS_17)) if joint != ROOT])
NECK, HEAD_TOP = MUPOTS_17.indices(("neck", "head_top")).tolist()
STRETCHED = replace(
    MUPOTS_17, edges=tuple((NECK if child == HEAD_TOP else parent, child) for parent, child in MUPOTS_17.edges)
)
"""The bones that are stretched in published numbers: the top of the head hangs on the neck, as the head does."""

COLUMNS = (
    Column("annotated", "people", 0),
    Column("matched", "matched %"),
    Column("pck_all", "PCK, all, %"),
    Column("pck", "PCK, matched, %"),
    Column("auc_all", "AUC, all, %"),
    Column("auc", "AUC, matched, %"),
    Column("a_pck_all", "A-PCK, all, %"),
    Column("a_pck", "A-PCK, matched, %"),
    Column("mpjpe_14", "MPJPE, 14 joints, mm"),
    Column("mpjpe_16", "MPJPE, 16 without the pelvis, mm"),
    Column("mpjpe_17", "MPJPE, 17, mm"),
    Column("a_mpjpe_14", "A-MPJPE, 14, mm"),
    Column("a_mpjpe_16", "A-MPJPE, 16, mm"),
    Column("a_mpjpe", "A-MPJPE, 17, mm"),
)


@dataclass(frozen=True, eq=False)
class Crowd:
    """One frame: P true people and K found ones, with the 17 joints of the test set; NaN for what is unknown.

    Attributes:
        sequence: which the frame is of.
        true_mm: (P, 17, 3).
        true_px: (P, 17, 2).
        universal_mm: (P, 17, 3) as people of standard size would stand there.
        found_mm: (K, 17, 3).
        found_px: (K, 17, 2).
    """

    sequence: str
    true_mm: Floats
    true_px: Floats
    universal_mm: Floats
    found_mm: Floats
    found_px: Floats


def match(true_px: Floats, found_px: Floats) -> npt.NDArray[np.intp]:
    """Which found person each true one gets.

    Args:
        true_px: (P, 17, 2); NaN for joints that are not labelled.
        found_px: (K, 17, 2).

    Returns:
        (P,) indices of found people, -1 for nobody.
    """
    off = np.abs(true_px[:, None, MATCHING_JOINTS] - found_px[None, :, MATCHING_JOINTS]).max(axis=-1)
    close = np.asarray((off < MATCHING_PX).sum(axis=-1))
    taken = np.full(len(true_px), -1, np.intp)
    for person in range(len(true_px)):
        if close.shape[1] and close[person].max() > 0:
            taken[person] = int(close[person].argmax())
            close[:, taken[person]] = 0
    return taken


def with_true_bones(found: Floats, true: Floats, skeleton: Skeleton = STRETCHED, root: int = ROOT) -> Floats:
    """Found poses (N, J, 3) whose bones have the direction they had and the true length, from the root outwards.

    A joint that is NaN in the found poses is stepped over.
    """
    parents = {child: parent for parent, child in skeleton.edges}
    there = np.asarray(np.isfinite(found).all(axis=(0, 2)))
    stretched = found.copy()
    for joint in _outwards(skeleton, root):
        if joint == root or not there[joint]:
            continue
        parent = parents[joint]
        while not there[parent]:
            parent = parents[parent]
        bone = found[:, joint] - found[:, parent]
        length = np.linalg.norm(true[:, joint] - true[:, parent], axis=-1)
        direction = bone / np.maximum(np.linalg.norm(bone, axis=-1, keepdims=True), 1e-9)
        stretched[:, joint] = stretched[:, parent] + direction * length[:, None]
    return stretched


def _outwards(skeleton: Skeleton, root: int) -> list[int]:
    """The joints in an order in which each comes after its parent."""
    order = [root]
    for joint in order:
        order += [child for parent, child in skeleton.edges if parent == joint]
    return order


def score(crowds: list[Crowd], universal: bool, stretched: bool) -> dict[str, float]:
    """One row: the people of some frames of one sequence.

    Args:
        crowds: the frames.
        universal: whether people are compared with the universal poses instead of the true ones.
        stretched: whether bones are stretched to the lengths of what they are compared with first.
    """
    annotated = sum(len(crowd.true_mm) for crowd in crowds)
    true, found = [], []
    for crowd in crowds:
        for person, other in enumerate(match(crowd.true_px, crowd.found_px)):
            if other >= 0:
                true.append(crowd.universal_mm[person] if universal else crowd.true_mm[person])
                found.append(crowd.found_mm[other])
    row = {"annotated": float(annotated), "matched": 100 * len(true) / max(annotated, 1)}
    if not true:
        return row | {column.key: 0.0 if column.key.endswith("_all") else np.nan for column in COLUMNS[2:]}
    true_mm, found_mm = np.array(true), np.array(found)
    if stretched:
        found_mm = with_true_bones(found_mm, true_mm)
    aligned = joint_errors(root_aligned(found_mm, ROOT), root_aligned(true_mm, ROOT))
    absolute = joint_errors(found_mm, true_mm)
    share = len(true) / annotated
    row |= {
        "pck": 100 * pck(aligned[:, PCK_JOINTS]),
        "auc": 100 * auc(aligned[:, PCK_JOINTS]),
        "a_pck": 100 * pck(absolute[:, PCK_JOINTS]),
        "mpjpe_14": mean(aligned[:, PCK_JOINTS]),
        "mpjpe_16": mean(aligned[:, WITHOUT_ROOT]),
        "mpjpe_17": mean(aligned),
        "a_mpjpe_14": mean(absolute[:, PCK_JOINTS]),
        "a_mpjpe_16": mean(absolute[:, WITHOUT_ROOT]),
        "a_mpjpe": mean(absolute),
    }
    return row | {f"{key}_all": row[key] * share for key in ("pck", "auc", "a_pck")}


def tables(crowds: list[Crowd]) -> list[Table]:
    """By sequence; as found, with true bone lengths, and as published: beside universal poses with their bone
    lengths."""
    sequences = sorted({crowd.sequence for crowd in crowds})
    made = []
    for key, universal, stretched, how in (
        ("as_found", False, False, "as found:"),
        ("true_bones", False, True, "bones stretched to the true lengths:"),
        ("universal", True, True, "beside universal poses, bones stretched to their lengths, as PCK is published:"),
    ):
        rows = {
            name: score([crowd for crowd in crowds if crowd.sequence == name], universal, stretched)
            for name in sequences
        }
        means = {column.key: mean(np.array([row[column.key] for row in rows.values()])) for column in COLUMNS}
        means["annotated"] = float(sum(row["annotated"] for row in rows.values()))
        made.append(Table(key, f"{TITLE}; {how}", "sequence", COLUMNS, {"mean of sequences": means, **rows}))
    return made
