"""Local changes: as wide as said, alike on both sides, bellies for some adults, nothing grown for children."""

import numpy as np
import pytest

from training.synthesis.local_changes import LOCAL_CHANGES, sample_local_changes

COUNT = 20000


@pytest.fixture(scope="module")
def adults():
    gender = np.repeat([0.1, 0.9], COUNT // 2)
    return sample_local_changes(np.random.default_rng(0), gender, np.full(COUNT, 40.0))


def test_every_change_is_drawn_within_its_limits_and_around_the_ordinary_body(adults):
    assert set(adults) == set(LOCAL_CHANGES)
    for name, sigma in LOCAL_CHANGES.items():
        assert np.abs(adults[name]).max() <= 0.9
        if name not in ("stomach-pregnant-incr", "breast-volume-vert-up"):
            assert adults[name].mean() == pytest.approx(0, abs=0.03 * sigma)
            assert adults[name].std() == pytest.approx(sigma, rel=0.08)


def test_left_and_right_differ_a_little(adults):
    left, right = (adults[f"{side}-upperleg-fat-incr"] for side in "lr")
    assert np.corrcoef(left, right)[0, 1] == pytest.approx(1 / (1 + 0.15**2), abs=0.02)


def test_some_have_bellies_and_only_women_s_breasts_change(adults):
    assert np.mean(adults["stomach-pregnant-incr"] > 0) == pytest.approx(0.15, abs=0.01)
    assert (adults["breast-volume-vert-up"][: COUNT // 2] == 0).all()
    assert adults["breast-volume-vert-up"][COUNT // 2 :].std() == pytest.approx(0.3, rel=0.05)


def test_children_change_half_as_far():
    children = sample_local_changes(np.random.default_rng(1), np.full(COUNT, 0.9), np.full(COUNT, 8.0))
    assert children["nose-hump-incr"].std() == pytest.approx(0.2, rel=0.05)
    assert (children["stomach-pregnant-incr"] == 0).all()
    assert (children["breast-volume-vert-up"] == 0).all()
