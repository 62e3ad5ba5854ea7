"""What the camera does to pictures keeps their size, their geometry and most of their content; OpenCV agrees."""

import cv2
import numpy as np
import pytest
import torch

from training.synthesis.codec import compress
from training.synthesis.patches import hide_behind, sample_patches
from training.synthesis.resampling import blur_matrices, resample, shrink_matrices, stretch_matrices
from training.synthesis.sensor import degrade, expose, sample_settings


def photograph(side=64, seed=0):
    """(S, S, 3) float32 smooth colours 0..1."""
    noise = np.random.default_rng(seed).random((8, 8, 3)).astype(np.float32)
    return np.clip(cv2.resize(noise, (side, side), interpolation=cv2.INTER_CUBIC), 0, 1)


def to_tensor(image):
    return torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)[None]


def to_image(tensor):
    return tensor[0].permute(1, 2, 0).numpy()


@pytest.mark.parametrize("few", [7, 24, 33, 64])
def test_shrinking_and_stretching_agree_with_opencv(few):
    image = photograph()
    small = cv2.resize(image, (few, few), interpolation=cv2.INTER_AREA)
    shrunk = resample(to_tensor(image), shrink_matrices(torch.tensor([few]), 64))
    assert to_image(shrunk)[:few, :few] == pytest.approx(small, abs=1e-4)
    stretched = resample(shrunk, stretch_matrices(torch.tensor([few]), 64))
    assert to_image(stretched) == pytest.approx(cv2.resize(small, (64, 64), interpolation=cv2.INTER_LINEAR), abs=1e-4)


@pytest.mark.parametrize("sigma", [0.0, 0.7, 3.0])
def test_blurring_agrees_with_opencv(sigma):
    image = photograph()
    expected = cv2.GaussianBlur(image, (0, 0), sigma) if sigma else image
    assert to_image(resample(to_tensor(image), blur_matrices(torch.tensor([sigma]), 64))) == pytest.approx(
        expected, abs=0.004
    )


@pytest.mark.parametrize("quality", [30, 60, 95])
def test_compression_agrees_with_a_jpeg_encoder(quality):
    image = photograph(seed=1)
    noisy = np.clip(image + np.random.default_rng(2).normal(0, 0.05, image.shape), 0, 1).astype(np.float32)
    pixels = np.ascontiguousarray((noisy[..., ::-1] * 255).round().astype(np.uint8))
    decoded = cv2.imdecode(cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], cv2.IMREAD_COLOR)
    ours = to_image(compress(to_tensor(pixels[..., ::-1].astype(np.float32) / 255), torch.tensor([float(quality)])))
    difference = np.abs(ours * 255 - decoded[..., ::-1])
    assert difference.mean() < 1.5
    assert difference.mean() < 0.35 * np.abs(pixels[..., ::-1] - ours * 255).mean()


def test_an_edge_stays_where_it_is_at_any_resolution():
    rng = np.random.default_rng(0)
    picture = torch.full((24, 3, 256, 256), 0.2)
    picture[..., 100:] = 0.8
    settings = sample_settings(rng, np.geomspace(100, 8000, 24))
    rows = degrade(picture, settings, torch.Generator().manual_seed(0)).mean((1, 2)).numpy()
    middle = (rows[:, :60].mean(1) + rows[:, 150:].mean(1)) / 2
    places = np.argmax(rows > middle[:, None], 1)
    assert np.median(places) == pytest.approx(100, abs=1.5)
    assert np.abs(places - 100).max() < 16


def test_a_dark_person_before_a_bright_wall_is_sometimes_exposed_for():
    linear = torch.full((60, 64, 64, 3), 5.0)
    person = torch.zeros(60, 64, 64, dtype=torch.bool)
    person[:, 20:40, 20:40] = True
    linear[person] = 0.1
    settings = sample_settings(np.random.default_rng(1), np.full(60, 300.0))
    levels = expose(linear, person, settings)[person].reshape(60, -1).mean(1)
    assert (levels > 0.5).sum() > 15
    assert levels.max() <= 1


def test_shapes_hide_what_the_mask_says():
    patches = sample_patches(np.random.default_rng(2), 20, fabrics=3, share=1.0)
    fabrics = torch.zeros(3, 8, 8, 3)
    pictures, hidden = hide_behind(torch.full((20, 256, 256, 3), 0.5), patches, fabrics)
    assert (hidden.float().mean((1, 2)) > 0.002).all()
    assert hidden.float().mean() < 0.3
    change = (pictures - 0.5).abs().amax(-1)
    assert change[hidden].mean() > 50 * change[~hidden].mean()
    assert (change[hidden] >= 0.25).all()
