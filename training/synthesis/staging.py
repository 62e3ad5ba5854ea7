"""How scenes are set: where figures stand, who stands around them, and what furniture there is."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import torch

from metric_pose_ros.skeleton import BODY_30
from training.synthesis.body import BODY_VERTICES
from training.synthesis.figures import Figures
from training.synthesis.renderer import Boxes
from training.synthesis.solids import BoxPile, add_beds, add_chairs, add_clutter, add_obstacles

OTHERS = (0.70, 0.17, 0.08, 0.05)
"""How often 0, 1, 2 and 3 other people stand nearby."""

LOOKS_OF_BOXES = 4
"""So many textures the boxes of a crop share."""

_LEG = 0.82
"""Length of a middling adult's leg from hip to ankle, m."""


@dataclass(frozen=True)
class Stands:
    """Where N figures are, on the CPU: the bounds low, high (N, 3) of their skin, pelvis (N, 3), across (N, 3) from the
    right hip to the left, seat (N,) height of the skin below the pelvis, m; size (N,) by the legs, 1 = a
    middling adult."""

    low: np.ndarray
    high: np.ndarray
    pelvis: np.ndarray
    across: np.ndarray
    seat: np.ndarray
    size: np.ndarray

    @classmethod
    def of(cls, figures: Figures) -> Stands:
        skin = figures.vertices[:, :BODY_VERTICES]
        pelvis, left, right = figures.joints[:, BODY_30.indices(("pelvis", "left_hip", "right_hip"))].unbind(1)
        beside = (skin[..., :2] - pelvis[:, None, :2]).norm(dim=2) < 0.15
        seat = torch.where(beside, skin[..., 2], torch.inf).amin(1)
        knee, ankle = figures.joints[:, BODY_30.indices(("left_knee", "left_ankle"))].unbind(1)
        leg = (knee - left).norm(dim=1) + (ankle - knee).norm(dim=1)
        columns = torch.cat([skin.amin(1), skin.amax(1), pelvis, left - right, seat[:, None], leg[:, None]], 1)
        low, high, middle, across, height, leg = np.split(columns.double().cpu().numpy(), (3, 6, 9, 12, 13), axis=1)
        return cls(low, high, middle, across, height[:, 0], leg[:, 0] / _LEG)

    def rows(self, which: np.ndarray) -> Stands:
        return Stands(*(getattr(self, field.name)[which] for field in fields(self)))


@dataclass(frozen=True)
class Bystanders:
    """E people around others: the crop (E,) each stands in, which figure (E,) they look like, turned about the vertical
    by spin (E, 3, 3) and put with the pelvis at place (E, 3)."""

    crop: np.ndarray
    who: np.ndarray
    spin: np.ndarray
    place: np.ndarray


def place_bystanders(rng: np.random.Generator, stands: Stands, ground: np.ndarray, cameras: np.ndarray) -> Bystanders:
    """Puts some of the others' figures beside, before or behind each crop's; ground: (N,), cameras: (N, 3) m."""
    count = len(ground)
    crop = np.repeat(np.arange(count), rng.choice(len(OTHERS), count, p=OTHERS))
    extra = len(crop)
    who = (crop + rng.integers(1, max(2, count), extra)) % max(1, count)
    towards = np.arctan2(*(cameras - stands.pelvis)[crop][:, 1::-1].T)
    anywhere = rng.uniform(0, 2 * np.pi, extra)
    # Two in five stand roughly between the person and the camera.
    heading = np.where(rng.random(extra) < 0.4, towards + rng.normal(0, 0.5, extra), anywhere)
    reach = np.linalg.norm((cameras - stands.pelvis)[crop][:, :2], axis=1) - 0.8
    distance = np.minimum(rng.uniform(0.4, 1.8, extra), np.maximum(0.4, reach))
    place = stands.pelvis[crop]
    place[:, :2] += distance[:, None] * np.stack([np.cos(heading), np.sin(heading)], 1)
    place[:, 2] = ground[crop] + stands.pelvis[who, 2] - stands.low[who, 2]
    angle = rng.uniform(0, 2 * np.pi, extra)
    spin = np.zeros((extra, 3, 3))
    spin[:, 0, 0] = spin[:, 1, 1] = np.cos(angle)
    spin[:, 1, 0], spin[:, 0, 1], spin[:, 2, 2] = np.sin(angle), -np.sin(angle), 1
    return Bystanders(crop, who, spin, place)


def furnish(
    rng: np.random.Generator,
    figures: Figures,
    stands: Stands,
    ground: np.ndarray,
    camera: np.ndarray,
    lying: np.ndarray,
    in_room: np.ndarray,
) -> Boxes:
    """Furniture: what people sit and lie on, what hides them, what stands behind."""
    pile = BoxPile()
    count = len(figures)
    sitting = np.array([kind == "sit" for kind in figures.kinds], bool) & (rng.random(count) < 0.8)
    some = np.flatnonzero(sitting)
    seat = np.column_stack([stands.pelvis[some, :2], stands.seat[some] + 0.01])
    # A quarter turn to the right of the person's left.
    heading = np.arctan2(-stands.across[some, 0], stands.across[some, 1])
    add_chairs(rng, pile, some, seat, ground[some], heading)
    some = np.flatnonzero(lying & (stands.low[:, 2] - ground > 0.01))
    add_beds(rng, pile, some, (stands.low + stands.high)[some] / 2, ground[some], stands.low[some, 2] + 0.01)
    some = np.flatnonzero(rng.random(count) < 0.12)
    add_obstacles(rng, pile, some, stands.pelvis[some], camera[some], ground[some], (stands.high - stands.low)[some, 2])
    some = np.flatnonzero(in_room | (rng.random(count) < 0.1))
    add_clutter(rng, pile, some, stands.pelvis[some], camera[some], ground[some], LOOKS_OF_BOXES)
    return pile.boxes()
