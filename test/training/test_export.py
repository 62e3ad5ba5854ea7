"""Exported files: what they say of themselves, which operators and precisions they have, and that they equal torch."""

import json
from functools import lru_cache

import numpy as np
import onnx
import pytest
import torch

from metric_pose_ros import Camera, PoseEstimator
from metric_pose_ros.models import ModelError, ModelFile
from metric_pose_ros.skeleton import BODY_30, H36M_17
from test.training.evaluation.small_models import CROP_SIDE, configuration, inputs, save_checkpoint, trained_model
from test.training.shard_samples import sample_files, write_shard
from training import export
from training.__main__ import main
from training.checkpoint import blend, load_model
from training.export import check_opset, export_model, made_up_inputs
from training.exporting.calibrate import calibrate
from training.exporting.precision import LARGEST_DIFFERENCE
from training.fitting.validation import Predictions
from training.joint_space import JointSpace
from training.model_file import PoseFile
from training.networks.pose_model import PoseModel

FLOAT, FLOAT16 = onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16
FACTS = {"name": "small", "origin": "a test", "licence": "none", "trained_on": "nothing"}
HEADS = ("metrabs", "metro", "pose25d", "integral", "margipose")


@pytest.fixture(scope="module")
def models():
    """Small models by the name of their head, made when they are asked for."""

    @lru_cache
    def model_with(head: str) -> PoseModel:
        return trained_model(
            configuration({"name": head, **({"width": 16, "stages": 2} if head == "margipose" else {})}), steps=40
        )

    return model_with


@pytest.mark.parametrize(("head", "opset"), [*((head, 17) for head in HEADS), ("metrabs", 18)])
def test_every_head_is_exported_to_operators_of_the_opset_and_equals_torch(models, head, opset, tmp_path):
    path = tmp_path / "small.onnx"
    differences = export_model(models(head), path, FACTS, opset, "fp32", inputs())
    assert max(differences.values()) <= 0.01
    graph = onnx.load(path)
    onnx.checker.check_model(graph, full_check=True)
    assert {(entry.domain, entry.version) for entry in graph.opset_import} == {("", opset)}
    for node in graph.graph.node:
        assert onnx.defs.get_schema(node.op_type, opset).since_version <= opset, node.op_type
    few = {name: value[:3] for name, value in inputs().items()}  # another batch than the one it was traced with
    with torch.no_grad():
        expected = models(head)(**few)
    found = PoseFile(path).run(few["crops"].numpy(), few["intrinsics"].numpy())
    assert set(found) == {name for name, value in expected._asdict().items() if value is not None}
    for name, values in found.items():
        assert values.dtype == np.float32
        assert values == pytest.approx(getattr(expected, name).numpy(), abs=0.05)


def test_a_graph_with_newer_operators_is_refused(models, tmp_path):
    path = tmp_path / "small.onnx"
    export_model(models("metrabs"), path, FACTS, 18, "fp32", inputs())
    graph = onnx.load(path)
    with pytest.raises(ValueError, match="expected ONNX 17 and no other"):
        check_opset(graph, 17)
    graph.opset_import[0].version = 17  # a lie: its reductions have the form of opset 18
    with pytest.raises((ValueError, onnx.checker.ValidationError, onnx.shape_inference.InferenceError)):
        check_opset(graph, 17)


def test_half_of_a_file_with_fp16_weights_is_saved_and_all_arithmetic_is_fp32(models, tmp_path):
    sizes = {}
    for precision in ("fp32", "fp16-weights"):
        path = tmp_path / f"{precision}.onnx"
        export_model(models("metrabs"), path, FACTS, 18, precision, inputs())
        sizes[precision] = path.stat().st_size
    assert sizes["fp16-weights"] < 0.6 * sizes["fp32"]
    graph = onnx.load(tmp_path / "fp16-weights.onnx")
    half = {tensor.name for tensor in graph.graph.initializer if tensor.data_type == FLOAT16}
    readers = {node.op_type for node in graph.graph.node if half & set(node.input)}
    assert readers == {"Cast"}


def half_before_whole(graph, convolutions, whole):
    """Whether a convolution that computes in fp32 depends on one in fp16; branches may stand in any order."""
    rounded = {node.output[0] for node, kept in zip(convolutions, whole, strict=True) if not kept}
    after = set(rounded)
    for node in graph.graph.node:
        if after & set(node.input):
            after |= set(node.output)
    return any(after & set(node.input) for node, kept in zip(convolutions, whole, strict=True) if kept)


@pytest.mark.parametrize("head", ["metrabs", "margipose"])
def test_of_a_half_precision_network_so_much_stays_fp32_that_it_is_within_a_millimetre(models, head, tmp_path):
    path = tmp_path / "half.onnx"
    differences = export_model(models(head), path, FACTS, 17, "fp16", inputs())
    assert 0.01 < max(differences.values()) <= 1
    graph = onnx.shape_inference.infer_shapes(onnx.load(path))
    types = {value.name: value.type.tensor_type.elem_type for value in graph.graph.value_info}
    types |= {tensor.name: tensor.data_type for tensor in graph.graph.initializer}
    convolutions = [node for node in graph.graph.node if node.op_type in ("Conv", "ConvTranspose")]
    whole = [types[node.input[1]] == FLOAT for node in convolutions]
    said = PoseFile(path).metadata["precision"]
    # The few channels of a small network round to one side more often than the many of a real one.
    kept = sum(whole)
    assert 0 < kept < len(whole)
    assert not half_before_whole(graph, convolutions, whole)
    assert said.endswith(f"; the first {kept} of {len(whole)} convolutions fp32")
    last = [node for node in graph.graph.node if node.op_type == "Softmax"][-1]
    assert types[last.output[0]] == FLOAT
    for value in (*graph.graph.input, *graph.graph.output):
        assert value.type.tensor_type.elem_type == FLOAT


def test_a_network_that_no_half_precision_is_good_enough_for_is_not_written(models, tmp_path, monkeypatch):
    monkeypatch.setitem(LARGEST_DIFFERENCE, "fp16", 0.01)
    with pytest.raises(ValueError, match=r"is not written: .*, expected at most 0\.01 in fp16"):
        export_model(models("metrabs"), tmp_path / "half.onnx", FACTS, precision="fp16", inputs=inputs())
    assert list(tmp_path.iterdir()) == []


def test_the_file_says_what_it_is_and_the_robot_runs_it(models, tmp_path):
    path = tmp_path / "small.onnx"
    export_model(models("metrabs"), path, FACTS, inputs=inputs())
    said = PoseFile(path).metadata
    assert said["kind"] == "pose"
    assert tuple(said["joints"]) == BODY_30.names
    assert said["skeletons"]["body_30"]["indices"] == list(range(30))
    assert (said["crop_side"], said["box_size_mm"], said["stride"]) == (CROP_SIDE, 2200, 16)
    assert (said["trained_on"], said["precision"]) == ("nothing", "fp16 weights, fp32 computation")
    camera = Camera(np.array([[300.0, 0, 160], [0, 300, 120], [0, 0, 1]]), np.zeros(0), "pinhole", 320, 240)
    estimator = PoseEstimator(model=path, engine="onnxruntime", detector=None, only_plausible=False)
    (person,) = estimator.estimate(np.zeros((240, 320, 3), np.uint8), camera, [[60, 20, 200, 230]])
    assert person.joints3d.shape == (30, 3)


def test_a_model_that_does_not_say_where_people_are_is_none_for_robots(models, tmp_path):
    path = tmp_path / "small.onnx"
    export_model(models("metro"), path, FACTS, inputs=inputs())
    assert PoseFile(path).metadata["kind"] == "relative_pose"
    assert set(PoseFile(path).outputs) == {"relative", "std"}
    with pytest.raises(ModelError, match="relative_pose"):
        ModelFile.open(path)


@pytest.mark.parametrize("difference", [float("nan"), 0.011])
def test_a_file_that_differs_from_torch_is_not_written(models, difference, tmp_path, monkeypatch):
    monkeypatch.setattr(export, "compare", lambda expected, file, inputs: {"absolute": difference})
    with pytest.raises(ValueError, match="is not written: ONNX Runtime and torch differ"):
        export_model(models("metrabs"), tmp_path / "refused.onnx", FACTS, precision="fp32", inputs=inputs())
    assert list(tmp_path.iterdir()) == []


def predictions(joints: int, count: int = 400) -> tuple[Predictions, np.ndarray]:
    """People placed 5 % too near with errors of known deviations, (J, 3); some joints and people have no labels."""
    random = np.random.default_rng(0)
    truth = random.normal(0, 400, (count, joints, 3)) + np.array([0, 0, 4000])
    deviations = random.uniform(50, 90, (joints, 3))
    found = (truth - truth.mean(axis=1, keepdims=True)) / 1.05 + random.normal(0, deviations, truth.shape) / 1.05
    true = truth.copy()
    true[:50] = np.nan  # 2D labels only
    true[:, 3] = np.nan  # a joint that this data set does not know
    nothing = np.zeros((count, joints, 2))
    spread = np.full(truth.shape, 30.0)
    return Predictions(nothing, found, truth / 1.05, spread, true, nothing, np.zeros((count, 3, 3))), deviations


class Sized:
    """What of a model is calibrated."""

    def __init__(self, space: JointSpace) -> None:
        self.space, self.size = space, torch.ones(())
        self.std_scale, self.std_floor_mm = torch.ones(len(space), 3), torch.zeros(len(space), 3)
        self.std_disagreement = torch.zeros(len(space), 3)


def test_size_and_uncertainty_follow_from_the_errors_of_known_joints():
    model = Sized(JointSpace((H36M_17,)))
    found, deviations = predictions(17)
    truth = found.true_mm
    truth[:, 3] = found.absolute[:, 3] * 1.05  # the ankle is needed to know how tall people are
    truth[:50] = np.nan
    assert calibrate(model, found) == 350
    assert float(model.size) == pytest.approx(1.05, abs=0.01)
    stated = torch.sqrt((model.std_scale * 30) ** 2 + model.std_floor_mm**2).numpy()
    assert stated == pytest.approx(deviations, rel=0.2)


def test_a_joint_without_labels_is_as_uncertain_as_all_together():
    model = Sized(JointSpace((H36M_17,)))
    found, deviations = predictions(17)
    calibrate(model, found)
    stated = torch.sqrt((model.std_scale * 30) ** 2 + model.std_floor_mm**2).numpy()
    others = np.sqrt((np.delete(deviations, 3, axis=0) ** 2).mean(axis=0))
    assert stated[3] == pytest.approx(others, rel=0.15)


def test_without_any_3d_label_nothing_is_calibrated():
    model = Sized(JointSpace((H36M_17,)))
    found, _ = predictions(17)
    found.true_mm[:] = np.nan
    assert calibrate(model, found) == 0
    assert float(model.size) == 1
    assert (model.std_scale == 1).all()


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A checkpoint that was trained on the pictures of a folder of shards."""
    folder = tmp_path_factory.mktemp("trained")
    for split, first in (("train", 0), ("validation", 100), ("test", 200)):
        write_shard(folder / f"{split}-000000.tar", {f"{first + i:06d}": sample_files(first + i) for i in range(12)})
    config = configuration({"name": "metrabs"})
    config["data"] = {
        "train": [{"shards": str(folder), "split": "train"}],
        "validation": {"shards": str(folder), "split": "validation"},
    }
    return save_checkpoint(folder / "last.ckpt", config, steps=40)


def test_a_model_trained_on_pictures_is_calibrated_and_compared_on_them(trained, tmp_path, capsys):
    assert main(["export", str(trained), "--out", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "calibrated on 12 examples" in said
    assert "differences from torch on crops of people" in said
    told = tmp_path / "told.json"
    shards = ["--shards", str(trained.parent), "--split", "validation", "--json", str(told)]
    assert main(["evaluate", str(tmp_path / "small_metrabs.onnx"), *shards]) == 0
    within = json.loads(told.read_text())["tables"]["people"]["rows"]["all"]["within_one_std"]
    assert 50 < within < 95


def test_weights_of_two_stages_are_blended_and_exported(trained, tmp_path, monkeypatch):
    monkeypatch.setitem(LARGEST_DIFFERENCE, "fp32", 1.0)  # of so small a network rounding matters more
    other = save_checkpoint(tmp_path / "other.ckpt", load_model(trained)[1], steps=10)
    models = [load_model(path)[0].state_dict() for path in (trained, other)]
    files = {}
    for share in ("0", "0.25", "1"):
        files[share] = tmp_path / f"blended{share}.onnx"
        options = ["--blend-with", str(other), "--blend", share, "--no-calibration", "--precision", "fp32"]
        assert main(["export", str(trained), "--out", str(files[share]), *options]) == 0
    crops, intrinsics = (value.numpy() for value in made_up_inputs(CROP_SIDE, 2).values())
    said = {share: PoseFile(path).run(crops, intrinsics)["relative"] for share, path in files.items()}
    for share, checkpoint in (("0", trained), ("1", other)):
        expected = load_model(checkpoint)[0](torch.from_numpy(crops), torch.from_numpy(intrinsics)).relative
        assert said[share] == pytest.approx(expected.detach().numpy(), abs=1)
    blended = load_model(trained)[0]
    blend(blended, load_model(other)[0], 0.25)
    for name, value in blended.state_dict().items():
        if value.is_floating_point():
            assert torch.allclose(value, 0.75 * models[0][name] + 0.25 * models[1][name], atol=1e-6), name
    expected = blended(torch.from_numpy(crops), torch.from_numpy(intrinsics)).relative.detach().numpy()
    assert said["0.25"] == pytest.approx(expected, abs=1)


def test_what_cannot_be_blended_is_refused(trained, tmp_path, capsys):
    wider = configuration({"name": "metro"})
    for other, share, said in (
        (trained, "1.5", "a share of 1.5"),
        (save_checkpoint(tmp_path / "other.ckpt", wider, steps=1), "0.5", "but these differ in head"),
        (tmp_path / "none.ckpt", "0.5", "none.ckpt"),
    ):
        options = ["--blend-with", str(other), "--blend", share]
        assert main(["export", str(trained), "--out", str(tmp_path), *options]) == 1
        assert said in capsys.readouterr().err
    assert not list(tmp_path.glob("*.onnx"))


def test_file_and_checkpoint_are_measured_alike(trained, tmp_path, monkeypatch):
    # Stick figures are far from what the small network saw; it is wildly unsure, and rounding matters more.
    monkeypatch.setitem(LARGEST_DIFFERENCE, "fp32", 1.0)
    # A checkpoint is measured as it was trained, so the file must not be calibrated either.
    path = tmp_path / "plain.onnx"
    main(["export", str(trained), "--out", str(path), "--no-calibration", "--precision", "fp32"])
    rows = []
    for model in (path, trained):
        told = tmp_path / "told.json"
        main(["evaluate", str(model), "--shards", str(trained.parent), "--json", str(told), "--limit", "6"])
        rows.append(json.loads(told.read_text())["tables"]["people"]["rows"]["all"])
    assert rows[0]["count"] == 6
    for key, value in rows[0].items():
        assert value == pytest.approx(rows[1][key], rel=1e-3, abs=0.1), key


def test_without_a_validation_split_it_says_what_to_do(trained, tmp_path, capsys):
    state = torch.load(trained, weights_only=True)
    state["config"]["data"]["validation"]["shards"] = str(tmp_path / "nowhere")
    elsewhere = tmp_path / "elsewhere.ckpt"
    torch.save(state, elsewhere)
    assert main(["export", str(elsewhere), "--out", str(tmp_path)]) == 1
    said = capsys.readouterr().err
    assert "nothing to calibrate on" in said
    assert "nowhere has no validation-*.tar" in said
    assert "--no-calibration" in said


def test_nothing_is_calibrated_on_the_people_of_the_test_but_on_others_if_they_are_named(trained, tmp_path, capsys):
    state = torch.load(trained, weights_only=True)
    state["config"]["data"]["validation"]["split"] = "test"
    tested = tmp_path / "tested.ckpt"
    torch.save(state, tested)
    assert main(["export", str(tested), "--out", str(tmp_path / "a.onnx")]) == 1
    said = capsys.readouterr().err
    assert f"data.validation is the test split of {trained.parent}" in said
    assert "--calibration SHARDS" in said
    assert "--no-calibration" in said
    assert not (tmp_path / "a.onnx").exists()
    others = ["--calibration", str(trained.parent)]
    assert main(["export", str(tested), "--out", str(tmp_path / "b.onnx"), *others]) == 0
    assert main(["export", str(trained), "--out", str(tmp_path / "c.onnx")]) == 0
    assert capsys.readouterr().out.count("calibrated on 12 examples") == 2
    given = {name: value.numpy() for name, value in inputs().items()}
    one, other = (PoseFile(tmp_path / f"{name}.onnx").run(**given) for name in "bc")
    assert one["std"] == pytest.approx(other["std"])


def test_without_pictures_made_up_ones_are_compared_on(trained, tmp_path, caplog):
    model, config = load_model(trained)
    config["data"]["train"][0]["shards"] = config["data"]["validation"]["shards"] = str(tmp_path / "nowhere")
    assert export.realistic_inputs(model, config) is None
    assert "nowhere has no train-*.tar" in caplog.text
    assert made_up_inputs(64, 3)["crops"].shape == (3, 3, 64, 64)
