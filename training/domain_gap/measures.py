"""What can be told of poses of real people, mostly without a truth. Poses are (N, 17, 3) m with COCO's joints.

Bodies are known well enough to judge a pose by itself: both sides are alike, limbs have their share of the height, and
bones do not grow while somebody moves. The shares are those of Drillis and Contini ("Body Segment Parameters", 1966) as
Winter gives them ("Biomechanics and Motor Control of Human Movement", 2009, figure 4.1).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from metric_pose_ros.skeleton import COCO_17

Floats = npt.NDArray[np.floating]
Mask = npt.NDArray[np.bool_]

BODY = COCO_17.indices(tuple(name for name in COCO_17.names if name.split("_")[-1] not in ("nose", "eye", "ear")))
"""The twelve joints below the head; what detectors call the place of eyes and ears in 3D is a matter of taste."""
TORSO = COCO_17.indices(("left_shoulder", "right_shoulder", "left_hip", "right_hip"))
PCK_TORSO = 0.2
"""Of the torso's size: within it two witnesses agree on a joint."""

_HIPS = COCO_17.indices(("left_hip", "right_hip"))
_SHOULDERS = COCO_17.indices(("left_shoulder", "right_shoulder"))
LIMBS = {
    "upper arm": ("shoulder", "elbow", 0.186),
    "forearm": ("elbow", "wrist", 0.146),
    "thigh": ("hip", "knee", 0.245),
    "shank": ("knee", "ankle", 0.246),
}
"""Limb -> the joints at its ends, and its share of the height."""
_TRUNK_SHARE = 0.288
"""From between the hips to between the shoulders."""


def hips_middle(poses: Floats) -> Floats:
    """(..., 3) of poses (..., 17, 3)."""
    return poses[..., _HIPS, :].mean(axis=-2)


def hips_aligned(poses: Floats) -> Floats:
    """Poses (..., 17, 3) with the middle between the hips at the origin."""
    return poses - hips_middle(poses)[..., None, :]


def torso_size(points: Floats) -> Floats:
    """(N,) the larger extent of the box around shoulders and hips, of (N, 17, 2)."""
    return np.ptp(points[:, TORSO], axis=1).max(axis=1)


def agree(points: Floats, others: Floats, torso: Floats) -> Mask:
    """(N, J) joints of (N, J, 2) within `PCK_TORSO` torso sizes (N,) of each other."""
    return np.asarray(np.linalg.norm(points - others, axis=-1) < PCK_TORSO * torso[:, None])


def limb_lengths(poses: Floats) -> Floats:
    """(N, 4, 2) m: the limbs of `LIMBS`, left and right."""
    sides = [
        [
            np.linalg.norm(np.diff(poses[:, COCO_17.indices((f"{side}_{start}", f"{side}_{end}"))], axis=1), axis=-1)
            for side in ("left", "right")
        ]
        for start, end, _ in LIMBS.values()
    ]
    return np.array(sides)[..., 0].transpose(2, 0, 1)


def asymmetry_percent(poses: Floats) -> Floats:
    """(N,) how far left and right limbs differ, percent of their mean length, averaged over limbs."""
    left, right = np.moveaxis(limb_lengths(poses), 2, 0)
    return 100 * (np.abs(left - right) / np.maximum((left + right) / 2, 1e-6)).mean(axis=1)


def variation_percent(poses: Floats) -> float:
    """How much one person's limbs change their lengths over frames: standard deviation, percent of the mean length."""
    lengths = limb_lengths(poses)
    return float(100 * (lengths.std(axis=0) / np.maximum(lengths.mean(axis=0), 1e-6)).mean())


def height(poses: Floats) -> float:
    """How tall one person over frames is, m: from the median lengths of shanks, thighs and trunk."""
    shares = np.array([share for _, _, share in LIMBS.values()])
    limbs = np.median(limb_lengths(poses), axis=0).mean(axis=1)
    trunk = np.linalg.norm(poses[:, _SHOULDERS].mean(axis=1) - hips_middle(poses), axis=-1)
    return float((limbs[2:].sum() + np.median(trunk)) / (shares[2:].sum() + _TRUNK_SHARE))


def disproportion_percent(poses: Floats) -> float:
    """How far one person's limbs are from their usual share of the height: mean difference, percent of that share."""
    shares = np.array([share for _, _, share in LIMBS.values()])
    found = np.median(limb_lengths(poses), axis=0) / max(height(poses), 1e-6)
    return float(100 * np.abs(found / shares[:, None] - 1).mean())


def jitter_mm(track: Floats) -> float:
    """Mean length of the second difference of successive positions (frames, ..., 3) m, in mm/frame^2; NaN if none."""
    bend = np.linalg.norm(np.diff(track, 2, axis=0), axis=-1)
    return float(1000 * bend.mean()) if bend.size else float("nan")
