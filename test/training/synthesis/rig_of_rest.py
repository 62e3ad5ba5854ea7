"""A rig like Anny's with round numbers, so that poses can be tested without the body."""

import numpy as np

from training.synthesis.rig import Rig

_MIDDLE = {
    "root": (0, 0, 0.05), "spine05": (0, 0, 0.05), "spine04": (0, 0, 0.12), "spine03": (0, 0, 0.19),
    "spine02": (0, 0, 0.26), "spine01": (0, 0, 0.39), "neck01": (0, 0, 0.56), "neck02": (0, 0, 0.59),
    "neck03": (0, 0, 0.63), "head": (0, 0, 0.66),
}  # fmt: skip
_LEFT = {
    "upperleg01": (0.10, 0, 0.04), "lowerleg01": (0.10, 0, -0.35), "foot": (0.10, 0, -0.75),
    "toe2-1": (0.10, -0.14, -0.79),
    "upperarm01": (0.16, 0, 0.47), "lowerarm01": (0.35, 0, 0.28), "lowerarm02": (0.41, 0, 0.22),
    "wrist": (0.47, 0, 0.16),
    **{f"finger{finger}-{k}": (0.53, 0, 0.10) for finger in range(2, 6) for k in (1, 2, 3)},
}  # fmt: skip
HEADS = {
    **_MIDDLE,
    **{f"{name}.L": place for name, place in _LEFT.items()},
    **{f"{name}.R": (-place[0], *place[1:]) for name, place in _LEFT.items()},
}


def make_rig() -> Rig:
    """Arms 45 degrees away from the trunk, legs straight down, feet forwards (-y)."""
    return Rig(list(HEADS), np.array(list(HEADS.values()), float))


def limb_direction(rig: Rig, rotations: np.ndarray, chain: list[str], side: str, end: str) -> np.ndarray:
    """(3,) unit direction of the last bone of a chain from the root, by plain forward kinematics.

    Args:
        chain: bones from the root to the limb, middle bones by their names, limb bones without side; end: next bone.
    """
    turn = np.eye(3)
    for bone in ["root", *chain]:
        name = bone if bone in rig.index else f"{bone}.{side}"
        turn = turn @ rotations[rig.index[name]]
    at_rest = np.subtract(HEADS[f"{end}.{side}"], HEADS[f"{chain[-1]}.{side}"])
    return turn @ at_rest / np.linalg.norm(at_rest)
