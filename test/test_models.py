"""Model files: what is read from them, and what is said of broken ones."""

import hashlib

import onnx
import pytest

from metric_pose_ros.models import SHORT_NAMES, ModelError, ModelFile, find_model, model_directories
from metric_pose_ros.skeleton import BODY_30
from test.fake_models import metadata, save_detector, save_pose_model


def test_a_pose_model_says_what_it_is(tmp_path):
    model = ModelFile.open(save_pose_model(tmp_path / "pose.onnx"))
    info = model.pose_info()
    assert model.kind == "pose"
    assert model.sha256 == hashlib.sha256((tmp_path / "pose.onnx").read_bytes()).hexdigest()
    assert (info.name, info.version) == ("fake_pose", "0.0.1")
    assert (info.crop_side, info.crop_scale, info.box_size_mm, info.stride) == (256, 1.25, 2200, 16)
    assert info.skeleton == BODY_30


def test_a_missing_model_names_the_places_that_were_looked_at():
    with pytest.raises(FileNotFoundError, match=r"no model 'nothing'.*movenet_multipose.*models"):
        ModelFile.open("nothing")


@pytest.mark.parametrize("keep", [0, 100, 5000])
def test_a_truncated_file_is_an_error_that_names_it(tmp_path, keep):
    path = save_pose_model(tmp_path / "pose.onnx")
    path.write_bytes(path.read_bytes()[:keep] if keep < 5000 else b"version https://git-lfs.github.com/spec/v1\n")
    with pytest.raises(ModelError, match=r"pose\.onnx.*truncated"):
        ModelFile.open(path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"crop_side": float("inf")}, "makes no sense"),
        ({"crop_scale": float("nan")}, "its crop_scale is nan, expected 0.1 to 10"),
        ({"stride": 0}, "its stride is 0, expected 1 to 256"),
        ({"skeletons": [1]}, "makes no sense"),
        ({"joints": None}, "no entry 'joints'"),
        ({"crop_side": 384}, r"crops has shape \['N', 3, 256, 256\], but its metadata promises \[None, 3, 384, 384\]"),
        ({"joints": ["pelvis"], "edges": []}, "joints2d has shape"),
        ({"edges": [[0, 99]]}, "makes no sense"),
        ({"stride": "wide"}, "makes no sense"),
    ],
)
def test_metadata_that_does_not_fit_the_graph_is_an_error(tmp_path, changes, message):
    model = ModelFile.open(save_pose_model(tmp_path / "pose.onnx", metadata(**changes)))
    with pytest.raises(ModelError, match=message):
        model.pose_info()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": 2}, "metadata format 2, expected 1"),
        ({"format": None}, "cannot be read"),
        ({"kind": "segmentation"}, "kind 'segmentation'; known are pose"),
        ({"kind": "nanodet"}, "has inputs crops, intrinsics, but a nanodet model has image"),
    ],
)
def test_a_file_of_another_kind_is_an_error(tmp_path, changes, message):
    path = save_pose_model(tmp_path / "pose.onnx", metadata(**changes))
    with pytest.raises(ModelError, match=message):
        ModelFile.open(path)


def test_a_file_without_our_metadata_is_an_error(tmp_path):
    import onnx

    path = save_pose_model(tmp_path / "pose.onnx")
    model = onnx.load(path)
    del model.metadata_props[:]
    onnx.save(model, path)
    with pytest.raises(ModelError, match="not exported for this package"):
        ModelFile.open(path)


def test_a_detector_is_no_pose_model(tmp_path):
    import numpy as np

    path = save_detector(tmp_path / "detector.onnx", "movenet_multipose", {"people": np.zeros((1, 6, 56))})
    with pytest.raises(ModelError, match="is a movenet_multipose detector, expected a pose model"):
        ModelFile.open(path).pose_info()


@pytest.mark.parametrize("name", ["movenet", "nanodet", "movenet_multipose", "nanodet.onnx"])
def test_shipped_models_are_found_by_name(name):
    assert find_model(name).parent in model_directories()


@pytest.mark.parametrize("name", SHORT_NAMES)
def test_shipped_models_match_their_cards(name):
    model = ModelFile.open(name)
    card = (model_directories()[-1] / f"{SHORT_NAMES[name]}.md").read_text(encoding="utf-8")
    assert model.sha256 in card
    assert model.vouched == "as SHA256SUMS states"
    assert model.metadata["licence"].split()[0] in card


def test_a_kind_that_is_no_word_is_an_error(tmp_path):
    path = save_pose_model(tmp_path / "pose.onnx", metadata(kind=["pose"]))
    with pytest.raises(ModelError, match=r"is of kind \['pose'\]; known are pose, "):
        ModelFile.open(path)


@pytest.mark.parametrize("said", ["[" * 3000, '{"format": ' + "9" * 5000 + "}"], ids=["brackets", "digits"])
def test_metadata_that_python_gives_up_on_is_an_error_that_names_the_file(tmp_path, said):
    path = save_pose_model(tmp_path / "pose.onnx")
    model = onnx.load(path)
    onnx.helper.set_model_props(model, {"metric_pose_ros": said})
    onnx.save(model, path)
    with pytest.raises(ModelError, match=r"pose\.onnx: its 'metric_pose_ros' metadata cannot be read"):
        ModelFile.open(path)


def test_weights_outside_the_models_folder_are_not_read(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    path = save_pose_model(folder / "pose.onnx")
    model = onnx.load(path)
    (tmp_path / "secret.bin").write_bytes(bytes(10**5))
    weight = model.graph.initializer[0]
    weight.ClearField("raw_data")
    weight.data_location = onnx.TensorProto.EXTERNAL
    for key, value in (("location", "../secret.bin"), ("offset", "0"), ("length", "360")):
        entry = weight.external_data.add()
        entry.key, entry.value = key, value
    path.write_bytes(model.SerializeToString())
    with pytest.raises(ModelError, match=r"pose\.onnx .* is not an ONNX model that loads"):
        ModelFile.open(path)
