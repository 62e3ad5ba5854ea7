"""What a frozen backbone makes of crops, cached, and heads that train on it."""

import argparse

import numpy as np
import pytest
import torch
import yaml

from metric_pose_ros.skeleton import BODY_30, COCO_17
from test.training.fit_runs import checkpoint, curve, run_fit
from test.training.shard_samples import sample_files, write_shard
from training.data import features
from training.data.features import FeatureCache
from training.networks.backbones.build import build_backbone

TAPS = ("p16", "r8")


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    """Shards of stick figures and the maps of a random backbone."""
    folder = tmp_path_factory.mktemp("features")
    for split, count, first in (("train", 24, 0), ("validation", 12, 100)):
        samples = {f"{first + i:06d}": sample_files(first + i) for i in range(count)}
        write_shard(folder / f"{split}-000000.tar", samples)
    config = {
        "name": "small",
        "model": {
            "backbone": {"name": "blazepose_full", "taps": list(TAPS)},
            "neck": {"width": 32, "blocks": 1},
            "head": {"name": "metrabs", "absolute_after": 0.5, "weak_until": 0.0},
            "skeletons": ["body_30"],
            "crop_side": 64,
        },
        "data": {"train": [{"shards": str(folder)}], "cache": str(folder / "cache"), "copies": 2},
        "fit": {
            "seed": 3, "steps": 60, "batch": 16, "optimizer": {"name": "adamw", "rate": 0.01, "weight_decay": 0.01},
            "schedule": {"name": "cosine", "warmup": 4}, "clip_gradient": 5.0, "average": 0.8, "validate_every": 10,
            "validation_samples": 12, "checkpoint_every_s": 1000, "accelerator": "cpu",
        },
    }  # fmt: skip
    (folder / "small.yaml").write_text(yaml.safe_dump({**config, "facts": {}}))
    run_cache(folder / "small.yaml")
    return config


def run_cache(path):
    options = {"config": path, "splits": ["train", "validation"], "threads": 1, "follow": 0}
    assert features.main(argparse.Namespace(**options)) == 0


def test_cached_rows_have_their_labels_and_mirrored_copies(config):
    cache = FeatureCache(features.Path(config["data"]["cache"]), "train", TAPS)
    assert len(cache) == 48
    maps = cache.maps(np.array([5, 40, 41]))
    assert {tap: tuple(m.shape) for tap, m in maps.items()} == {"p16": (3, 48, 4, 4), "r8": (3, 288, 2, 2)}
    plain, mirrored = cache.labels["joints_px"][40], cache.labels["joints_px"][41]
    assert mirrored[BODY_30.mirror][:, 0] == pytest.approx(63 - plain[:, 0], abs=1e-3)
    assert cache.facts[40]["key"] == cache.facts[41]["key"] == "000020"
    target = cache.target(np.array([40, 41]))
    assert target.known_3d.all()
    assert torch.equal(target.known_2d, torch.from_numpy(cache.labels["visibility"][[40, 41]] > 0))


def test_cached_maps_are_those_of_the_backbone_in_torch(config):
    torch.manual_seed(3)
    backbone = build_backbone(config["model"]["backbone"]).eval()
    folder = features.Path(config["data"]["train"][0]["shards"])
    sample = next(features.read_samples([folder / "validation-000000.tar"], features.Problems()))
    crop = features.straight_crop(sample, 64).image
    with torch.no_grad():
        expected = backbone(torch.from_numpy(crop.transpose(2, 0, 1)[None].copy()).float() / 255)
    cached = FeatureCache(folder / "cache", "validation", TAPS).maps(np.array([0]))
    for tap in TAPS:
        assert cached[tap].numpy() == pytest.approx(expected[tap].numpy(), rel=2e-3, abs=2e-3)


def test_a_head_learns_from_cached_maps(config, tmp_path):
    assert run_fit(config, tmp_path / "run") == 0
    rows = curve(tmp_path / "run")
    assert rows[-1]["loss_relative"] < 0.985 * rows[0]["loss_relative"]
    assert rows[-1]["loss_projection"] < 0.8 * rows[0]["loss_projection"]
    assert not any(name.startswith("backbone.") for name in checkpoint(tmp_path / "run")["average"])


def test_samples_of_another_skeleton_stand_where_the_model_has_them(config, tmp_path):
    path = write_shard(tmp_path / "train-000000.tar", {"one": sample_files(1)})
    backbone = build_backbone(config["model"]["backbone"])
    run = features.BackboneRunner(backbone, 64)
    space = features.JointSpace((COCO_17,))
    assert features.cache_shard(path, tmp_path / "cache" / "train-000000", run, space, 1, features.Problems()) == 1
    target = FeatureCache(tmp_path / "cache", "train", TAPS).target(np.array([0]))
    crop = features.straight_crop(next(features.read_samples([path], features.Problems())), 64)
    assert target.joints_mm[0].numpy() == pytest.approx(crop.joints_mm[BODY_30.indices(COCO_17.names)])


def test_a_cache_of_other_joints_or_of_several_sets_is_refused(config, tmp_path):
    other = {**config, "model": {**config["model"], "skeletons": ["coco_17"]}}
    with pytest.raises(ValueError, match="was cached for 30 joints, but the model has 17"):
        run_fit(other, tmp_path / "a")
    mixed = {**config, "data": {**config["data"], "train": config["data"]["train"] * 2}}
    with pytest.raises(ValueError, match="maps are cached of one only"):
        run_fit(mixed, tmp_path / "b")
    for held_out in ({"shards": str(tmp_path)}, {"bank": "bank.npz"}):
        elsewhere = {**config, "data": {**config["data"], "validation": held_out}}
        with pytest.raises(ValueError, match="validate with another split of that folder"):
            run_fit(elsewhere, tmp_path / "c")


def test_fit_caches_what_is_missing(config, tmp_path):
    short = {**config, "fit": {**config["fit"], "steps": 2}, "data": {**config["data"], "cache": str(tmp_path / "new")}}
    assert run_fit(short, tmp_path / "run") == 0
    cached = (tmp_path / "new" / "train-000000" / "p16.npy").read_bytes()
    assert cached == (features.Path(config["data"]["cache"]) / "train-000000" / "p16.npy").read_bytes()


def test_neither_maps_nor_shards_says_what_to_run(config, tmp_path):
    nothing = {**config["data"], "train": [{"shards": str(tmp_path)}], "cache": str(tmp_path)}
    with pytest.raises(FileNotFoundError, match="python -m training cache"):
        run_fit({**config, "data": nothing}, tmp_path / "run")
