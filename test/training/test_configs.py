"""Every recipe is one that `fit` understands: whole, without unknown settings, and of parts that exist."""

from functools import lru_cache
from pathlib import Path

import pytest

from training.configuration import load_configuration
from training.data.augmentation import Augmentation
from training.fitting.fit_settings import FitSettings
from training.fitting.optimization import build_optimizer, learning_rate_factor, prepare_batch_norm
from training.joint_space import find_skeleton
from training.networks.pose_model import PoseModel, build_model

FOLDER = Path(__file__).parents[2] / "training" / "configs"
RECIPES = (
    "fast", "fast_gpu", "fast_tune", "heavy", "heavy_gpu", "heavy_tune", "integral_h36m", "margipose",
    "metrabs_effnetv2", "metrabs_paper", "metro_h36m_resnet50", "pose25d_h36m", "smoke",
)  # fmt: skip
SKELETON_OF_SET = {
    "h36m": "h36m_17", "mpi-inf-3dhp": "mpi_inf_3dhp_28", "muco": "mpi_inf_3dhp_28", "3dpw": "smpl_24",
    "mpii": "mpii_16", "coco": "coco_17", "shards": "body_30", "sports2d": "body_30",
    "vtest": "body_30", "figures": "h36m_17",
}  # fmt: skip


@lru_cache
def recipe(name: str):
    return load_configuration(FOLDER / f"{name}.yaml")


@lru_cache
def model_of(name: str) -> PoseModel:
    return build_model(recipe(name)["model"], with_weights=False)


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_can_be_built(name):
    config = recipe(name)
    settings = FitSettings.from_configuration(config["fit"])
    Augmentation.from_configuration(config["data"].get("augmentation"))
    model = prepare_batch_norm(model_of(name), settings.batch_norm, False)
    assert build_optimizer(model, settings.optimizer).param_groups[0]["params"]
    last = learning_rate_factor(settings.schedule, settings.steps - 1, settings.steps)
    middle = learning_rate_factor(settings.schedule, settings.steps // 10, settings.steps)
    assert 0 < last < 0.1 * middle
    assert set(config["facts"]) == {"origin", "licence", "trained_on"}
    assert {"train", "validation"} <= set(config["data"])


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipes_sets_have_joints_of_its_model(name):
    for part in recipe(name)["data"]["train"]:
        # Banks hold the same people as our own shards.
        skeleton = find_skeleton(SKELETON_OF_SET[Path(part.get("shards", "out/shards")).name])
        theirs, ours = model_of(name).space.places(skeleton)
        assert len(theirs) == len(ours) >= 8
