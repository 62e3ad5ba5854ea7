"""Crops look at the box as the estimator's crops do; projection agrees with OpenCV."""

import cv2
import numpy as np
import pytest

from training.synthesis.framing import BOX_MARGIN, CROP_SIDE, Camera, look_at, sample_camera, sample_crop


def person(rng, height=1.7):
    """(2000, 3) points in an upright ellipsoid that stands at the origin."""
    directions = rng.normal(size=(2000, 3))
    ball = directions / np.linalg.norm(directions, axis=1, keepdims=True)
    return ball * [0.25, 0.2, height / 2] + [0, 0, height / 2]


def test_a_crop_projects_as_opencv_does():
    rng = np.random.default_rng(0)
    surface = person(rng)
    crop = sample_crop(rng, sample_camera(rng, surface.mean(0), 0.0), surface, truncate=False)
    rotation, _ = cv2.Rodrigues(crop.camera.rotation)
    translation = -crop.camera.rotation @ crop.camera.position
    expected, _ = cv2.projectPoints(surface, rotation, translation, crop.intrinsics, None)
    assert crop.project(crop.camera.see(surface)) == pytest.approx(expected[:, 0], abs=1e-6)


def test_a_whole_person_fills_80_percent_of_the_crop_give_or_take_the_box_noise():
    rng = np.random.default_rng(1)
    surface = person(rng)
    fills, centres = [], []
    for _ in range(150):
        crop = sample_crop(rng, sample_camera(rng, surface.mean(0), 0.0), surface, truncate=False)
        if crop is None:
            continue
        points = crop.project(crop.camera.see(surface))
        fills.append(np.ptp(points, axis=0).max() / CROP_SIDE)
        centres.append((points.min(0) + points.max(0)) / 2)
    assert len(fills) > 100
    assert np.median(fills) == pytest.approx(1 / BOX_MARGIN, abs=0.05)
    assert np.min(fills) > 0.8 / 1.3
    assert np.max(fills) < 0.8 / 0.8
    assert np.median(centres, axis=0) == pytest.approx([(CROP_SIDE - 1) / 2] * 2, abs=3)
    assert np.abs(np.array(centres) - (CROP_SIDE - 1) / 2).max() < 45


def test_a_truncated_person_is_cut_by_the_image_and_what_is_left_fills_the_crop():
    rng = np.random.default_rng(2)
    surface = person(rng)
    cut = 0
    for _ in range(60):
        crop = sample_crop(rng, sample_camera(rng, surface.mean(0), 0.0), surface, truncate=True)
        if crop is None:
            continue
        points = crop.project(crop.camera.see(surface))
        x, y = np.round(points).astype(int).T
        in_crop = (x >= 0) & (x < CROP_SIDE) & (y >= 0) & (y < CROP_SIDE)
        seen = in_crop.copy()
        seen[in_crop] = crop.inside_image()[y[in_crop], x[in_crop]]
        assert crop.truncated
        assert seen.mean() < 0.97
        cut += 1
        assert np.ptp(points[seen], axis=0).max() > 0.45 * CROP_SIDE
    assert cut > 30


def test_cameras_stand_where_robots_do_and_keep_the_person_in_front():
    rng = np.random.default_rng(3)
    cameras = [sample_camera(rng, np.array([0, 0, 0.85]), 0.0) for _ in range(400)]
    distances = np.array([np.linalg.norm(camera.position[:2]) for camera in cameras])
    heights = np.array([camera.position[2] for camera in cameras])
    depths = np.array([camera.see(np.array([0, 0, 0.85]))[2] for camera in cameras])
    assert distances.min() > 1.1
    assert distances.max() < 12
    assert np.mean((heights >= 0.2) & (heights <= 3)) > 0.93
    assert depths.min() > 0
    azimuths = np.arctan2(*np.array([camera.position[:2] for camera in cameras]).T)
    assert np.histogram(azimuths, 8, (-np.pi, np.pi))[0].min() > 20


def test_look_at_keeps_up_upwards():
    camera = look_at(np.array([0, 3.0, 1]), np.array([0, 0, 1.0]), np.array([0, 0, 1.0]))
    assert camera.see(np.array([0, 0, 1.0])) == pytest.approx([0, 0, 3])
    assert camera.see(np.array([0, 0, 2.0]))[1] == pytest.approx(-1)
    assert np.linalg.det(camera.rotation) == pytest.approx(1)


def test_a_person_at_the_lens_cannot_be_framed():
    rng = np.random.default_rng(4)
    camera = Camera(look_at(np.array([0.3, 0, 1]), np.zeros(3), np.array([0, 0, 1.0])).rotation, np.array([0.3, 0, 1]))
    assert sample_crop(rng, camera, person(rng), truncate=False) is None
