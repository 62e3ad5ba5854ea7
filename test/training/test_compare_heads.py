"""Comparing heads: each is trained and measured once, also when the command was stopped in between."""

import argparse
import json

import pytest
import yaml

from training import compare_heads
from training.checkpoint import CHECKPOINT, write_checkpoint
from training.head_cost import head_cost
from training.networks.pose_model import build_model

MODEL = {
    "backbone": {"name": "blazepose_full", "taps": ["c16"]},
    "neck": {"width": 8, "blocks": 0},
    "skeletons": ["h36m_17"],
}
HEADS = {"MeTRo": {"name": "metro"}, "2.5D, shallow": {"name": "pose25d", "depth": 4}}


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "heads.yaml"
    data = {"train": [{"shards": str(tmp_path / "shards")}]}
    said = {"name": "heads", "heads": HEADS, "model": MODEL, "data": data, "fit": {"steps": 3, "batch": 2}}
    path.write_text(yaml.safe_dump(said, sort_keys=False))
    return path


@pytest.fixture
def calls(monkeypatch):
    """The commands that were run; instead of training, a random network is written down."""
    made = []

    def run(command, *arguments):
        made.append(command)
        options = dict(zip(map(str, arguments[0::2]), arguments[1::2], strict=True)) if command == "fit" else {}
        if command == "fit":
            config = yaml.safe_load(options["--config"].read_text())
            model = build_model(config["model"], with_weights=False)
            write_checkpoint(options["--out"] / CHECKPOINT, {"config": config, "step": 3, "model": model.state_dict()})
        else:
            row = {"mpjpe": 100.0, "pa_mpjpe": 80.0, "a_mpjpe": None, "mpjpe_present": 90.0}
            rows = {"all": row, "truncated": {**row, "mpjpe": 150.0}}
            arguments[-1].write_text(json.dumps({"tables": {"people": {"rows": rows}}}))

    monkeypatch.setattr(compare_heads, "_training", run)
    monkeypatch.setattr(compare_heads, "head_cost", lambda model, batch: head_cost(model, batch=1, repeats=1))
    return made


def compare(config, out):
    return compare_heads.main(argparse.Namespace(config=config, out=out, shards=None, limit=0, steps=None))


def test_every_head_is_trained_and_measured_and_stands_in_the_table(config, calls, tmp_path):
    assert compare(config, tmp_path / "out") == 0
    assert calls == ["fit", "evaluate", "fit", "evaluate"]
    rows = json.loads((tmp_path / "out" / "heads.json").read_text())["rows"]
    assert list(rows) == list(HEADS)
    assert rows["MeTRo"]["truncated_mpjpe"] == 150
    assert rows["MeTRo"]["a_mpjpe"] is None
    assert rows["2.5D, shallow"]["parameters"] == pytest.approx((8 + 1) * 17 * 4 / 1000)
    assert "| 2.5D, shallow | 100.0 |" in (tmp_path / "out" / "heads.md").read_text()


def test_what_is_done_is_not_done_again(config, calls, tmp_path):
    compare(config, tmp_path / "out")
    (tmp_path / "out" / "metro" / "synthetic.json").unlink()
    calls.clear()
    compare(config, tmp_path / "out")
    assert calls == ["evaluate"]


def test_heads_differ_in_nothing_else(config):
    said = yaml.safe_load(config.read_text())
    one, other = (compare_heads.with_head(said, title) for title in HEADS)
    assert one["model"].pop("head") != other["model"].pop("head")
    assert one.pop("name") == "metro"
    assert other.pop("name") == "2_5d_shallow"
    assert one == other


def test_a_configuration_without_heads_is_refused(config, tmp_path):
    said = yaml.safe_load(config.read_text())
    del said["heads"]
    config.write_text(yaml.safe_dump(said))
    with pytest.raises(ValueError, match="has no section `heads`"):
        compare(config, tmp_path / "out")
