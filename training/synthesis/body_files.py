"""Own bodies: YAML files that say what of a body is given; the rest is drawn at random.

For example, a tall woman with a belly, of any age::

    gender: 0.95
    height: 0.8
    changes: {stomach-pregnant-incr: 0.4}

Phenotypes go from 0 to 1 (gender: 0 man, 1 woman; age: 0 newborn, a third about eight years, two thirds grown up, 1
very old), changes from -1 to 1; their names are those of `LOCAL_CHANGES`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from metric_pose_ros import plain_yaml
from training.synthesis.local_changes import LOCAL_CHANGES

PHENOTYPES = ("gender", "age", "muscle", "weight", "height", "proportions")

OWN_SHARE = 0.5
"""How many people get own bodies where there are any."""


@dataclass(frozen=True)
class OwnBody:
    """values: phenotypes and local changes by name; what is missing is drawn."""

    name: str
    values: Mapping[str, float]


def read_body(path: Path) -> OwnBody:
    """Reads one body.

    Raises:
        ValueError: if the file is not YAML, or something in it is unknown or out of range.
    """
    try:
        content = plain_yaml.load(path.read_bytes())
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    changes = content.get("changes", {}) if isinstance(content, dict) else None
    if not isinstance(changes, dict):
        raise ValueError(f"expected names and numbers, and perhaps changes, but it holds {content!r}")
    values = {}
    for known, lowest, part in (
        (PHENOTYPES, 0, {name: value for name, value in content.items() if name != "changes"}),
        (LOCAL_CHANGES, -1, changes),
    ):
        for name, value in part.items():
            if name not in known:
                raise ValueError(f"there is no {name!r}; known are {', '.join(known)}")
            if not isinstance(value, (int, float)) or not lowest <= value <= 1:
                raise ValueError(f"{name} is {value!r}: expected a number from {lowest} to 1")
            values[name] = float(value)
    if not values:
        raise ValueError("it says nothing about the body")
    return OwnBody(path.stem, values)


def put_on(
    rng: np.random.Generator, shapes: dict[str, torch.Tensor], bodies: Sequence[OwnBody]
) -> tuple[dict[str, torch.Tensor], list[str | None]]:
    """Gives OWN_SHARE of the people with random shapes (N,) own bodies; also whose body each has, None = their own."""
    count = len(next(iter(shapes.values())))
    names: list[str | None] = [None] * count
    if not bodies:
        return shapes, names
    shapes = {name: values.clone() for name, values in shapes.items()}
    for person in np.flatnonzero(rng.random(count) < OWN_SHARE):
        body = bodies[int(rng.integers(len(bodies)))]
        names[person] = body.name
        for name, value in body.values.items():
            shapes[name][person] = value
    return shapes, names
