"""Changing what is around, before and on a person."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from metric_pose_ros.skeleton import H36M_17
from training.data.augmentation import (
    NOTHING,
    Augmentation,
    augment,
    change_colours,
    erase,
    occlude,
    put_before,
    random_background,
)
from training.data.cropping import crop_sample, truncated_box
from training.data.shards import Sample


@pytest.fixture
def sample():
    random = np.random.default_rng(3)
    joints_mm = (random.normal(0, 300, (17, 3)) + np.array([0, 0, 4000])).astype(np.float32)
    intrinsics = np.array([[300, 0, 63.5], [0, 300, 63.5], [0, 0, 1]], np.float32)
    joints_px = joints_mm @ intrinsics.T
    mask = np.zeros((128, 128), np.uint8)
    mask[40:90, 50:80] = 255
    return Sample(
        key="one", image=random.integers(0, 256, (128, 128, 3)).astype(np.uint8), joints_mm=joints_mm,
        joints_px=joints_px[:, :2] / joints_px[:, 2:], intrinsics=intrinsics, visibility=np.full(17, 2, np.uint8),
        facts={}, skeleton=H36M_17, box=np.array([30.0, 20, 100, 110], np.float32), mask=mask,
    )  # fmt: skip


def test_colours_change_and_stay_colours():
    image = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    changed = change_colours(image, np.random.default_rng(1))
    assert changed.dtype == np.uint8
    assert changed.shape == image.shape
    assert np.abs(changed.astype(int) - image).mean() > 3


def test_erasing_puts_noise_on_a_sixth_of_the_picture_on_average():
    image = np.full((90, 120, 3), 300 % 256, np.uint8)
    shares = []
    for seed in range(400):
        changed = (erase(image, np.random.default_rng(seed)) != image).any(axis=2)
        rows, columns = np.flatnonzero(changed.any(axis=1)), np.flatnonzero(changed.any(axis=0))
        if len(rows):
            inside = changed[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
            assert inside.mean() > 0.95  # one rectangle
        shares.append(changed.mean())
    assert max(shares) <= 1 / 3 + 0.01
    # Rectangles that do not fit are drawn again, which happens to large ones.
    assert np.mean(shares) == pytest.approx(1 / 6, abs=0.02)


def test_a_cut_out_hides_what_is_behind_its_opaque_part_only(tmp_path):
    thing = np.zeros((40, 40, 4), np.uint8)
    thing[10:30, 10:30] = [10, 20, 250, 255]  # blue, green, red, opacity
    thing[:10, :] = [255, 255, 255, 0]  # white that is fully transparent must not shine through
    cv2.imwrite(str(tmp_path / "thing.png"), thing)
    image = np.full((100, 100, 3), 60, np.uint8)
    changed = occlude(image, str(tmp_path), np.random.default_rng(4))
    assert (changed == [250, 20, 10]).all(axis=2).mean() > 0.005
    assert changed[..., 1].max() <= 60


def test_a_person_is_put_before_a_background(tmp_path, sample):
    cv2.imwrite(str(tmp_path / "sky.png"), np.full((50, 70, 3), [200, 100, 0], np.uint8))
    background = random_background(str(tmp_path), 128, np.random.default_rng(0))
    assert (background == [0, 100, 200]).all()
    changed = put_before(sample.image, sample.mask, background)
    assert np.array_equal(changed[sample.mask == 255], sample.image[sample.mask == 255])
    assert (changed[sample.mask == 0] == [0, 100, 200]).all()


def test_each_setting_acts_as_often_as_it_says(tmp_path, sample):
    cv2.imwrite(str(tmp_path / "sky.png"), np.full((50, 70, 3), [200, 100, 0], np.uint8))
    plain = crop_sample(sample, 64)
    folder = str(tmp_path)
    tried = {
        "occlusion": replace(NOTHING, occlusion=0.5),
        "background": replace(NOTHING, background=0.7, backgrounds=folder),
        "truncation": replace(NOTHING, truncation=0.3),
        "mirror": replace(NOTHING, mirror=0.5),
    }
    for name, settings in tried.items():
        crops = [augment(sample, 64, settings, np.random.default_rng(seed)) for seed in range(300)]
        changed = np.mean([not np.array_equal(crop.image, plain.image) for crop in crops])
        assert changed == pytest.approx(getattr(settings, name), abs=0.09), name
    still = augment(sample, 64, NOTHING, np.random.default_rng(0))
    assert np.array_equal(still.image, plain.image)


def test_a_truncated_example_shows_what_the_truncated_test_shows(sample):
    settings, random = replace(NOTHING, truncation=1.0), np.random.default_rng(5)
    crop = augment(sample, 64, settings, np.random.default_rng(5))
    random.random()  # whether this one is truncated
    left, top, right, bottom = truncated_box(sample.box, random)
    # The camera looks at the part's centre, 20 px from the picture's at most, so that a px is a px nearly everywhere.
    expected = (sample.joints_px - [left, top]) / [right - left, bottom - top] * 64 - 0.5
    near = np.abs(expected - 31.5).max(axis=1) < 32
    assert 2 < near.sum() < 17
    assert crop.joints_px[near] == pytest.approx(expected[near], abs=2)


def test_the_same_chance_makes_the_same_example(sample):
    one, two, other = (augment(sample, 64, Augmentation(), np.random.default_rng(seed)) for seed in (7, 7, 8))
    assert np.array_equal(one.image, two.image)
    assert np.array_equal(one.joints_px, two.joints_px)
    assert not np.array_equal(one.joints_px, other.joints_px)


def test_settings_that_make_no_sense_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"data.augmentation has rotate; it knows rotation_deg"):
        Augmentation.from_configuration({"rotate": 3})
    with pytest.raises(ValueError, match="needs `backgrounds`"):
        Augmentation.from_configuration({"background": 0.7})
    with pytest.raises(FileNotFoundError, match="holds no picture"):
        Augmentation.from_configuration({"background": 0.7, "backgrounds": str(tmp_path)})
    assert Augmentation.from_configuration(None) == NOTHING
