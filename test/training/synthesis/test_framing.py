"""Crops look at the box as the estimator's crops do; projection agrees with OpenCV."""

import cv2
import numpy as np
import pytest
import torch

from metric_pose_ros.geometry.body_crop import look_at_body
from metric_pose_ros.skeleton import BODY_30
from training.synthesis.framing import BODY_SCALE, BOX_MARGIN, STRANGERS, at_body, frame, look_at, sample_cameras
from training.synthesis.renderer import CROP_SIDE

COUNT = 200
PELVIS, SHOULDERS = BODY_30.names.index("pelvis"), BODY_30.indices(("left_shoulder", "right_shoulder"))


def person(rng, height=1.7):
    """(2000, 3) points in an upright ellipsoid that stands at the origin."""
    directions = rng.normal(size=(2000, 3))
    ball = directions / np.linalg.norm(directions, axis=1, keepdims=True)
    return (ball * [0.25, 0.2, height / 2] + [0, 0, height / 2]).astype(np.float32)


def stretched(rng, surface):
    """(30, 3) joints somewhere in the body, as far apart as it is tall, hips in the middle and shoulders above."""
    joints = (surface[rng.integers(len(surface), size=30)] - surface.mean(0)) * 0.9
    joints[PELVIS], joints[SHOULDERS[0]], joints[SHOULDERS[1]] = [0, 0, 0], [0.2, 0, 0.5], [-0.2, 0, 0.5]
    return (joints + surface.mean(0)).astype(np.float32)


def framed(seed, truncate, strangers=1.0):
    """Good views of the person, the person's points in them, and skin and joints in the world."""
    rng = np.random.default_rng(seed)
    surface = np.tile(person(rng), (COUNT, 1, 1))
    rotation, position = sample_cameras(rng, surface.mean(1), np.zeros(COUNT))
    joints = torch.tensor(np.tile(stretched(np.random.default_rng(seed), surface[0]), (COUNT, 1, 1)))
    parts = (torch.tensor(rotation).float(), torch.tensor(position).float(), torch.tensor(surface), joints)
    views, good = frame(rng, *parts, np.full(COUNT, truncate), strangers)
    views = views.rows(good)
    points = views.project(views.see(torch.tensor(surface)[good])).numpy()
    return views, points, surface[0], joints[good]


def test_a_crop_projects_as_opencv_does():
    views, points, surface, _ = framed(0, False)
    for number in range(10):
        rotation = views.rotation[number].double().numpy()
        translation = -rotation @ views.position[number].double().numpy()
        intrinsics = views.intrinsics[number].double().numpy()
        expected, _ = cv2.projectPoints(
            surface.astype(float), cv2.Rodrigues(rotation)[0], translation, intrinsics, None
        )
        assert points[number] == pytest.approx(expected[:, 0], abs=0.01)


def test_a_whole_person_fills_80_percent_of_the_crop_give_or_take_the_box_noise():
    _, points, _, _ = framed(1, False)
    fills = np.ptp(points, axis=1).max(1) / CROP_SIDE
    centres = (points.min(1) + points.max(1)) / 2
    assert len(fills) > 150
    assert np.median(fills) == pytest.approx(1 / BOX_MARGIN, abs=0.05)
    assert fills.min() > 0.8 / 1.3
    assert fills.max() < 0.8 / 0.8
    assert np.median(centres, axis=0) == pytest.approx([(CROP_SIDE - 1) / 2] * 2, abs=3)
    assert np.abs(centres - (CROP_SIDE - 1) / 2).max() < 45


def test_a_truncated_person_is_cut_by_the_image_and_what_is_left_fills_the_crop():
    views, points, _, _ = framed(2, True)
    assert views.truncated.all()
    assert len(points) > 100
    covered = views.inside_image().numpy()
    for number, (x, y) in enumerate(np.round(points).astype(int).transpose(0, 2, 1)):
        seen = (x >= 0) & (x < CROP_SIDE) & (y >= 0) & (y < CROP_SIDE)
        seen[seen] = covered[number][y[seen], x[seen]]
        assert seen.mean() < 0.97
        assert np.ptp(points[number][seen], axis=0).max() > 0.45 * CROP_SIDE


def test_the_image_s_border_is_bent_as_the_lens_bends_it():
    views, _, _, _ = framed(5, True)
    bent = torch.nonzero(views.lens[:, 0] < -0.1)[:5, 0]
    assert len(bent) == 5
    covered = views.inside_image().numpy()
    row, column = np.mgrid[:CROP_SIDE:7, :CROP_SIDE:7]
    for number in bent.tolist():
        slope = np.stack([column, row], -1).reshape(-1, 2) - (CROP_SIDE - 1) / 2
        rays = np.concatenate([slope / views.focal[number].item(), np.ones((len(slope), 1))], 1)
        real = rays @ views.to_real[number].double().numpy().T
        coefficients = np.array([*views.lens[number].double().numpy(), 0, 0])
        plane = cv2.projectPoints(real, np.zeros(3), np.zeros(3), np.eye(3), coefficients)[0][:, 0]
        left, top, right, bottom = views.image[number].numpy()
        inside = (plane >= [left, top]).all(1) & (plane <= [right, bottom]).all(1) & (real[:, 2] > 0)
        assert (covered[number][row, column].ravel() == inside).mean() > 0.99
        assert inside.any()


def test_crops_around_bodies_are_those_of_the_robot():
    rng = np.random.default_rng(6)
    joints = (
        rng.normal(0, 0.5, (20, 30, 3))
        + np.stack([rng.normal(0, 1, 20), rng.normal(0, 1, 20), np.full(20, 4)], 1)[:, None]
    )
    rotation, radius = at_body(torch.tensor(joints).float())
    for number in range(20):
        crop = look_at_body(joints[number], BODY_30, CROP_SIDE, BODY_SCALE)
        assert rotation[number].numpy() == pytest.approx(crop.rotation, abs=1e-5)
        assert CROP_SIDE / (2 * BODY_SCALE * radius[number].item()) == pytest.approx(crop.K[0, 0], rel=1e-4)


@pytest.mark.parametrize(("truncate", "times"), [(False, 1), (True, 2)])
def test_known_people_are_upright_about_their_hips_give_or_take_what_an_earlier_look_was_wrong(truncate, times):
    views, _, _, joints = framed(7, truncate, strangers=0.0)
    points = views.project(views.see(joints)).numpy() - (CROP_SIDE - 1) / 2
    up = points[:, SHOULDERS].mean(1) - points[:, PELVIS]
    roll = np.degrees(np.arctan2(up[:, 0], -up[:, 1]))
    reach = np.linalg.norm(points - points[:, [PELVIS]], axis=2).max(1)
    assert np.std(roll) == pytest.approx(10 * times, rel=0.25)
    assert np.median(np.abs(points[:, PELVIS])) < 0.06 * times * CROP_SIDE / 2
    assert np.median(reach) == pytest.approx(CROP_SIDE / 2 / BODY_SCALE, rel=0.08)


def test_some_are_strangers_and_looked_at_by_their_boxes():
    views, _, _, _ = framed(8, False, STRANGERS)
    known, strange = (framed(8, False, share)[0].focal for share in (0.0, 1.0))
    assert len(known) == len(strange) == len(views.focal)
    share = (views.focal == strange).float().mean().item()
    assert share == pytest.approx(STRANGERS, abs=0.1)
    assert ((views.focal == strange) | (views.focal == known)).all()


def test_cameras_stand_where_robots_do_and_keep_the_person_in_front():
    rng = np.random.default_rng(3)
    centre = np.tile([0, 0, 0.85], (600, 1))
    rotation, position = sample_cameras(rng, centre, np.zeros(600))
    distances, heights = np.linalg.norm(position[:, :2], axis=1), position[:, 2]
    assert 0.99 < distances.min() < 1.3
    assert 10 < distances.max() < 12.01
    assert np.mean((heights >= 0.2) & (heights <= 3)) > 0.9
    assert ((rotation @ (centre - position)[..., None])[:, 2, 0] > 0).all()
    azimuths = np.arctan2(position[:, 1], position[:, 0])
    assert np.histogram(azimuths, 8, (-np.pi, np.pi))[0].min() > 30
    roll = np.rad2deg(np.arctan2(-rotation[:, 0, 2], -rotation[:, 1, 2]))
    assert np.median(np.abs(roll)) < 4
    assert 0.02 < np.mean(np.abs(roll) > 20) < 0.12


def test_look_at_keeps_up_upwards():
    rotation = look_at(np.array([0, 3.0, 1]), np.array([0, 0, 1.0]))
    assert rotation @ [0, -3.0, 0] == pytest.approx([0, 0, 3])
    assert (rotation @ [0, -3.0, 1])[1] == pytest.approx(-1)
    assert np.linalg.det(rotation) == pytest.approx(1)


def test_a_person_at_the_lens_cannot_be_framed():
    rng = np.random.default_rng(4)
    position = np.array([[0.3, 0, 1.0]])
    rotation = look_at(position, np.zeros(3))
    _, good = frame(
        rng, torch.tensor(rotation).float(), torch.tensor(position).float(), torch.tensor(person(rng))[None],
        torch.zeros(1, 30, 3), np.array([False]),
    )  # fmt: skip
    assert not good.any()
