"""What people wear, drawn at random: which garments and where they end, how loose they are, hats, hair and skin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from training.synthesis import mesh_columns as r
from training.synthesis.appearance import BEARDLESS, Wardrobe
from training.synthesis.renderer import Looks

NO_HAT, BEANIE, CAP, SUN_HAT, HELMET = range(5)

_NOTHING, _SKIRT, _DRESS, _COAT = range(4)

_NO_HAIR = 9.0
_GROWN = 0.85
"""Smaller people than this, against a middling adult, have no beards."""

_SKIN_LIGHT, _SKIN_DARK = np.array([0.80, 0.52, 0.40]), np.array([0.10, 0.045, 0.025])

_HAIR_COLOURS = np.array(
    [
        [0.02, 0.015, 0.012], [0.09, 0.05, 0.03], [0.25, 0.14, 0.06], [0.5, 0.38, 0.2], [0.45, 0.45, 0.45],
        [0.3, 0.07, 0.03],
    ]
)  # fmt: skip


class _Dice:
    """Draws for M people at once."""

    def __init__(self, rng: np.random.Generator, count: int) -> None:
        self.rng, self.count = rng, count

    def uniform(self, low: float, high: float) -> np.ndarray:
        return self.rng.uniform(low, high, self.count)

    def chance(self, odds: float) -> np.ndarray:
        """(M,) bool."""
        return self.rng.random(self.count) < odds

    def one_of(self, odds: list[float], *choices: np.ndarray | float) -> np.ndarray:
        return pick(self.rng.choice(len(odds), self.count, p=odds), *choices)


def pick(which: np.ndarray, *choices: np.ndarray | float) -> np.ndarray:
    """(M,) of each person the choice that `which` (M,) says."""
    return np.choose(which, [np.broadcast_to(choice, which.shape) for choice in choices])


@dataclass(frozen=True)
class _Garments:
    """Which kinds of garments M people wear: skirt (M,) of SKIRTS; hat (M,); the others (M,) bool."""

    skirt: np.ndarray
    skirted: np.ndarray
    dress: np.ndarray
    coat: np.ndarray
    hat: np.ndarray
    hood: np.ndarray
    jacket: np.ndarray
    bald: np.ndarray

    @classmethod
    def draw(cls, dice: _Dice) -> _Garments:
        hanging = dice.rng.choice(4, dice.count, p=[0.78, 0.06, 0.08, 0.08])
        dress, coat = hanging == _DRESS, hanging == _COAT
        of_skirts = dice.rng.integers(1, r.FIRST_COAT, dice.count)
        of_coats = dice.rng.integers(r.FIRST_COAT, len(r.SKIRTS), dice.count)
        hat = dice.rng.choice(5, dice.count, p=[0.76, 0.08, 0.07, 0.04, 0.05])
        return cls(
            skirt=pick(hanging, 0, of_skirts, of_skirts, of_coats),
            skirted=dress | (hanging == _SKIRT),
            dress=dress,
            coat=coat,
            hat=hat,
            hood=(hat == NO_HAT) & dice.chance(0.06),
            jacket=coat | dice.chance(0.16),
            bald=dice.chance(0.06),
        )


def sample_looks(rng: np.random.Generator, size: np.ndarray, wardrobe: Wardrobe) -> Looks:
    """Draws what people wear and look like; size: (M,) how large they are, 1 = a middling adult."""
    count = len(size)
    dice = _Dice(rng, count)
    wears = _Garments.draw(dice)
    fabrics = rng.integers(len(wardrobe.fabrics), size=(count, 5))
    of_one_piece = wears.dress | dice.chance(0.10)
    fabrics[of_one_piece, 1] = fabrics[of_one_piece, 0]
    dark = rng.beta(1.2, 1.4, count)[:, None]
    tone = rng.uniform(0.85, 1.15, (count, 1)) * (1 + rng.normal(0, 0.04, (count, 3)))
    return Looks.of(
        cut=_draw_cut(dice, wears),
        fabrics=fabrics,
        creases=rng.integers(len(wardrobe.creases), size=count),
        edges=rng.integers(len(wardrobe.edges), size=count),
        faces=rng.integers(np.where(size < _GROWN, BEARDLESS, len(wardrobe.faces))),
        skin=(_SKIN_LIGHT * (1 - dark) + _SKIN_DARK * dark) * tone,
        hair=_draw_hair_colours(dice),
        skirt=wears.skirt,
        long_hair=~wears.bald & ~wears.hood & dice.chance(0.25),
        wrinkle=rng.uniform(0, 1, (count, 2)),
        **_draw_thicknesses(dice, wears, np.clip(size, 0.4, 1.2)),
    )


def _draw_cut(dice: _Dice, wears: _Garments) -> np.ndarray:
    """(M, 15) where garments end, see mesh_columns."""
    uniform, one_of = dice.uniform, dice.one_of
    cut = np.zeros((dice.count, 15))
    waist, long_sleeve = uniform(0.05, 0.17), uniform(0.85, 1.02)
    sleeve = one_of([0.15, 0.36, 0.44, 0.05], uniform(0.12, 0.3), uniform(0.3, 0.55), long_sleeve, -0.1)
    cut[:, r.SLEEVE] = np.where(wears.jacket | wears.hood, long_sleeve, sleeve)
    cut[:, r.HEM] = np.where(wears.coat, -0.08, waist - uniform(-0.01, 0.16))
    neck = one_of([0.75, 0.25], uniform(0.50, 0.60), uniform(0.585, 0.605))
    cut[:, r.NECK] = np.where(wears.hood, 0.605, neck)
    trousers = one_of([0.25, 0.75], uniform(0.25, 0.5), uniform(0.85, 1.02))
    below_a_skirt = one_of([0.65, 0.35], 0.12, uniform(0.85, 0.98))
    cut[:, r.TROUSERS] = np.where(wears.skirted, below_a_skirt, trousers)
    cut[:, r.WAIST] = np.where(wears.skirted, 0.14, waist)
    cut[:, r.SHOES], cut[:, r.GLOVES] = dice.chance(0.93), dice.chance(0.05)
    hairline = one_of([0.85, 0.15], uniform(-0.012, 0.012), uniform(0.01, 0.035))
    hairline = np.where(wears.bald, _NO_HAIR, hairline)
    cut[:, r.HAIRLINE] = np.where(wears.hood, uniform(-0.05, -0.03), hairline)
    cut[:, r.TOP_SCALE], cut[:, r.BOTTOM_SCALE], cut[:, r.BUMP] = uniform(1, 3), uniform(1, 3), uniform(0.1, 0.7)
    cut[:, r.OPENING] = np.where(wears.jacket, uniform(0.01, 0.085), -1)
    edge = uniform(-0.01, 0.015)
    cut[:, r.HAT] = pick(wears.hat, 9.0, uniform(-0.03, 0.01), edge, edge, edge)
    cut[:, r.HOOD], cut[:, r.COAT] = wears.hood, wears.coat
    return cut


def _draw_thicknesses(dice: _Dice, wears: _Garments, size: np.ndarray) -> dict[str, Any]:
    """How far clothes, hair and hats stand off, m, see `Looks`; children's clothes are as much smaller as they are."""
    uniform, one_of = dice.uniform, dice.one_of
    top, bottom = (
        one_of([0.35, 0.5, 0.15], uniform(0.001, 0.006), uniform(0.006, 0.022), uniform(0.02, 0.04)) for _ in range(2)
    )
    top = np.where(wears.jacket | wears.hood, np.maximum(top, 0.012), top)
    bottom = np.where(wears.skirted, np.minimum(bottom, 0.006), bottom)
    flare = (
        np.where(dice.chance(0.25), uniform(0, 0.04), 0),
        np.where(dice.chance(0.3) & ~wears.skirted, uniform(0, 0.05), 0),
        np.where(dice.chance(0.8), uniform(0, 0.14), 0),
    )
    hair = one_of([0.6, 0.3, 0.1], uniform(0.004, 0.02), uniform(0.015, 0.035), uniform(0.03, 0.06))
    hair = np.where(wears.hat != NO_HAT, np.minimum(hair, 0.015), hair)
    crown = uniform(0.008, 0.02)
    crown = pick(wears.hat, 0.0, uniform(0.008, 0.03), crown, crown, uniform(0.02, 0.04))
    brim = pick(wears.hat, 0.0, 0.0, uniform(0.04, 0.075), uniform(0.03, 0.09), uniform(0, 0.03))
    return {
        "looseness": np.stack([top, bottom], 1) * size[:, None],
        "flare": np.stack(flare, 1) * size[:, None],
        "collar": np.where(wears.hood | dice.chance(0.12), uniform(0.008, 0.03), 0) * size,
        "hair_volume": np.where(wears.hood, uniform(0.015, 0.035), hair),
        "hat": np.stack([crown, brim, wears.hat == SUN_HAT], 1),
    }


def _draw_hair_colours(dice: _Dice) -> np.ndarray:
    """(M, 3) linear albedo, one in twenty dyed."""
    natural = _HAIR_COLOURS[dice.rng.choice(6, dice.count, p=[0.35, 0.3, 0.12, 0.1, 0.1, 0.03])]
    natural = natural * dice.rng.uniform(0.6, 1.4, (dice.count, 1))
    dyed = dice.rng.uniform(0.02, 0.8, (dice.count, 3)) ** 2
    return np.clip(np.where(dice.chance(0.05)[:, None], dyed, natural), 0.005, 0.9)
