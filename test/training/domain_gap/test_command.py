"""`python -m training domain-gap` from a model file to tables and a sheet, on a clip that nobody has to fetch."""

import hashlib
import json
from pathlib import Path

import pytest

from test.fake_models import save_pose_model
from test.training.domain_gap.test_score import room, walk
from training.__main__ import main
from training.domain_gap import command
from training.domain_gap.packages import Package, fetch


def test_models_are_measured_and_what_could_not_be_fetched_is_named(tmp_path, monkeypatch, capsys):
    clips = [room(walk()), room(None, "street")]
    monkeypatch.setattr(command, "open_clips", lambda: (clips, ["vtest: no network"]))
    models = [tmp_path / "a" / "fake.onnx", tmp_path / "b" / "fake.onnx"]
    for model in models:
        model.parent.mkdir()
        save_pose_model(model)
    assert main(["domain-gap", *map(str, models), "--no-mediapipe", "--out", str(tmp_path / "out")]) == 0
    told = json.loads((tmp_path / "out" / "gap.json").read_text())
    assert set(told["tables"]["stereo"]["rows"]) == {"a/fake", "b/fake"}
    assert told["tables"]["stereo"]["rows"]["a/fake"]["crops"] == 12
    assert told["skipped"] == ["vtest: no network"]
    text = (tmp_path / "out" / "gap.md").read_text()
    assert "- vtest: no network" in text
    assert "- a/fake: MPJPE" in text
    assert (tmp_path / "out" / "gap.png").is_file()
    assert text in capsys.readouterr().out


def test_without_any_clip_the_reasons_are_given(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(command, "open_clips", lambda: ([], ["pose2sim: no network"]))
    model = save_pose_model(tmp_path / "fake.onnx")
    assert main(["domain-gap", str(model), "--no-mediapipe", "--out", str(tmp_path / "out")]) == 1
    assert "there is no clip to look at; pose2sim: no network" in capsys.readouterr().err


def test_a_file_that_is_not_the_expected_one_is_refused_and_nothing_is_kept(tmp_path):
    def unpack(name: str, folder: Path) -> Path:
        (folder / "clip.mp4").write_bytes(b"another")
        return folder

    right = Package("clips", unpack, {"clip.mp4": ("clip.mp4", hashlib.sha256(b"another").hexdigest())})
    wrong = Package("clips", unpack, {"clip.mp4": ("clip.mp4", hashlib.sha256(b"expected").hexdigest())})
    with pytest.raises(OSError, match=r"clip.mp4 of clips has SHA-256 .*, expected"):
        fetch(wrong, tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert fetch(right, tmp_path)["clip.mp4"].read_bytes() == b"another"
