"""Training on people rendered meanwhile: the same batch for the same step, and a run that goes on as if undisturbed."""

import pytest
import torch

from test.training.fit_runs import checkpoint, configuration, run_fit
from test.training.synthesis.stage import make_assets
from training.data.shards import Problems
from training.data.sources import open_source
from training.networks.pose_model import build_model
from training.synthesis.bank import Bank
from training.synthesis.on_the_fly import OnTheFly
from training.synthesis.poses import PoseSampler
from training.synthesis.rig import Rig

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def config(body, tmp_path_factory):
    folder = tmp_path_factory.mktemp("bank")
    sampler = PoseSampler(Rig(body.bones, body.rest_heads), [])
    for split in ("train", "validation"):
        Bank.make(body, sampler, make_assets(), split, (2, 4), 0).save(folder / f"{split}.npz")
    config = configuration(
        folder, steps=3, batch=2, validate_every=3, validation_samples=3, pictures_every=0, freeze_backbone=True
    )
    config["model"]["crop_side"], config["model"]["skeletons"] = 256, ["body_30"]
    config["data"] = {
        "train": [{"bank": str(folder / "train.npz"), "at_once": 2}],
        "validation": {"bank": str(folder / "validation.npz"), "at_once": 3},
    }
    return config


@pytest.fixture(scope="module")
def source(config):
    model = build_model(config["model"])
    return open_source(config["data"], model, config["fit"]["seed"], torch.device("cpu"), Problems())


def test_the_batch_of_a_step_is_the_renderers_batch_of_that_number(config, source):
    people = OnTheFly(Bank.load(config["data"]["train"][0]["bank"]), "cpu", 1, seed=3, rank=1, at_once=2)
    for step, batch in zip((5, 6), source.training(range(5, 7), 2, rank=1, world=2), strict=True):
        expected = people.batch(step)
        assert torch.equal(batch.crops, expected.crops)
        assert torch.equal(batch.target.joints_mm, expected.target.joints_mm)
        assert batch.crops.is_contiguous(memory_format=torch.channels_last)


def test_validation_shows_as_many_people_as_wanted_and_the_same_each_time(source):
    few, again = (list(source.validation(3, 2)) for _ in range(2))
    assert [len(batch.target) for batch in few] == [2, 1]
    for one, other in zip(few, again, strict=True):
        assert one.crops is not None
        assert other.crops is not None
        assert torch.equal(one.crops, other.crops)


def test_a_run_in_two_sittings_comes_to_the_weights_of_one(config, tmp_path):
    whole, pieces = tmp_path / "whole", tmp_path / "pieces"
    assert run_fit(config, whole) == 0
    assert run_fit(config, pieces, time_limit_minutes=0) == 0
    assert checkpoint(pieces)["step"] == 1
    assert run_fit(config, pieces) == 0
    one, other = checkpoint(whole), checkpoint(pieces)
    assert one["step"] == other["step"] == 3
    assert all(torch.equal(value, other["model"][name]) for name, value in one["model"].items())


def test_what_makes_no_sense_with_a_bank_is_refused(config, tmp_path):
    def opened(model_side=256, **data):
        model = build_model({**config["model"], "crop_side": model_side})
        open_source({**config["data"], **data}, model, 1, torch.device("cpu"), Problems())

    with pytest.raises(ValueError, match=r"augmentation beside it .* takes no augmentation"):
        opened(augmentation={})
    with pytest.raises(FileNotFoundError, match=r"make one with .* --make-bank"):
        opened(train=[{"bank": str(tmp_path / "none.npz")}])
    with pytest.raises(ValueError, match=r"rendered with 256 px, but model.crop_side is 64"):
        opened(model_side=64)
    with pytest.raises(ValueError, match="has workers; it knows bank"):
        opened(train=[{"bank": "bank.npz", "workers": 2}])
