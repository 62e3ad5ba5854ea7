"""Bodies and whole samples: joints where anatomy wants them, labels on the pixels, the same seed the same crop."""

import numpy as np
import pytest
import torch

from metric_pose_ros.skeleton import BODY_30
from training.synthesis.body import BODY_VERTICES
from training.synthesis.factory import SampleFactory
from training.synthesis.joints import FROM_BONES, FROM_HIGHEST_VERTEX, FROM_REGRESSOR
from training.synthesis.shards import plan_shards


def test_every_joint_is_defined_once_and_its_weights_sum_to_one():
    assert sorted([*FROM_BONES, *FROM_REGRESSOR, FROM_HIGHEST_VERTEX]) == sorted(BODY_30.names)
    for mixture in FROM_BONES.values():
        assert sum(weight for _, weight in mixture) == pytest.approx(1)


@pytest.fixture(scope="module")
def shapes(body):
    """Phenotypes of 240 people."""
    return body.sample_shapes(np.random.default_rng(0), 240)


@pytest.fixture(scope="module")
def crowd(body, shapes):
    """Their vertices and joints in the rest pose."""
    return body.pose(np.tile(np.eye(3), (240, len(body.bones), 1, 1)), shapes)


def joint(joints, name):
    return joints[:, BODY_30.names.index(name)]


def height_of(crowd):
    return np.ptp(crowd[0][:, :BODY_VERTICES, 2], axis=1)


def test_men_women_and_children_are_as_tall_as_such_people_are(crowd, shapes):
    heights = height_of(crowd)
    adult, male = shapes["age"].numpy() > 0.72, shapes["gender"].numpy() < 0.5
    assert heights[adult & male].mean() == pytest.approx(1.765, abs=0.03)
    assert heights[adult & ~male].mean() == pytest.approx(1.62, abs=0.03)
    assert 0.05 < heights[adult & male].std() < 0.11
    assert heights.min() > 0.65
    assert heights.max() < 2.15


def test_a_quarter_are_children_who_grow_as_the_who_s_charts_say(crowd, shapes):
    """Medians for both sexes: 86 cm at two years, 109 at five, 138 at ten, 156 at thirteen; Anny's scale of ages."""
    heights, age = height_of(crowd), shapes["age"].numpy()
    assert np.mean(age < 0.7) == pytest.approx(0.25, abs=0.07)
    for years, height in ((0.105, 0.87), (0.243, 1.10), (0.386, 1.39), (0.517, 1.56)):
        near = np.abs(age - years) < 0.06
        assert near.sum() > 3
        assert heights[near].mean() == pytest.approx(height, abs=0.10)


def test_left_is_the_persons_own_left_and_the_order_from_head_to_foot_is_anatomical(crowd):
    _, joints = crowd
    for name in BODY_30.names:
        if name.startswith("left_"):
            assert (joint(joints, name)[:, 0] > joint(joints, name.replace("left", "right"))[:, 0]).all(), name
    order = ("head_top", "nose", "neck", "spine3", "spine2", "spine1", "pelvis", "left_knee", "left_ankle", "left_foot")
    heights = np.stack([joint(joints, name)[:, 2] for name in order])
    assert (np.diff(heights, axis=0) < 0).all()
    assert (joint(joints, "nose")[:, 1] < joint(joints, "head")[:, 1]).all()  # forwards is -y
    assert (joint(joints, "left_foot")[:, 1] < joint(joints, "left_ankle")[:, 1]).all()


def test_limb_joints_agree_with_anny_s_own_coco_keypoints(body, crowd):
    from anny.keypoints import KeypointsRegressor

    vertices, joints = crowd
    regressor = KeypointsRegressor.coco(body.model)
    weights = regressor.regression_weights.numpy()
    for name in ("shoulder", "elbow", "wrist", "knee", "ankle"):
        coco = np.einsum("v,nvd->nd", weights[regressor.labels.index(f"left_{name}")], vertices)
        assert np.linalg.norm(joint(joints, f"left_{name}") - coco, axis=1).mean() < 0.06, name


@pytest.fixture(scope="module")
def factory(body):
    return SampleFactory("validation", [], None, body)


def test_labels_lie_in_the_picture_and_project_from_the_joints(tmp_path, factory):
    plan = plan_shards(tmp_path, "validation", 12, 12, 5)[0]
    seen, shares = 0, []
    for sample in factory.samples(plan):
        assert sample.image.shape == (256, 256, 3)
        assert sample.about["split"] == "validation"
        projected = sample.joints_mm @ sample.intrinsics.T
        assert projected[:, :2] / projected[:, 2:] == pytest.approx(sample.joints_px, abs=0.05)
        inside = ((sample.joints_px > -0.5) & (sample.joints_px < 255.5)).all(1)
        assert (inside | (sample.visibility == 0)).all()
        seen += (sample.visibility == 2).sum()
        if not sample.about["truncated"]:
            shares.append(inside.mean())
        assert 0.5 < sample.about["distance_m"] < 14
        left, top, right, bottom = sample.about["box_px"]
        assert -0.5 <= left < right <= 255.5
        assert -0.5 <= top < bottom <= 255.5
        visible = sample.joints_px[sample.visibility == 2]
        assert (visible >= [left - 2, top - 2]).all()
        assert (visible <= [right + 2, bottom + 2]).all()
        assert abs(sample.about["camera_pitch_deg"]) <= 90
    assert seen > 12 * 10
    assert np.mean(shares) > 0.97


def test_the_same_seed_makes_the_same_samples_and_another_seed_does_not(factory):
    def shots(seed):
        return factory.scenes.make(np.random.default_rng(seed), 3)

    first, again, other = shots(1), shots(1), shots(2)
    assert torch.equal(first.pictures, again.pictures)
    assert torch.equal(first.joints_mm, again.joints_mm)
    assert not torch.equal(first.joints_mm[0], other.joints_mm[0])
