"""The joints of a model that speaks one skeleton or several, and where an example's joints stand among them."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import yaml

from metric_pose_ros.skeleton import SKELETONS, Skeleton
from training.data.skeletons import DATA_SET_SKELETONS

Indices = npt.NDArray[np.intp]


def find_skeleton(name_or_path: str) -> Skeleton:
    """A skeleton by name, or of a YAML file with ``name``, ``joints`` (a list) and ``bones`` (a list of name pairs).

    Raises:
        ValueError: if there is none of that name, or the file makes no sense.
    """
    known = SKELETONS | DATA_SET_SKELETONS
    if name_or_path in known:
        return known[name_or_path]
    path = Path(name_or_path)
    if path.suffix not in (".yaml", ".yml") or not path.is_file():
        raise ValueError(f"{name_or_path!r} is neither a YAML file nor one of the skeletons {', '.join(known)}")
    said = yaml.safe_load(path.read_text())
    try:
        bones = tuple((str(parent), str(child)) for parent, child in said["bones"])
        return Skeleton.from_bones(str(said["name"]), tuple(str(joint) for joint in said["joints"]), bones)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{path} is no skeleton: {error}; it needs `name`, `joints: [names]` and `bones: [[parent, child]]`"
        ) from error


class JointSpace:
    """The outputs of a model: the joints of its skeletons, one skeleton after the other.

    Args:
        skeletons: at least one; the first is what a model speaks unless it is asked for another.

    Attributes:
        skeletons: as given.
        names: (J,) of the joints; with several skeletons each has its skeleton's name in front: ``coco_17/nose``.
    """

    def __init__(self, skeletons: tuple[Skeleton, ...]) -> None:
        if not skeletons:
            raise ValueError("a model needs at least one skeleton")
        names = [skeleton.name for skeleton in skeletons]
        if len(set(names)) != len(names):
            raise ValueError(f"the skeletons {', '.join(names)} must have different names")
        self.skeletons = skeletons
        several = len(skeletons) > 1
        self.names = tuple(f"{s.name}/{joint}" if several else joint for s in skeletons for joint in s.names)

    @classmethod
    def from_names(cls, names: list[str]) -> JointSpace:
        """Of skeletons that are given as `find_skeleton` takes them."""
        return cls(tuple(find_skeleton(name) for name in names))

    def __len__(self) -> int:
        return len(self.names)

    def indices(self, skeleton: str) -> Indices:
        """Where the joints of a skeleton of this space stand in the output."""
        start = 0
        for member in self.skeletons:
            if member.name == skeleton:
                return np.arange(start, start + len(member))
            start += len(member)
        raise ValueError(f"this model speaks {', '.join(s.name for s in self.skeletons)}, not {skeleton!r}")

    def places(self, skeleton: Skeleton) -> tuple[Indices, Indices]:
        """Which joints of an example's skeleton go where.

        A skeleton that the space has goes there. Of another one, each joint goes wherever a joint has its name: the
        data sets' definitions differ by a few centimetres, so give a data set its own skeleton where that matters.

        Returns:
            indices into `skeleton`, and as many indices into the output.

        Raises:
            ValueError: if no joint has a place.
        """
        if skeleton.name in [member.name for member in self.skeletons]:
            return np.arange(len(skeleton)), self.indices(skeleton.name)
        pairs = [
            (skeleton.names.index(joint), place)
            for place, joint in enumerate(joint for member in self.skeletons for joint in member.names)
            if joint in skeleton.names
        ]
        if not pairs:
            raise ValueError(
                f"no joint of {skeleton.name!r} ({', '.join(skeleton.names)}) is in this model, which speaks "
                f"{', '.join(s.name for s in self.skeletons)}"
            )
        theirs, ours = zip(*pairs, strict=True)
        return np.array(theirs, np.intp), np.array(ours, np.intp)

    @cached_property
    def edges(self) -> tuple[tuple[int, int], ...]:
        """Bones of all skeletons as pairs of output indices."""
        found: list[tuple[int, int]] = []
        for member in self.skeletons:
            start = int(self.indices(member.name)[0])
            found += [(start + parent, start + child) for parent, child in member.edges]
        return tuple(found)

    def metadata(self) -> dict[str, Any]:
        """What a model file says of its joints: ``joints``, ``edges`` and ``skeletons``, of which the first is the
        default."""
        return {
            "joints": list(self.names),
            "edges": [list(edge) for edge in self.edges],
            "skeletons": {
                member.name: {
                    "indices": self.indices(member.name).tolist(),
                    "names": list(member.names),
                    "edges": [list(edge) for edge in member.edges],
                }
                for member in self.skeletons
            },
        }
