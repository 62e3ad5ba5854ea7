"""What cannot be a person, or is nowhere for sure, is dropped: docs/safety.md says what these rules promise."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from metric_pose_ros.skeleton import Skeleton

Floats = npt.NDArray[np.floating]

TYPICAL_BONES_M = {
    ("pelvis", "left_hip"): 0.11, ("pelvis", "right_hip"): 0.11, ("pelvis", "spine1"): 0.11, ("spine1", "spine2"): 0.14,
    ("spine2", "spine3"): 0.06, ("spine3", "neck"): 0.22, ("spine2", "neck"): 0.27,
    ("left_hip", "left_knee"): 0.39, ("right_hip", "right_knee"): 0.39,
    ("left_knee", "left_ankle"): 0.41, ("right_knee", "right_ankle"): 0.41,
    ("left_ankle", "left_foot"): 0.14, ("right_ankle", "right_foot"): 0.14,
    ("spine3", "left_collar"): 0.14, ("spine3", "right_collar"): 0.14,
    ("left_collar", "left_shoulder"): 0.11, ("right_collar", "right_shoulder"): 0.11,
    ("neck", "left_shoulder"): 0.19, ("neck", "right_shoulder"): 0.19,
    ("left_shoulder", "right_shoulder"): 0.36, ("left_hip", "right_hip"): 0.22,
    ("left_shoulder", "left_hip"): 0.5, ("right_shoulder", "right_hip"): 0.5,
    ("left_shoulder", "left_elbow"): 0.27, ("right_shoulder", "right_elbow"): 0.27,
    ("left_elbow", "left_wrist"): 0.25, ("right_elbow", "right_wrist"): 0.25,
    ("left_wrist", "left_hand"): 0.09, ("right_wrist", "right_hand"): 0.09,
    ("neck", "head"): 0.1, ("neck", "nose"): 0.18, ("nose", "head_top"): 0.2, ("head", "head_top"): 0.18,
    ("head", "nose"): 0.13,
}  # fmt: skip
"""Bones of an adult, metres. Orders of magnitude are enough: a bone is refused only when far off both ways below."""

_RATIOS = (0.1, 3.0)
_LEAST_OFF_M = 0.3
_UNSURE_STD_M = 0.2
_UNPLACED = 0.5


def bones_are_possible(joints3d: Floats, skeleton: Skeleton) -> bool:
    """Whether no bone is both out of all proportion (below 1/10 or above 3 times an adult's) and more than 300 mm off.

    Args:
        joints3d: (J, 3) m.
        skeleton: of the J joints. Bones without an entry in `TYPICAL_BONES_M`, whichever end comes first, are not
            judged.
    """
    for parent, child in skeleton.edges:
        bone = skeleton.names[parent], skeleton.names[child]
        typical = TYPICAL_BONES_M.get(bone, TYPICAL_BONES_M.get(bone[::-1]))
        if typical is None:
            continue
        length = float(np.linalg.norm(joints3d[child] - joints3d[parent]))
        if abs(length - typical) > _LEAST_OFF_M and not _RATIOS[0] <= length / typical <= _RATIOS[1]:
            return False
    return True


def enough_is_certain(std: Floats) -> bool:
    """Whether more than a quarter of the joints are known to better than 200 mm.

    Args:
        std: (J, 3) m, one standard deviation per axis.
    """
    certain = np.linalg.norm(std, axis=1) < _UNSURE_STD_M
    return int(certain.sum()) > len(std) // 4


def enough_is_in_view(joints2d: Floats, width: int, height: int) -> bool:
    """Whether more than a sixth of the joints are inside the image.

    Of less than that, such as a hand or a foot at the border, no body can be told.

    Args:
        joints2d: (J, 2) px.
        width: of the image, px.
        height: of the image, px.
    """
    inside = ((joints2d >= 0) & (joints2d <= [width - 1, height - 1])).all(axis=1)
    return int(inside.sum()) > len(joints2d) // 6


def is_placed(distance: float, distance_std: float) -> bool:
    """Whether one standard deviation of a person's distance is at most half of it: more is no place.

    Args:
        distance: m.
        distance_std: m.
    """
    return distance_std <= _UNPLACED * distance


def spans_the_body(skeleton: Skeleton) -> bool:
    """Whether a skeleton reaches from the head or neck to both feet or ankles, so that a box of the person is its box.

    `fills_its_box` says nothing of others, such as one of the hands.
    """
    names = set(skeleton.names)
    feet = all({f"{side}_ankle", f"{side}_foot"} & names for side in ("left", "right"))
    return feet and bool({"head_top", "head", "nose", "neck"} & names)


def fills_its_box(joints2d: Floats, box: Floats, least: float = 0.5) -> bool:
    """Whether the pose covers more than `least` of the box it was computed from.

    Joints lie inside the body, so their bounds are grown by 8 % of their larger side: a person seen from the side is
    narrow.

    Args:
        joints2d: (J, 2) px.
        box: (4,) xyxy px.
        least: 0..1.
    """
    low, high = joints2d.min(axis=0), joints2d.max(axis=0)
    flesh = 0.08 * float((high - low).max())
    shared = np.prod(np.maximum(np.minimum(high + flesh, box[2:]) - np.maximum(low - flesh, box[:2]), 0))
    return float(shared) > least * float(np.prod(box[2:] - box[:2]))


def without_duplicates(joints3d: Floats, joints2d: Floats, scores: Floats, most_similar: float = 0.4) -> list[int]:
    """Keeps the better of skeletons that are nearly the same.

    Similarity is the mean over joints of max(0, 1 - distance / 300 mm), or the same in the image with 12 % of the
    body's size for 300 mm, whichever is larger: nobody stands exactly behind somebody in the same pose, but the same
    person may be placed at two distances.

    Args:
        joints3d: (N, J, 3) m in one frame.
        joints2d: (N, J, 2) px.
        scores: (N,).
        most_similar: 0..1.

    Returns:
        Indices of the people to keep, in the order given.
    """
    kept: list[int] = []
    for candidate in np.argsort(-np.asarray(scores), kind="stable"):
        size = max(float(np.ptp(joints2d[candidate], axis=0).max()), 1.0)
        in_space = _similarity(joints3d[kept], joints3d[candidate], 0.3)
        in_image = _similarity(joints2d[kept], joints2d[candidate], 0.12 * size)
        if max(in_space.max(initial=0), in_image.max(initial=0)) < most_similar:
            kept.append(int(candidate))
    return sorted(kept)


def _similarity(others: Floats, joints: Floats, reach: float) -> Floats:
    """(N, J, D) others, (J, D) joints -> (N,) mean of max(0, 1 - distance / reach)."""
    return np.maximum(0, 1 - np.linalg.norm(others - joints, axis=-1) / reach).mean(axis=-1)
