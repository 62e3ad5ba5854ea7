"""Models that are damaged or replaced are refused before anything of them is loaded."""

import hashlib
import shutil
import subprocess

import pytest

from metric_pose_ros import models
from metric_pose_ros.estimator import PoseEstimator
from metric_pose_ros.model_hashes import sha256_of, state, stated_sha256
from metric_pose_ros.models import ModelError, ModelFile, find_model
from test.fake_models import metadata, save_pose_model


@pytest.fixture
def own(tmp_path):
    return save_pose_model(tmp_path / "mine.onnx")


@pytest.fixture
def shipped(tmp_path, monkeypatch):
    """A small model in the place of the shipped heavy one, with its hash stated."""
    path = save_pose_model(tmp_path / "metric_pose_heavy.onnx")
    state(path)
    monkeypatch.setattr(models, "model_directories", lambda: [tmp_path])
    return path


@pytest.fixture
def nothing_loads(monkeypatch):
    """ONNX Runtime must not see the file at all."""

    def refuse(*_, **__):
        pytest.fail("the file was loaded before its hash was compared")

    monkeypatch.setattr(models.onnxruntime, "InferenceSession", refuse)


def test_sha256sum_finds_every_shipped_model_as_stated():
    folder = find_model("heavy").parent
    checked = subprocess.run(
        ["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=folder, capture_output=True, text=True
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert {line.split(":")[0] for line in checked.stdout.splitlines()} == {path.name for path in folder.glob("*.onnx")}


def test_a_shipped_model_of_another_hash_is_refused_before_it_is_loaded(shipped, nothing_loads):
    expected = sha256_of(shipped)
    save_pose_model(shipped, metadata(version="6.6.6"))
    with pytest.raises(ModelError, match=rf"SHA-256 {sha256_of(shipped)}, but .*SHA256SUMS states {expected}: it was"):
        ModelFile.open("heavy")


def test_one_turned_bit_is_enough(shipped, nothing_loads):
    content = bytearray(shipped.read_bytes())
    content[len(content) // 2] ^= 1
    shipped.write_bytes(content)
    with pytest.raises(ModelError, match="damaged or replaced"):
        ModelFile.open("heavy")


def test_a_shipped_model_is_checked_by_its_path_too(shipped, nothing_loads):
    shipped.write_bytes(b"something else")
    with pytest.raises(ModelError, match="damaged or replaced"):
        ModelFile.open(shipped)


def test_a_shipped_name_of_which_nothing_is_stated_is_refused(shipped, nothing_loads):
    shipped.with_name("SHA256SUMS").unlink()
    with pytest.raises(ModelError, match="no SHA256SUMS in its folder states its SHA-256"):
        ModelFile.open("metric_pose_heavy")


def test_a_shipped_model_as_stated_loads_and_says_so(shipped):
    assert PoseEstimator(detector=None).description.endswith(
        f"; SHA-256 {sha256_of(shipped)[:12]}, as SHA256SUMS states"
    )


def test_ones_own_model_loads_and_its_hash_is_logged(own, caplog):
    with caplog.at_level("INFO", "metric_pose_ros.models"):
        model = ModelFile.open(own)
    digest = hashlib.sha256(own.read_bytes()).hexdigest()
    assert (model.sha256, model.vouched) == (digest, "stated by nobody")
    assert f"{own} has the SHA-256 {digest}, stated by nobody" in caplog.text


def test_a_file_of_sha256sum_beside_ones_own_model_counts(own, nothing_loads):
    stated = own.with_name("mine.onnx.sha256")
    with stated.open("w") as file:
        subprocess.run(["sha256sum", own], stdout=file, check=True)
    assert stated_sha256(own) == {stated: sha256_of(own)}
    save_pose_model(own, metadata(version="0.0.2"))
    with pytest.raises(ModelError, match=r"mine\.onnx\.sha256 states [0-9a-f]{64}: it was damaged or replaced"):
        ModelFile.open(own)


@pytest.mark.parametrize("text", ["deadbeef  mine.onnx\n", "", "\x00\n"])
def test_a_stated_hash_that_cannot_be_read_is_no_pass(own, nothing_loads, text):
    own.with_name("mine.onnx.sha256").write_text(text)
    with pytest.raises(ModelError, match=r"mine\.onnx\.sha256"):
        ModelFile.open(own)


def test_stating_a_new_hash_leaves_what_is_stated_of_others(tmp_path, own):
    other = shutil.copy(own, tmp_path / "other.onnx")
    state(other)
    state(own)
    save_pose_model(own, metadata(version="0.0.2"))
    assert state(own) == sha256_of(own)
    assert (tmp_path / "SHA256SUMS").read_text() == (f"{sha256_of(own)}  mine.onnx\n{sha256_of(other)}  other.onnx\n")
    assert ModelFile.open(own).vouched == "as SHA256SUMS states"
