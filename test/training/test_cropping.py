"""Crops of samples: whatever the view, the labels stay where the picture shows them."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from metric_pose_ros.skeleton import H36M_17
from training.data.cropping import STRAIGHT, View, crop_sample, mirror, random_view, truncated_box
from training.data.shards import Sample, whole_picture

VIEWS = {
    "straight": STRAIGHT,
    "turned": View(turn=20),
    "zoomed": View(zoom=0.8),
    "shifted": View(shift=(0.08, -0.05)),
    "mirrored": View(mirrored=True),
    "all at once": View(turn=-13, zoom=1.2, shift=(-0.05, 0.06), mirrored=True),
}


@pytest.fixture
def sample():
    """A wide picture with a white dot where each joint of somebody near its right border is."""
    random = np.random.default_rng(1)
    intrinsics = np.array([[600, 0, 300.0], [0, 590, 210], [0, 0, 1]])
    joints_mm = random.uniform([-300, -700, -200], [300, 700, 200], (17, 3)) + np.array([1100, 100, 4000])
    joints_px = joints_mm @ intrinsics.T
    joints_px = joints_px[:, :2] / joints_px[:, 2:]
    image = np.zeros((480, 640, 3), np.uint8)
    for x, y in joints_px:
        cv2.circle(image, (round(x * 16), round(y * 16)), 32, (255, 255, 255), -1, cv2.LINE_AA, 4)
    box = np.concatenate([joints_px.min(axis=0) - 10, joints_px.max(axis=0) + 10])
    mask = np.zeros(image.shape[:2], np.uint8)
    mask[:, 400:] = 255
    arrays = {"joints_mm": joints_mm, "joints_px": joints_px, "intrinsics": intrinsics, "box": box}
    single = {name: values.astype(np.float32) for name, values in arrays.items()}
    return Sample(
        key="one", image=image, visibility=np.full(17, 2, np.uint8), facts={}, skeleton=H36M_17, mask=mask, **single
    )


@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS.keys())
def test_the_labels_of_a_crop_are_where_it_shows_them(sample, view):
    crop = crop_sample(sample, 256, view)
    projected = crop.joints_mm @ crop.intrinsics.T
    assert projected[:, :2] / projected[:, 2:] == pytest.approx(crop.joints_px, abs=0.02)
    checked = 0
    for place, joint in enumerate(crop.joints_px):
        others = np.delete(crop.joints_px, place, axis=0)
        if np.linalg.norm(others - joint, axis=1).min() < 14 or crop.visibility[place] == 0:
            continue
        x, y = np.round(joint).astype(int)
        patch = crop.image[max(y - 6, 0) : y + 7, max(x - 6, 0) : x + 7, 0].astype(float)
        rows, columns = np.indices(patch.shape)
        centre = [(patch * grid).sum() / patch.sum() for grid in (columns, rows)]
        found = np.add(centre, (max(x - 6, 0), max(y - 6, 0)))
        if (found > 8).all() and (found < 247).all():
            assert found == pytest.approx(joint, abs=0.35)
            checked += 1
    assert checked >= 8


@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS.keys())
def test_a_turned_camera_changes_no_distance(sample, view):
    crop = crop_sample(sample, 256, view)
    order = H36M_17.mirror if view.mirrored else np.arange(17)
    before = np.linalg.norm(sample.joints_mm[:, None] - sample.joints_mm, axis=-1)
    after = np.linalg.norm(crop.joints_mm[:, None] - crop.joints_mm, axis=-1)
    assert after[order][:, order] == pytest.approx(before, rel=1e-5, abs=0.01)
    assert np.linalg.norm(crop.joints_mm[order], axis=1) == pytest.approx(np.linalg.norm(sample.joints_mm, axis=1))


def test_the_straight_crop_looks_at_the_box_which_spans_its_middle_four_fifths(sample):
    crop = crop_sample(sample, 200)
    centre = np.append((sample.box[:2] + sample.box[2:]) / 2, 1) @ np.linalg.inv(sample.intrinsics).T
    joints = replace(sample, joints_mm=np.tile(centre.astype(np.float32), (17, 1)))
    assert crop_sample(joints, 200).joints_mm[0, :2] == pytest.approx([0, 0], abs=1e-6)
    assert crop.intrinsics[:2, 2] == pytest.approx([99.5, 99.5])
    spread = crop.joints_px.max(axis=0) - crop.joints_px.min(axis=0)
    assert spread.max() < 160
    assert spread.max() > 130


def test_views_do_what_they_say(sample):
    straight = crop_sample(sample, 256).joints_px.astype(float) - 127.5
    zoomed = crop_sample(sample, 256, View(zoom=1.25)).joints_px - 127.5
    assert zoomed == pytest.approx(straight * 1.25, abs=0.01)
    turned = crop_sample(sample, 256, View(turn=90)).joints_px - 127.5
    # A camera that rolls clockwise sees the world turn counterclockwise: what was on the right is above.
    assert turned == pytest.approx(np.stack([straight[:, 1], -straight[:, 0]], axis=1), abs=0.02)
    moved = crop_sample(sample, 256, View(shift=(0.1, 0))).joints_px - 127.5
    assert (straight - moved)[:, 0].mean() == pytest.approx(25.6, abs=2.5)


def test_a_picture_that_is_its_own_crop_stays_as_it_is(sample):
    image = np.random.default_rng(2).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    intrinsics = np.array([[80, 0, 31.5], [0, 80, 31.5], [0, 0, 1]], np.float32)
    whole = replace(sample, image=image, mask=None, intrinsics=intrinsics, box=whole_picture(64, 64))
    crop = crop_sample(whole, 64)
    assert np.abs(crop.image.astype(int) - image).max() <= 1
    assert crop.intrinsics == pytest.approx(intrinsics)
    assert crop.joints_mm == pytest.approx(sample.joints_mm, abs=0.001)


def test_a_shrunk_picture_does_not_alias(sample):
    stripes = np.zeros((512, 512, 3), np.uint8)
    stripes[:, ::2] = 255
    intrinsics = np.array([[600, 0, 255.5], [0, 600, 255.5], [0, 0, 1]], np.float32)
    whole = replace(sample, image=stripes, mask=None, intrinsics=intrinsics, box=whole_picture(512, 512))
    middle = crop_sample(whole, 64).image[8:56, 8:56].astype(int)
    assert np.abs(middle - 127.5).max() < 20


def test_outside_the_picture_it_is_black_and_the_mask_goes_along(sample):
    sample.mask[:, :] = np.where(np.arange(640) < 475, 0, 255)  # the person's middle is near column 465
    crop = crop_sample(replace(sample, image=np.full_like(sample.image, 200)), 128, View(zoom=0.5))
    assert (crop.image[:, -3:] == 0).all()
    assert (crop.image[60:68, 60:68] == 200).all()
    assert crop.mask.shape == (128, 128)
    assert (crop.mask[40:90, :60] == 0).all()
    assert (crop.mask[40:90, 74:80] == 255).all()


def test_what_is_unknown_stays_unknown(sample):
    joints_px = sample.joints_px.copy()
    joints_px[3] = np.nan
    blank = np.full_like(sample.joints_mm, np.nan)
    visibility = np.where(np.arange(17) == 3, 0, 2).astype(np.uint8)
    only_2d = replace(sample, joints_mm=blank, joints_px=joints_px, visibility=visibility)
    crop = crop_sample(only_2d, 256, View(turn=10, zoom=1.1))
    assert np.isnan(crop.joints_mm).all()
    assert np.isnan(crop.joints_px).any(axis=1).tolist() == [joint == 3 for joint in range(17)]
    expected = crop_sample(sample, 256, View(turn=10, zoom=1.1)).joints_px
    assert np.delete(crop.joints_px, 3, axis=0) == pytest.approx(np.delete(expected, 3, axis=0))


def test_a_mirrored_sample_has_left_and_right_exchanged_and_mirrors_back(sample):
    mirrored = mirror(sample)
    left, right = H36M_17.indices(("left_knee", "right_knee"))
    assert mirrored.joints_px[left, 0] == pytest.approx(639 - sample.joints_px[right, 0], abs=1e-3)
    assert np.array_equal(mirrored.mask, sample.mask[:, ::-1])
    again = mirror(mirrored)
    assert np.array_equal(again.image, sample.image)
    assert again.joints_mm == pytest.approx(sample.joints_mm)
    assert again.box == pytest.approx(sample.box, abs=1e-3)


def test_random_views_fill_their_ranges_evenly():
    random = np.random.default_rng(0)
    views = [random_view(random, 20, 0.25, 0.1, 0.5) for _ in range(4000)]
    turns, zooms = (np.array([getattr(view, name) for view in views]) for name in ("turn", "zoom"))
    shifts = np.linalg.norm([view.shift for view in views], axis=1)
    assert (np.abs(turns).max() <= 20, turns.std()) == (True, pytest.approx(40 / np.sqrt(12), rel=0.03))
    assert (zooms.min(), zooms.max()) == pytest.approx((0.75, 1.25), abs=0.002)
    # In a disc, a quarter of the points lie within half the radius.
    assert (shifts.max() <= 0.1, (shifts < 0.05).mean()) == (True, pytest.approx(0.25, abs=0.02))
    assert np.mean([view.mirrored for view in views]) == pytest.approx(0.5, abs=0.03)
    assert random_view(np.random.default_rng(5), 0, 0, 0, 0) == STRAIGHT


def test_truncated_boxes_are_squares_inside_the_square_box():
    box = np.array([100.0, 50, 200, 250])  # its square is 50..250 both ways
    random = np.random.default_rng(0)
    parts = (np.array([truncated_box(box, random) for _ in range(2000)]) - 50) / 200
    sides = parts[:, 2:] - parts[:, :2]
    assert sides[:, 0] == pytest.approx(sides[:, 1])
    assert (parts.min() >= 0, parts.max() <= 1, sides.min() > 0.5) == (True, True, True)
    assert parts[:, 0].max() < 0.5
    # The density of an accepted side s is proportional to (1 - s)^2 above a half.
    assert sides.mean() == pytest.approx(0.625, abs=0.005)
