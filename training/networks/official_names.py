"""The MeTRAbs authors' joint names, such as ``lhip`` and ``rkne_h36m``, in our words.

Theirs are four letters, with ``l`` or ``r`` in front for left and right and the data set's name behind. The same
letters may mean different points in different data sets: Human3.6M's "head" is about the nose, SMPL's "toe" our foot.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from metric_pose_ros.skeleton import SKELETONS, Skeleton
from training.data.skeletons import DATA_SET_SKELETONS

_PARTS = {
    "pelv": "pelvis", "bell": "belly", "spin": "spine", "thor": "thorax", "htop": "head_top", "hip": "hip",
    "kne": "knee", "ank": "ankle", "foo": "foot", "hee": "heel", "cla": "collar", "sho": "shoulder", "elb": "elbow",
    "wri": "wrist", "han": "hand", "thu": "thumb", "fin": "fingertip",
}  # fmt: skip
_SMPL_PARTS = {
    "bell": "spine1", "spi1": "spine1", "spin": "spine2", "spi2": "spine2", "thor": "spine3", "spi3": "spine3",
    "toe": "foot",
}  # fmt: skip
_PARTS_OF: dict[str, dict[str, str]] = {
    "smpl": _SMPL_PARTS,
    "smplx": _SMPL_PARTS,
    "h36m": {"head": "nose", "spin": "spine2"},
    "3dhp": {"spin": "spine_1", "spi2": "spine_2", "thor": "spine_3", "spi4": "spine_4"},
    "mpi": {"spin": "spine_1", "spi2": "spine_2", "thor": "spine_3", "spi4": "spine_4"},
}
"""What a part is called where a data set means something else; by the data set's first word."""
_SIDES = {"l": "left", "r": "right"}


def our_skeleton(name: str, names: Sequence[str], edges: Sequence[tuple[int, int]]) -> Skeleton:
    """A skeleton of theirs.

    One that we know by its name is ours, joint for joint: the authors keep the data sets' orders.

    Args:
        name: as theirs, such as ``smpl+head_30``.
        names: (J,) their names of the joints.
        edges: pairs of joint indices.
    """
    known = (SKELETONS | DATA_SET_SKELETONS).get(name)
    if known is not None and np.array_equal(_mirror(names), known.mirror):
        return known
    bones = tuple((int(parent), int(child)) for parent, child in edges)
    return Skeleton(name, our_names(names, data_set=name.replace("+", "_").split("_")[0]), bones)


def our_names(names: Sequence[str], data_set: str = "") -> tuple[str, ...]:
    """Joints in our words, unique if theirs are.

    Left and right are recognised by pairs, so that every skeleton can be mirrored. The data set stays behind the names
    if they would not be unique without it.

    Args:
        names: (J,) theirs.
        data_set: that names without a data set belong to.
    """
    found = [_in_our_words(name, names, data_set) for name in names]
    if len(set(found)) < len(found):
        found = [
            f"{joint}_{name.partition('_')[2]}" if "_" in name else joint
            for joint, name in zip(found, names, strict=True)
        ]
    return tuple(found) if len(set(found)) == len(found) else tuple(names)


def _in_our_words(name: str, names: Sequence[str], data_set: str) -> str:
    part, _, own = name.partition("_")
    parts = _PARTS | _PARTS_OF.get(own.split("_")[0] or data_set, {})
    if _opposite(name) not in names:
        return parts.get(part, part)
    return f"{_SIDES[part[0]]}_{parts.get(part[1:], part[1:])}"


def _opposite(name: str) -> str:
    return {"l": "r", "r": "l"}.get(name[:1], "") + name[1:]


def _mirror(names: Sequence[str]) -> list[int]:
    """Which joint each becomes in a mirror."""
    places = {name: place for place, name in enumerate(names)}
    return [places.get(_opposite(name), place) for place, name in enumerate(names)]
