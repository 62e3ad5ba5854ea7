"""Poses for people made here: everyday ones, and recorded clips carried over to the Anny body."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from training.synthesis.everyday_poses import KINDS, everyday_pose, set_hand
from training.synthesis.motion_files import Clip
from training.synthesis.rig import LIMB_PARENT, NECK, SPINE, Rig, Z, align, turn

CLIP_SHARE = 0.4
"""How many of the poses come from clips, where there are clips."""

_LIMB_BONES = {
    "upperarm": "upperarm01", "forearm": "lowerarm01", "thigh": "upperleg01", "shin": "lowerleg01", "foot": "foot",
}  # fmt: skip

LOOSE_BONES = (
    "spine03", "head",
    *(f"{bone}.{side}" for bone in ("upperarm01", "lowerarm01", "upperleg01", "lowerleg01") for side in "LR"),
)  # fmt: skip
_LOOSENESS = 0.08
"""Bones of a recorded frame that are turned a little at random, and by how much (rad, one sigma)."""


@dataclass(frozen=True)
class Pose:
    """rotations: (bones, 3, 3), see rig.py; kind: an everyday kind or ``clip``; clip: its name or ``procedural``."""

    rotations: np.ndarray
    kind: str
    clip: str


class PoseSampler:
    """Draws poses for a rig from everyday kinds and from `clips`, which may be empty."""

    def __init__(self, rig: Rig, clips: Sequence[Clip]) -> None:
        self._rig, self._clips = rig, list(clips)

    def sample(self, rng: np.random.Generator) -> Pose:
        """One pose, facing any way, mirrored every other time."""
        if self._clips and rng.random() < CLIP_SHARE:
            clip = self._clips[rng.integers(len(self._clips))]
            rotations = pose_from_clip(self._rig, clip, int(rng.integers(len(clip))))
            for bone in LOOSE_BONES:
                nudge = Rotation.from_rotvec(rng.normal(0, _LOOSENESS, 3)).as_matrix()
                rotations[self._rig.index[bone]] = nudge @ rotations[self._rig.index[bone]]
            for side in "LR":
                set_hand(self._rig, rotations, side, rng)
            kind, name = "clip", clip.name
        else:
            kind, name = str(rng.choice(list(KINDS), p=list(KINDS.values()))), "procedural"
            rotations = everyday_pose(self._rig, kind, rng)
        if rng.random() < 0.5:
            rotations = self._rig.mirror(rotations)
        rotations[0] = turn(Z, rng.uniform(-180, 180)) @ rotations[0]
        return Pose(rotations, kind, name)


def pose_from_clip(rig: Rig, clip: Clip, frame: int) -> np.ndarray:
    """(bones, 3, 3) a recorded frame on the rig, with the recording's heading.

    Limbs point exactly where the recording's do; the bend between pelvis, chest and head is spread over the spine.
    """
    rotations = rig.rest()
    part = {name: values[frame] for name, values in clip.rotations.items()}
    rotations[0] = part["root"]
    for bones, lower, upper in ((SPINE, "root", "chest"), (NECK, "chest", "head")):
        bend = Rotation.from_matrix(part[lower].T @ part[upper]).as_rotvec()
        for bone, weight in bones:
            rotations[rig.index[bone]] = Rotation.from_rotvec(bend * weight).as_matrix()
    for side in "LR":
        world = {"spine01": part["chest"], "root": part["root"]}
        for limb, bone in _LIMB_BONES.items():
            name = f"{limb}.{side}"
            source = clip.rest_directions.get(name)
            to_source = np.eye(3) if source is None else align(rig.direction(bone, side), source)
            world[bone] = part[name] @ to_source
            rotations[rig.index[f"{bone}.{side}"]] = world[LIMB_PARENT[bone]].T @ world[bone]
    return rotations
