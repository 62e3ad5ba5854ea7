"""From shards to an exported model, small: caching, fitting, being killed, exporting, measuring."""

import argparse
import json

import numpy as np
import onnx
import pytest
import torch
import yaml

from metric_pose_ros.skeleton import BODY_30
from test.training.shard_samples import sample_files, write_shard
from training import evaluate, export, fit
from training.data import features
from training.data.features import FeatureCache
from training.devices import Fabric
from training.model_file import PoseFile

TAPS = ("p16", "r8")


@pytest.fixture(scope="module", autouse=True)
def few_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Shards of stick figures, a configuration, and the maps of a random trunk."""
    folder = tmp_path_factory.mktemp("fit")
    for split, count, first in (("train", 24, 0), ("validation", 12, 100), ("test", 8, 200)):
        samples = {f"{first + i:06d}": sample_files(first + i) for i in range(count)}
        write_shard(folder / f"{split}-000000.tar", samples)
    config = {
        "name": "small",
        "model": {"trunk": "full", "taps": list(TAPS), "skeleton": "body_30", "width": 32, "blocks": 1},
        "data": {"trunks": None, "shards": str(folder), "cache": str(folder / "cache"), "copies": 2},
        "fit": {
            "seed": 3, "steps": 160, "batch": 16, "learning_rate": 0.01, "weight_decay": 0.01, "warmup": 4,
            "clip_gradient": 5.0, "average": 0.8, "absolute_after": 0.5, "validate_every": 80, "validation_rows": 12,
            "checkpoint_every_s": 1000, "fabric": {"accelerator": "cpu", "devices": 1},
        },
        "facts": {"origin": "a test", "licence": "none", "trained_on": "stick figures"},
    }  # fmt: skip
    (folder / "small.yaml").write_text(yaml.safe_dump(config))
    splits = ["train", "validation", "test"]
    options = {"config": folder / "small.yaml", "splits": splits, "threads": 1, "follow": 0}
    assert features.main(argparse.Namespace(**options)) == 0
    return folder


def run_fit(folder, out, steps=None):
    options = {"config": folder / "small.yaml", "out": out, "start_from": None, "threads": 1, "steps": steps}
    return fit.main(argparse.Namespace(**options))


@pytest.fixture(scope="module")
def checkpoint(folder):
    assert run_fit(folder, folder / "run") == 0
    return folder / "run" / "last.ckpt"


def test_cached_rows_have_their_labels_and_mirrored_copies(folder):
    cache = FeatureCache(folder / "cache", "train", TAPS)
    assert len(cache) == 48
    maps = cache.maps(np.array([5, 40, 41]))
    assert {tap: tuple(m.shape) for tap, m in maps.items()} == {"p16": (3, 48, 16, 16), "r8": (3, 288, 8, 8)}
    plain, mirrored = cache.labels["joints_px"][40], cache.labels["joints_px"][41]
    assert mirrored[BODY_30.mirror][:, 0] == pytest.approx(255 - plain[:, 0], abs=1e-3)
    assert cache.facts[40]["key"] == cache.facts[41]["key"] == "000020"
    assert len(FeatureCache(folder / "cache", "validation", TAPS)) == 12


def test_training_lowers_the_loss(checkpoint):
    rows = (checkpoint.parent / "curve.csv").read_text().splitlines()
    column = rows[0].split(",").index("loss_relative")
    first, last = (float(row.split(",")[column]) for row in (rows[1], rows[-1]))
    assert last < 0.9 * first


def test_a_killed_run_goes_on_exactly_where_it_stopped(folder, checkpoint):
    config = fit.load_configuration(folder / "small.yaml")
    fabric = Fabric(**config["fit"]["fabric"])
    killed = fit.Run(config, folder / "killed", fabric)
    (folder / "killed").mkdir()
    cache = FeatureCache(folder / "cache", "train", TAPS)
    for number, (taps, target) in enumerate(fit.batches(cache, killed)):
        killed.train_step(taps, target)
        if number == 12:
            killed.save()
        if number == 15:  # three steps after its last checkpoint
            break
    assert run_fit(folder, folder / "killed") == 0
    states = [torch.load(path, weights_only=True) for path in (checkpoint, folder / "killed" / "last.ckpt")]
    assert states[0]["step"] == states[1]["step"] == 160
    for part in ("model", "average"):
        for name, value in states[0][part].items():
            assert torch.equal(value, states[1][part][name]), name


def test_every_row_is_used_once_an_epoch():
    rows = np.concatenate([fit.rows_of_step(step, 16, 48, seed=1) for step in range(6)])
    assert sorted(rows[:48]) == sorted(rows[48:]) == list(range(48))
    assert rows[:48].tolist() != rows[48:].tolist()


def test_the_exported_file_describes_itself_and_equals_torch(folder, checkpoint):
    out = folder / "models"
    assert export.main(argparse.Namespace(checkpoint=checkpoint, out=out, opset=18)) == 0
    file = PoseFile(out / "small.onnx")
    assert file.metadata["kind"] == "pose"
    assert tuple(file.metadata["joints"]) == BODY_30.names
    assert file.metadata["box_size_mm"] == 2200
    assert file.metadata["trained_on"] == "stick figures"
    model = onnx.load(out / "small.onnx")
    assert model.opset_import[0].version == 18
    stored = sum(len(t.raw_data) for t in model.graph.initializer)
    fp16 = sum(len(t.raw_data) for t in model.graph.initializer if t.data_type == onnx.TensorProto.FLOAT16)
    assert fp16 / stored > 0.9
    shipped = export.as_shipped(fit.load_model(checkpoint)[0])
    export.calibrate(shipped, FeatureCache(folder / "cache", "validation", TAPS))
    crops = torch.rand(5, 3, 256, 256, generator=torch.Generator().manual_seed(0))
    intrinsics = export.intrinsics_to_try(5)
    with torch.no_grad():
        expected = shipped(crops, intrinsics)
    found = file.run(crops.numpy(), intrinsics.numpy())
    for name in ("joints2d", "relative", "absolute"):
        assert found[name].shape[0] == 5
        assert found[name] == pytest.approx(getattr(expected, name).numpy(), abs=0.05, rel=1e-4)


def test_a_file_that_differs_from_torch_is_not_written(folder, checkpoint, monkeypatch):
    monkeypatch.setattr(export, "compare", lambda model, file: {"absolute": float("nan")})
    with pytest.raises(ValueError, match="is not written"):
        export.export_model(fit.load_model(checkpoint)[0], folder / "refused.onnx", {"name": "refused"})
    assert not (folder / "refused.onnx").exists()


def test_file_and_checkpoint_are_measured_alike_and_the_card_says_so(folder, checkpoint, capsys, monkeypatch):
    # A checkpoint is measured as it was trained, so the file must not be calibrated either.
    monkeypatch.setattr(export, "calibrate", lambda model, cache: None)
    export.main(argparse.Namespace(checkpoint=checkpoint, out=folder / "measured", opset=18))
    scores = {}
    for name, model in (("file", folder / "measured" / "small.onnx"), ("checkpoint", checkpoint)):
        options = {"model": model, "shards": folder, "split": "test", "limit": 6, "threads": 1}
        told = folder / f"{name}.json"
        assert evaluate.main(argparse.Namespace(**options, json=told, card=name == "file")) == 0
        scores[name] = json.loads(told.read_text())
    assert scores["file"]["all"]["count"] == 6
    assert scores["file"]["all"]["mpjpe"] == pytest.approx(scores["checkpoint"]["all"]["mpjpe"], abs=1)
    card = (folder / "measured" / "small.md").read_text()
    assert f"{scores['file']['all']['mpjpe']:.1f}" in card
    assert "stick figures" in card
    assert "nothing skipped" in capsys.readouterr().out
