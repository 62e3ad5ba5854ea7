"""Which skeletons a model speaks: one or several in its metadata, and those of ours that are part of one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from metric_pose_ros.skeleton import SKELETONS, Skeleton


@dataclass(frozen=True)
class Spoken:
    """A skeleton and where the network puts it out.

    Attributes:
        skeleton: names and bones.
        outputs: (J,) which of the network's outputs are its joints.
    """

    skeleton: Skeleton
    outputs: tuple[int, ...]


def spoken_skeletons(entries: dict[str, Any]) -> tuple[Spoken, ...]:
    """What a model file's metadata says.

    Args:
        entries: ``joints`` and ``edges`` of all outputs; if there are several skeletons, or some of their joints are
            one output, also ``skeletons: {name: {indices, names, edges}}``.

    Returns:
        at least one; the first is what people are given in unless something else is asked for.

    Raises:
        KeyError: if an entry is missing.
        TypeError, ValueError: if entries make no sense.
    """
    names = tuple(str(name) for name in entries["joints"])
    if not entries.get("skeletons"):
        known = next((skeleton for skeleton in SKELETONS.values() if skeleton.names == names), None)
        whole = Skeleton(known.name if known else str(entries["name"]), names, _pairs(entries["edges"]))
        return (Spoken(whole, tuple(range(len(names)))),)
    found = []
    for name, said in entries["skeletons"].items():
        skeleton = Skeleton(str(name), tuple(str(joint) for joint in said["names"]), _pairs(said["edges"]))
        outputs = tuple(int(index) for index in said["indices"])
        if len(outputs) != len(skeleton) or not all(0 <= index < len(names) for index in outputs):
            raise ValueError(
                f"skeleton {name!r} has {len(skeleton)} joints at {len(outputs)} of the outputs 0..{len(names) - 1}"
            )
        found.append(Spoken(skeleton, outputs))
    return tuple(found)


def choose(spoken: Sequence[Spoken], name: str | None) -> Spoken:
    """The skeleton of a name; without one, the first.

    A skeleton of `metric_pose_ros.skeleton` whose joints are all in the first one is spoken, too.

    Raises:
        ValueError: if the model does not speak it; the message lists what it does.
    """
    if not name:
        return spoken[0]
    first = spoken[0]
    parts = {part.name: part for part in SKELETONS.values() if set(part.names) <= set(first.skeleton.names)}
    for known in spoken:
        if known.skeleton.name == name:
            return known
    if name not in parts:
        all_names = [known.skeleton.name for known in spoken]
        all_names += [part for part in parts if part not in all_names]
        raise ValueError(f"this model does not speak the skeleton {name!r}; it speaks {', '.join(all_names)}")
    outputs = np.array(first.outputs)[first.skeleton.indices(parts[name].names)]
    return Spoken(parts[name], tuple(outputs.tolist()))


def _pairs(edges: Any) -> tuple[tuple[int, int], ...]:
    return tuple((int(parent), int(child)) for parent, child in edges)
