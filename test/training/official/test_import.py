"""Release folders of the true layout become model files that the robot's package opens."""

from __future__ import annotations

import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from metric_pose_ros.models import ModelFile
from metric_pose_ros.skeleton import SMPL_24
from test.training.official.reference import Reference, skeleton_infos, write_release
from training.__main__ import main
from training.checkpoint import load_model
from training.import_official import import_release
from training.model_file import PoseFile
from training.networks.official import OfficialMetrabs, trainable
from training.networks.official_release import Release, read_release

NAME = "metrabs_s_256"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_release(tmp_path_factory.mktemp("release") / "metrabs_s", Reference(NAME))


@pytest.fixture(scope="module")
def release(folder: Path) -> Release:
    return read_release(folder)


@pytest.fixture(scope="module")
def imported(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("models")
    assert main(["import-official", str(folder), "--out", str(out), "--name", "imported"]) == 0
    return out / "imported.onnx"


def test_the_file_opens_as_a_pose_model_and_says_what_it_is(imported: Path) -> None:
    model = ModelFile.open(imported)
    info = model.pose_info()
    assert (info.name, info.crop_side, info.crop_scale, info.stride) == ("imported", 256, 1.0, 32)
    assert "non-commercial" in model.metadata["licence"]
    assert len(model.metadata["joints"]) == len(set(model.metadata["joints"])) == 26
    assert list(model.metadata["skeletons"]) == ["smpl+head_30", "smpl_24", "lsp_14", "kinectv2_2", "all"]


def test_skeletons_are_in_our_words(imported: Path) -> None:
    skeletons = PoseFile(imported).metadata["skeletons"]
    assert tuple(skeletons["smpl_24"]["names"]) == SMPL_24.names
    assert [tuple(edge) for edge in skeletons["smpl_24"]["edges"]] == list(SMPL_24.edges)
    assert skeletons["lsp_14"]["names"][:3] == ["neck", "left_shoulder", "left_elbow"]
    assert skeletons["lsp_14"]["indices"] == [12, 16, 18, 20, 17, 19, 21, 0, 1, 4, 7, 2, 5, 8]
    assert skeletons["kinectv2_2"] == {"indices": [25, 24], "names": ["spinebase", "neck"], "edges": [[0, 1]]}
    assert skeletons["all"]["names"][-2:] == ["neck_kinectv2", "pelvis_kinectv2"]


def test_the_file_gives_what_the_authors_code_gave(imported: Path) -> None:
    reference = Reference(NAME)
    found = PoseFile(imported).run(reference.crops().numpy(), reference.numbers["intrinsics"])
    assert np.abs(found["joints2d"][:, :24] - reference.numbers["coords2d"]).max() < 0.01
    assert np.abs(found["relative"][:, :24] - reference.numbers["coords3d_rel"]).max() < 0.05
    expected = reference.numbers["abs_single"]
    off = np.linalg.norm(found["absolute"][:, :24] - expected, axis=-1) / np.linalg.norm(expected, axis=-1)
    assert off.max() < 1e-4
    assert (found["std"] > 0).all()


def test_weights_in_half_the_bytes_give_nearly_the_same(imported: Path, folder: Path) -> None:
    half = import_release(folder, imported.parent, "half", opset=17, precision="fp16-weights")
    assert half.stat().st_size < 0.52 * imported.stat().st_size
    assert "fp16" in PoseFile(half).metadata["precision"]
    reference = Reference(NAME)
    inputs = reference.crops()[:1].numpy(), reference.numbers["intrinsics"][:1]
    whole, found = PoseFile(imported).run(*inputs), PoseFile(half).run(*inputs)
    assert np.abs(found["relative"] - whole["relative"]).max() < 20  # mm; noise makes the flattest heatmaps there are
    assert np.abs(found["joints2d"][:, :24] - whole["joints2d"][:, :24]).max() < 2  # px


def test_joints_made_of_others_are_made_in_the_camera_frame(release: Release) -> None:
    reference = Reference(NAME)
    intrinsics = reference.tensor("intrinsics")
    with torch.no_grad():
        joints2d, relative, absolute, std = OfficialMetrabs(release)(reference.crops(), intrinsics)
    assert joints2d is not None
    assert absolute is not None
    for values in (relative, absolute, std):
        torch.testing.assert_close(values[:, 24], (values[:, 12] + values[:, 15]) / 2)
        torch.testing.assert_close(values[:, 25], values[:, 0])
    torch.testing.assert_close(joints2d[:, 25], joints2d[:, 0])
    seen = torch.einsum("nij,nj->ni", intrinsics, absolute[:, 24])
    torch.testing.assert_close(joints2d[:, 24], seen[:, :2] / seen[:, 2:].clamp(min=1.0), rtol=1e-4, atol=1e-2)


def test_the_card_carries_the_licence_and_the_citation(imported: Path) -> None:
    card = imported.with_suffix(".md").read_text()
    for said in ("non-commercial", "T-BIOM 2021", "`smpl_24` (24)", "26, of which the network sees 24"):
        assert said in card


def test_a_release_may_be_trained_further_as_a_model_of_ours(release: Release) -> None:
    reference = Reference(NAME)
    model = trainable(release, ("lsp_14", "smpl_24"))
    assert model.space.names[0] == "lsp_14/neck"
    with torch.no_grad():
        found = model(reference.crops()[:1], reference.tensor("intrinsics")[:1])
    expected = reference.tensor("coords3d_rel")[:1]
    assert found.relative.shape == (1, 14 + 24, 3)
    assert float((found.relative[:, 14:] - expected).abs().max()) < 0.05
    places = release.skeletons[2][0]
    assert float((found.relative[:, :14] - expected[:, places]).abs().max()) < 0.05


def test_a_checkpoint_of_a_release_opens_as_one_of_ours(folder: Path, release: Release, tmp_path: Path) -> None:
    path = tmp_path / "start.ckpt"
    options = ["--checkpoint", str(path), "--skeletons", "smpl_24", "lsp_14"]
    assert main(["import-official", str(folder), *options]) == 0
    model, config = load_model(path)
    assert "non-commercial" in config["facts"]["licence"]
    assert [skeleton.name for skeleton in model.space.skeletons] == ["smpl_24", "lsp_14"]
    reference = Reference(NAME)
    inputs = reference.crops()[:1], reference.tensor("intrinsics")[:1]
    with torch.no_grad():
        found, expected = model(*inputs), trainable(release, ("smpl_24", "lsp_14"))(*inputs)
    torch.testing.assert_close(found.joints2d, expected.joints2d)
    torch.testing.assert_close(found.relative, expected.relative)


def test_skeletons_that_cannot_be_trained_are_named(release: Release) -> None:
    with pytest.raises(ValueError, match="its neck is made of 2 joints"):
        trainable(release, ("kinectv2_2",))
    with pytest.raises(ValueError, match=r"no skeleton coco_17; it has smpl\+head_30, smpl_24"):
        trainable(release, ("coco_17",))


def test_a_release_without_skeletons_has_one_of_what_it_sees(tmp_path: Path) -> None:
    release = read_release(write_release(tmp_path / "plain", Reference("metrabs_s_256_legacy_stride"), False))
    assert release.transform is None
    assert release.settings.legacy_bug
    assert not release.settings.centered_stride
    ((indices, skeleton),) = release.skeletons
    assert indices == list(range(24))
    assert skeleton.names == SMPL_24.names


@pytest.fixture
def broken(folder: Path, tmp_path: Path) -> Path:
    """A copy that a test may spoil; the weights are linked."""
    copy = tmp_path / "broken"
    shutil.copytree(folder, copy, ignore=shutil.ignore_patterns("ckpt.pt"))
    (copy / "ckpt.pt").symlink_to(folder / "ckpt.pt")
    return copy


def test_missing_files_are_named(broken: Path) -> None:
    for name in ("ckpt.pt", "joint_info.npz"):
        (broken / name).unlink()
    with pytest.raises(FileNotFoundError, match=r"lacks ckpt\.pt, joint_info\.npz"):
        read_release(broken)


class JointInfo:
    """As the authors' own class holds a skeleton."""

    def __init__(self, indices: list[int], names: list[str]) -> None:
        self.indices, self.names, self.stick_figure_edges = indices, names, [(0, 1)]


def test_skeletons_that_are_objects_of_the_authors_class_are_read(broken: Path) -> None:
    objects = {"arms_2": JointInfo([20, 21], ["lwri", "rwri"]), "": skeleton_infos(list(SMPL_24.names))[""]}
    (broken / "skeleton_infos.pkl").write_bytes(pickle.dumps(objects))
    (indices, skeleton), _ = read_release(broken).skeletons
    assert (indices, skeleton.names, skeleton.edges) == ([20, 21], ("left_wrist", "right_wrist"), ((0, 1),))


@pytest.mark.parametrize(
    ("setting", "complaint"),
    [
        ({"efficientnet_size": "b4"}, "of size 'b4'"),
        ({"transform_coords": True}, "affine weights"),
        ({"stride_test": 16}, "strides of training and testing differ"),
        ({"legacy_centered_stride_bug": True}, "goes with `centered_stride: false`"),
        ({"depth": 16}, r"216 outputs, but 24 joints of joint_info.npz with 1 \+ 16"),
    ],
)
def test_settings_that_are_not_supported_are_named(broken: Path, setting: dict, complaint: str) -> None:
    said = yaml.safe_load((broken / "config.yaml").read_text())
    (broken / "config.yaml").write_text(yaml.safe_dump(said | setting))
    with pytest.raises(ValueError, match=complaint):
        read_release(broken)


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("skeleton_infos.pkl", b"cos\nsystem\n(X\x02\x00\x00\x00lstR.", "it asks for os.system"),
        ("skeleton_infos.pkl", b"(lp0\n.", "expected a dictionary of skeletons"),
        ("joint_info.npz", b"nothing", "expected `joint_names`"),
        ("ckpt.pt", b"cos\nsystem\n(X\x02\x00\x00\x00lstR.", "holds no weights alone"),
    ],
)
def test_files_that_are_broken_or_hostile_are_named(broken: Path, name: str, content: bytes, complaint: str) -> None:
    (broken / name).unlink()
    (broken / name).write_bytes(content)
    with pytest.raises(ValueError, match=complaint) as caught:
        read_release(broken)
    assert name in str(caught.value)
