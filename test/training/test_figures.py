"""Stick figures as training material: true to their camera, and enough to learn from."""

from pathlib import Path

import numpy as np
import pytest
import torch

from metric_pose_ros.skeleton import H36M_17
from test.training.fit_runs import curve, run_fit
from training.configuration import load_configuration
from training.data.cropping import crop_sample
from training.data.figures import draw_figure, draw_missing
from training.data.shards import Problems, read_samples, shard_paths

SMOKE = Path(__file__).parents[2] / "training" / "configs" / "smoke.yaml"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("figures")
    draw_missing(folder, "train", 300)
    draw_missing(folder, "validation", 40)
    return folder


def samples(folder, split):
    problems = Problems()
    found = list(read_samples(shard_paths(folder, split), problems))
    assert not problems.counts
    return found


def test_figures_are_whole_people_seen_by_their_camera(folder):
    people = samples(folder, "train")
    assert len(people) == 300
    for person in people[:50]:
        assert person.skeleton is H36M_17
        projected = person.joints_mm @ person.intrinsics.T
        assert projected[:, :2] / projected[:, 2:] == pytest.approx(person.joints_px, abs=0.01)
        assert (person.visibility == 2).all()
        assert (person.joints_px >= person.box[:2]).all()
        assert (person.joints_px <= person.box[2:]).all()
    thigh = [np.linalg.norm(p.joints_mm[2] - p.joints_mm[1]) for p in people]
    assert min(thigh) >= 0.85 * 430 - 0.1
    assert max(thigh) <= 1.1 * 430 + 0.1


def test_a_figures_limbs_have_their_colours_where_its_joints_are():
    right_colour = []
    for seed in range(60):
        image, labels = draw_figure(np.random.default_rng(seed))
        left = (labels["joints_px"][4] + labels["joints_px"][5]) / 2
        right = (labels["joints_px"][1] + labels["joints_px"][2]) / 2
        if np.linalg.norm(left - right) > 12:
            for (x, y), warm in ((left, True), (right, False)):
                red, _, blue = image[round(float(y)), round(float(x))].astype(int)
                right_colour.append((red > blue) == warm)
    assert len(right_colour) >= 20
    assert np.mean(right_colour) > 0.85  # arms may hang before legs


def test_what_is_there_is_not_drawn_again(folder):
    before = [path.stat().st_mtime_ns for path in shard_paths(folder, "train")]
    draw_missing(folder, "train", 300)
    assert [path.stat().st_mtime_ns for path in shard_paths(folder, "train")] == before


def test_the_mean_pose_is_as_far_off_as_the_recipe_says(folder):
    poses = {}
    for split in ("train", "validation"):
        crops = [crop_sample(sample, 32).joints_mm for sample in samples(folder, split)]
        poses[split] = np.stack([joints - joints[:1] for joints in crops])
    error = np.linalg.norm(poses["validation"] - poses["train"].mean(axis=0), axis=-1).mean()
    assert error == pytest.approx(245, abs=12)


def test_the_smoke_recipe_learns_to_see_figures(folder, tmp_path):
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    config = load_configuration(SMOKE)
    config["model"]["crop_side"] = 64
    config["data"]["train"][0]["shards"] = config["data"]["validation"]["shards"] = str(folder)
    config["fit"] |= {"steps": 45, "batch": 8, "validate_every": 15, "validation_samples": 40, "pictures_every": 0}
    config["fit"] |= {"accelerator": "cpu", "average": 0.9}
    assert run_fit(config, tmp_path / "run") == 0
    torch.set_num_threads(before)
    rows = curve(tmp_path / "run")
    # A ninth of the recipe's steps, half its batch, a smaller crop.
    assert rows[-1]["loss_total"] < 0.85 * rows[0]["loss_total"]
    assert rows[-1]["mpjpe"] < 0.85 * rows[0]["mpjpe"]
    assert rows[-1]["px"] < 0.75 * rows[0]["px"]
