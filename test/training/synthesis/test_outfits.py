"""Outfits: what belongs together comes together, as often as wanted, and fits those who wear it."""

import dataclasses

import numpy as np
import pytest

from training.synthesis import mesh_columns as r
from training.synthesis.appearance import BEARDLESS, Wardrobe
from training.synthesis.outfits import sample_looks

COUNT = 4000


@pytest.fixture(scope="module")
def wardrobe():
    return dataclasses.replace(Wardrobe.build(0, [], count=2), fabrics=np.zeros((40, 1, 1, 3)))


@pytest.fixture(scope="module")
def looks(wardrobe):
    """Adults, then children of half their size; as NumPy arrays."""
    size = np.repeat([1.0, 0.5], COUNT // 2)
    drawn = sample_looks(np.random.default_rng(0), size, wardrobe)
    return {field.name: getattr(drawn, field.name).numpy() for field in dataclasses.fields(drawn)}


def test_skirts_coats_hats_hoods_and_open_jackets_are_as_frequent_as_said(looks):
    skirt, cut = looks["skirt"], looks["cut"]
    assert np.mean((skirt > 0) & (skirt < r.FIRST_COAT)) == pytest.approx(0.14, abs=0.02)
    assert np.mean(skirt >= r.FIRST_COAT) == pytest.approx(0.08, abs=0.02)
    assert np.mean(looks["hat"][:, 0] > 0) == pytest.approx(0.24, abs=0.02)
    assert np.mean(cut[:, r.HOOD]) == pytest.approx(0.06 * 0.76, abs=0.015)
    assert np.mean(cut[:, r.OPENING] > 0) == pytest.approx(0.08 + 0.92 * 0.16, abs=0.02)
    assert np.mean(looks["long_hair"]) == pytest.approx(0.22, abs=0.03)


def test_coats_are_of_the_jacket_s_cloth_and_open_and_dresses_of_one_piece(looks):
    coat = looks["skirt"] >= r.FIRST_COAT
    assert np.array_equal(coat, looks["cut"][:, r.COAT] > 0)
    assert (looks["cut"][coat, r.OPENING] > 0).all()
    skirted = (looks["skirt"] > 0) & ~coat
    same = looks["fabrics"][:, 0] == looks["fabrics"][:, 1]
    assert same[skirted].mean() == pytest.approx(8 / 14 + 6 / 14 * 0.12, abs=0.07)
    assert same[~skirted].mean() < 0.2


def test_no_hood_over_a_hat_and_only_sun_hats_have_brims_all_round(looks):
    hatted = looks["hat"][:, 0] > 0
    assert not (hatted & (looks["cut"][:, r.HOOD] > 0)).any()
    assert (looks["cut"][~hatted, r.HAT] > 1).all()
    assert (looks["hat"][looks["hat"][:, 2] == 1, 1] >= 0.03).all()


def test_children_wear_smaller_clothes_and_no_beards(looks):
    child = np.arange(COUNT) >= COUNT // 2
    for name in ("looseness", "flare"):
        adults, children = looks[name][~child].mean(0), looks[name][child].mean(0)
        assert children == pytest.approx(adults / 2, rel=0.15)
    assert looks["faces"][child].max() < BEARDLESS <= looks["faces"][~child].max()


def test_the_same_seed_dresses_people_the_same(wardrobe):
    first, again = (sample_looks(np.random.default_rng(3), np.ones(5), wardrobe) for _ in range(2))
    assert all((getattr(first, f.name) == getattr(again, f.name)).all() for f in dataclasses.fields(first))
