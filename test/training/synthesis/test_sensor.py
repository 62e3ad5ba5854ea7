"""What the camera does to pictures keeps their size, their geometry and most of their content."""

import numpy as np
import pytest

from training.synthesis.sensor import degrade, expose, hide_behind_shapes


def edge_picture():
    picture = np.full((256, 256, 3), 0.2, np.float32)
    picture[:, 100:] = 0.8
    return picture


@pytest.mark.parametrize("real_scale", [0.2, 0.6, 1.0, 3.0])
def test_an_edge_stays_where_it_is_at_any_resolution(real_scale):
    rng = np.random.default_rng(0)
    places = []
    for _ in range(25):
        row = degrade(rng, edge_picture(), real_scale).astype(float).mean((0, 2))
        assert len(row) == 256
        middle = (row[:60].mean() + row[150:].mean()) / 2
        places.append(np.argmax(row > middle))
    assert np.median(places) == pytest.approx(100, abs=1.5)


def test_a_dark_person_before_a_bright_wall_is_sometimes_exposed_for():
    linear = np.full((64, 64, 3), 5.0, np.float32)
    person = np.zeros((64, 64), bool)
    person[20:40, 20:40] = True
    linear[person] = 0.1
    rng = np.random.default_rng(1)
    levels = np.array([expose(rng, linear, person)[person].mean() for _ in range(60)])
    assert (levels > 0.5).sum() > 15
    assert levels.max() <= 1


def test_shapes_hide_what_the_mask_says():
    rng = np.random.default_rng(2)
    image, hidden = hide_behind_shapes(rng, np.full((256, 256, 3), 0.5, np.float32), [])
    assert 0.002 < hidden.mean() < 0.6
    assert np.abs(image[~hidden] - 0.5).max() < 0.55
    assert np.abs(image - 0.5)[hidden].mean() > 10 * np.abs(image - 0.5)[~hidden].mean()
