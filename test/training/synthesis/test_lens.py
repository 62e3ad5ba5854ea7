"""Lenses bend the plane as OpenCV says, can be undone, and fold nothing."""

import cv2
import numpy as np
import pytest
import torch

from training.synthesis.lens import distort, sample_lenses, undistort

LENSES = torch.tensor(sample_lenses(np.random.default_rng(0), 200), dtype=torch.float32)


def points(reach):
    """(200, 50, 2) points of the plane."""
    return torch.tensor(np.random.default_rng(1).uniform(-reach, reach, (200, 50, 2)), dtype=torch.float32)


def test_a_point_lands_where_opencv_puts_it():
    plane = points(1.5)
    ours = distort(plane, LENSES).numpy()
    for number in range(20):
        rays = np.concatenate([plane[number].double().numpy(), np.ones((50, 1))], 1)
        coefficients = np.array([*LENSES[number].double().numpy(), 0, 0])
        expected, _ = cv2.projectPoints(rays, np.zeros(3), np.zeros(3), np.eye(3), coefficients)
        assert ours[number] == pytest.approx(expected[:, 0], abs=1e-5)


def test_undistorting_undoes_it_even_at_the_edge_of_wide_lenses():
    plane = points(1.4)
    assert undistort(distort(plane, LENSES), LENSES).numpy() == pytest.approx(plane.numpy(), abs=1e-3)


def test_half_of_the_lenses_are_straight_and_none_folds_the_world_back():
    assert (LENSES[:, 0] == 0).float().mean() == pytest.approx(0.5, abs=0.1)
    radii = torch.linspace(0, 4, 400)
    outwards = torch.stack([radii, torch.zeros(400)], 1).expand(200, 400, 2)
    assert (distort(outwards, LENSES)[..., 0].diff(dim=1) > 0).all()
