"""Painted faces have the contrasts by which faces are found, in the right places, and vary."""

import numpy as np
import pytest

from training.synthesis import mesh_columns as r
from training.synthesis.faces import EYE_X, EYE_Z, FACE_PIXELS, paint_face


@pytest.fixture(scope="module")
def faces():
    rng = np.random.default_rng(0)
    flat = np.full((FACE_PIXELS, FACE_PIXELS), 0.5)
    return np.stack([paint_face(rng, flat, bearded=number >= 40) for number in range(60)])


def brightness(faces, x, z):
    """(N,) of the skin at a rest position, behind black hair."""
    column = round((x - r.FACE_LEFT) / r.FACE_WIDTH * FACE_PIXELS)
    row = round((r.FACE_TOP - z) / r.FACE_HEIGHT * FACE_PIXELS)
    return faces[:, row, column, :3].mean(1) * (1 - faces[:, row, column, 3])


def test_eyes_brows_nostrils_and_mouth_are_darker_than_the_cheeks(faces):
    cheek = brightness(faces[:40], 0.045, EYE_Z - 0.045)
    for name, x, z in (
        ("eye", EYE_X, EYE_Z),
        ("brow", EYE_X, EYE_Z + 0.021),
        ("nostril", 0.0085, EYE_Z - 0.046),
        ("mouth", 0.0, EYE_Z - 0.066),
    ):
        assert (brightness(faces[:40], x, z) < 0.95 * cheek).mean() > 0.9, name


def test_faces_are_symmetric_and_end_before_their_borders(faces):
    middle = FACE_PIXELS // 2
    left, right = faces[:, :, middle - 40 : middle], faces[:, :, middle + 1 : middle + 41]
    assert np.allclose(left, right[:, :, ::-1], atol=1e-5)
    assert np.allclose(faces[:, 0], [1, 1, 1, 0], atol=0.02)


def test_only_bearded_faces_have_hair_on_the_chin(faces):
    row = round((r.FACE_TOP - (EYE_Z - 0.095)) / r.FACE_HEIGHT * FACE_PIXELS)
    chin = faces[:, row, FACE_PIXELS // 2, 3]
    assert chin[:40].max() < 0.05
    assert chin[40:].min() > 0.1


def test_values_are_albedo_factors_and_shares(faces):
    assert faces.dtype == np.float32
    assert faces[..., :3].min() >= 0
    assert faces[..., :3].max() < 1.2
    assert faces[..., 3].min() >= 0
    assert faces[..., 3].max() <= 1
