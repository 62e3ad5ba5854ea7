"""The command that renders shards: which splits it makes."""

import argparse

import pytest

from training.synthesis import command


@pytest.fixture
def rendered(monkeypatch):
    """Crops by split that would have been rendered."""
    found = {}

    def render(plans, split, arguments):
        found[split] = sum(plan.count for plan in plans)

    monkeypatch.setattr(command, "_render", render)
    return found


def run(*options):
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    return command.main(parser.parse_args([str(option) for option in options]))


def test_all_splits_are_train_and_a_tenth_of_the_others(rendered, tmp_path):
    assert run("--split", "all", "--count", 2005, "--out", tmp_path) == 0
    assert rendered == {"train": 2005, "validation": 201, "test": 201}


def test_one_split_has_the_crops_that_were_asked_for(rendered, tmp_path):
    run("--split", "test", "--count", 2005, "--out", tmp_path)
    assert rendered == {"test": 2005}


def test_it_wants_one_thing_to_do(tmp_path):
    with pytest.raises(ValueError, match="exactly one of --count, --make-bank and --benchmark"):
        run("--out", tmp_path)
    with pytest.raises(ValueError, match="needs --out"):
        run("--count", 3)
