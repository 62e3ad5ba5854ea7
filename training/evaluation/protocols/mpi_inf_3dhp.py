"""MPI-INF-3DHP: the valid frames of TS1 to TS6, aligned at joint 14, the pelvis; PCK and AUC on 14 joints, MPJPE on 17.

Mehta et al., "Monocular 3D Human Pose Estimation In The Wild Using Improved CNN Supervision", 3DV 2017. The published
numbers are of people scaled to a standard size, either the data set's own universal poses or, as MargiPose does, poses
of which the way from the knee over the spine to the neck is 920 mm (Nibali et al., WACV 2019). Both are given beside
true sizes.
"""

from __future__ import annotations

import numpy as np

from training.data.skeletons import MPI_INF_3DHP_17
from training.evaluation.metrics import Floats, auc, joint_errors, mean, pck, procrustes_aligned, root_aligned
from training.evaluation.people import People
from training.evaluation.protocols.protocol import Protocol
from training.evaluation.tables import Column, Table

PCK_JOINTS = slice(0, 14)
KNEE_TO_NECK = ("left_knee", "left_hip", "pelvis", "spine_1", "neck")
KNEE_TO_NECK_MM = 920.0

COLUMNS = (
    Column("count", "poses", 0),
    Column("pck", "PCK@150 %"),
    Column("auc", "AUC %"),
    Column("mpjpe", "MPJPE mm"),
    Column("pa_mpjpe", "PA-MPJPE mm"),
    Column("a_mpjpe", "A-MPJPE mm"),
    Column("pck_920", "PCK, knee to neck 920 mm, %"),
    Column("auc_920", "AUC, 920, %"),
    Column("mpjpe_920", "MPJPE, 920, mm"),
    Column("pck_universal", "PCK, universal, %"),
    Column("auc_universal", "AUC, universal, %"),
    Column("mpjpe_universal", "MPJPE, universal, mm"),
)


def scaled(poses: Floats, people: People, to_mm: float = KNEE_TO_NECK_MM) -> Floats:
    """Poses (N, J, 3) stretched so that the way from knee to neck, over the joints the model has, is `to_mm` long."""
    chain = people.skeleton.indices(tuple(joint for joint in KNEE_TO_NECK if joint not in people.missing))
    length = np.linalg.norm(np.diff(poses[:, chain], axis=1), axis=-1).sum(axis=1)
    return poses * (to_mm / length)[:, None, None]


def universal(people: People) -> Floats:
    """(N, J, 3) the data set's poses of standard size; NaN where it has none, or the model lacks the joint."""
    nothing = np.full((len(people.skeleton), 3), np.nan)
    poses = np.array([facts.get("universal_mm", nothing) for facts in people.facts], float)
    return np.where(np.isfinite(people.true_mm), poses.reshape(people.true_mm.shape), np.nan)


def score(people: People) -> dict[str, float]:
    """One row."""
    root = people.root()
    found, true = root_aligned(people.found_mm, root), root_aligned(people.true_mm, root)
    standard = root_aligned(universal(people), root)
    row = {
        "count": float(len(people)),
        "pa_mpjpe": mean(joint_errors(procrustes_aligned(found, true), true)),
        "a_mpjpe": mean(joint_errors(people.found_mm, people.true_mm)) if people.placed else float("nan"),
    }
    # A universal pose is taller or smaller than the person by one factor, which a prediction cannot know.
    like_standard = found * _factor(true, standard)
    pairs = {
        "": (found, true),
        "_920": (scaled(found, people), scaled(true, people)),
        "_universal": (like_standard, standard),
    }
    for name, (one, other) in pairs.items():
        errors = joint_errors(one, other)
        row |= {
            f"pck{name}": 100 * pck(errors[:, PCK_JOINTS]),
            f"auc{name}": 100 * auc(errors[:, PCK_JOINTS]),
            f"mpjpe{name}": mean(errors),
        }
    return row


def _factor(true: Floats, standard: Floats) -> Floats:
    """(N, 1, 1) how much larger the standard poses are than the true ones."""
    sizes = [np.nansum(np.linalg.norm(poses, axis=-1), axis=1) for poses in (standard, true)]
    return (sizes[0] / np.maximum(sizes[1], 1e-9))[:, None, None]


def tables(people: People) -> list[Table]:
    """By sequence, by scene and by activity."""
    rows = {"all": score(people)}
    rows |= {name: score(group) for name, group in people.by("sequence").items()}
    rows |= {name: score(group) for name, group in people.by("scene", "scene ").items()}
    rows |= {name: score(group) for name, group in people.by("action", "activity ").items()}
    return [Table("sequences", PROTOCOL.title, "people", COLUMNS, rows)]


PROTOCOL = Protocol(
    "3dhp",
    "MPI-INF-3DHP, valid frames of TS1 to TS6, aligned at the pelvis; PCK and AUC on 14 joints, MPJPE on 17:",
    "test",
    MPI_INF_3DHP_17,
    tables,
)
