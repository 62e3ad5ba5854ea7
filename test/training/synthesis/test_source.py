"""Training on people rendered meanwhile: the same batch for the same step, and a run that goes on as if undisturbed."""

import pytest
import torch

from test.training.fit_runs import checkpoint, configuration, run_fit
from test.training.shard_samples import sample_files, write_shard
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


@pytest.fixture
def mixed(config, tmp_path):
    """The bank's people, and a third of each batch from shards."""
    write_shard(tmp_path / "train-000000.tar", {str(number): sample_files(number) for number in range(6)})
    bank = {**config["data"]["train"][0], "weight": 2}
    train = [bank, {"shards": str(tmp_path)}]
    return {**config, "data": {**config["data"], "train": train, "augmentation": {"mirror": 0.5}, "workers": 0}}


def opened(config):
    return open_source(config["data"], build_model(config["model"]), 1, torch.device("cpu"), Problems())


def test_a_batch_holds_rendered_people_and_pictures_of_shards_as_weighted(config, mixed):
    bank = Bank.load(config["data"]["train"][0]["bank"])
    source = opened(mixed)
    for rank in (0, 1):
        people = OnTheFly(bank, "cpu", 2, seed=1, rank=rank, at_once=2)
        (batch,) = source.training(range(4, 5), 6, rank=rank, world=2)
        assert batch.crops.shape == (3, 3, 256, 256)
        assert torch.equal(batch.crops[:2], people.batch(4).crops)
        assert batch.crops.is_contiguous(memory_format=torch.channels_last)
        assert len(batch.target) == 3
        (again,) = source.training(range(4, 5), 6, rank=rank, world=2)
        assert torch.equal(batch.crops, again.crops)
    assert str(source).endswith(f"33% of a batch are 6 of {mixed['data']['train'][1]['shards']}")
    assert [len(batch.target) for batch in source.validation(3, 2)] == [2, 1]


def test_a_batch_too_small_for_both_is_refused(mixed):
    with pytest.raises(ValueError, match="of a batch of 2 for 2 processes, 33% are to come from shards"):
        opened(mixed).training(range(1), 2, rank=0, world=2)


def test_a_run_on_both_learns_and_goes_on(mixed, tmp_path):
    mixed["fit"] = {**mixed["fit"], "batch": 3}
    assert run_fit(mixed, tmp_path / "out", time_limit_minutes=0) == 0
    assert run_fit(mixed, tmp_path / "out") == 0
    assert checkpoint(tmp_path / "out")["step"] == 3


def test_what_makes_no_sense_with_a_bank_is_refused(config, tmp_path):
    def opened_with(model_side=256, **data):
        opened({"model": {**config["model"], "crop_side": model_side}, "data": {**config["data"], **data}})

    with pytest.raises(ValueError, match=r"augmentation, workers beside it .* an augmentation only for shards"):
        opened_with(augmentation={}, workers=1)
    with pytest.raises(ValueError, match="has 2 banks"):
        opened_with(train=2 * config["data"]["train"])
    with pytest.raises(FileNotFoundError, match=r"make one with .* --make-bank"):
        opened_with(train=[{"bank": str(tmp_path / "none.npz")}])
    with pytest.raises(ValueError, match=r"rendered with 256 px, but model.crop_side is 64"):
        opened_with(model_side=64)
    with pytest.raises(ValueError, match="has workers; it knows bank"):
        opened_with(train=[{"bank": "bank.npz", "workers": 2}])
