"""`python -m training evaluate`, from shards to tables, with models that know the truth and with random ones."""

import json
from dataclasses import replace

import cv2
import numpy as np
import pytest

from metric_pose_ros.estimator import PoseEstimator
from metric_pose_ros.geometry.crop import look_at
from metric_pose_ros.models import PoseModelInfo
from metric_pose_ros.pose_network import PoseNetwork
from metric_pose_ros.skeleton import BODY_30, H36M_17
from test.fake_models import save_pose_model
from test.training.evaluation.small_models import configuration, save_checkpoint
from test.training.shard_samples import sample_files, write_shard
from training.__main__ import main
from training.data.frames import Frame
from training.data.shards import Problems, Sample
from training.data.skeletons import MPI_INF_3DHP_17, MUPOTS_17
from training.evaluation.engines import Completed
from training.evaluation.finding import camera_of, evenly_chosen, find_crowds, find_people, true_boxes_of
from training.evaluation.opening import Looking, Opened, describe, open_model
from training.evaluation.protocols import h36m, h36m_truncated, mupots, synthetic

INFO = PoseModelInfo("knowing", "1", BODY_30, 128, 1.25, 2200.0, 16)
IMAGE = np.full((240, 320, 3), 80, np.uint8)
INTRINSICS = np.array([[300.0, 0, 150], [0, 310, 120], [0, 0, 1]], np.float32)


class Knowing:
    """An engine that knows the poses of the crops that it will be shown, in order."""

    description = "knows"

    def __init__(self, crops, poses_mm) -> None:
        self.waiting = [(crop, pose) for crop, pose in zip(crops, poses_mm, strict=True)]

    def run(self, crops, intrinsics):
        taken, self.waiting = self.waiting[: len(crops)], self.waiting[len(crops) :]
        poses = np.stack([pose @ crop.rotation.T for crop, pose in taken])
        flat = poses @ np.asarray(intrinsics, float).transpose(0, 2, 1)
        px = flat[..., :2] / flat[..., 2:]
        return {"joints2d": px, "relative": poses, "absolute": poses, "std": np.full(poses.shape, 30.0)}


def samples(count: int, skeleton=BODY_30) -> list[Sample]:
    """People at different places in pictures of a camera with a principal point of its own."""
    made = []
    for number in range(count):
        random = np.random.default_rng(number)
        joints_mm = random.normal(0, 250, (len(skeleton), 3)) + np.array([random.uniform(-900, 900), 100, 4000])
        flat = joints_mm @ INTRINSICS.T
        joints_px = flat[:, :2] / flat[:, 2:]
        box = np.concatenate([joints_px.min(axis=0), joints_px.max(axis=0)])
        visible = ((joints_px > 0) & (joints_px < [320, 240])).all(axis=1)
        made.append(
            Sample(
                f"person-{number}",
                IMAGE,
                joints_mm.astype(np.float32),
                joints_px.astype(np.float32),
                INTRINSICS,
                np.where(visible, 2, 0).astype(np.uint8),
                {"action": "Eating"},
                skeleton,
                box.astype(np.float32),
            )
        )
    return made


def knowing(given: list[Sample], change=synthetic.PROTOCOL.change) -> Opened:
    """A model that knows where the people of samples stand, in the order given."""
    changed = [change(sample, INFO.crop_scale) for sample in given]
    crops = [look_at(camera_of(s.image, s.intrinsics), s.box, INFO.crop_side, INFO.crop_scale) for s in changed]
    engine = Knowing(crops, [sample.joints_mm.astype(float) for sample in given])
    return Opened(PoseEstimator(model=PoseNetwork(engine, INFO), detector=None, only_plausible=False), True)


@pytest.mark.parametrize("protocol", [synthetic.PROTOCOL, h36m.PROTOCOL, h36m_truncated.PROTOCOL])
def test_a_model_that_knows_the_truth_makes_no_error_in_any_camera_and_crop(protocol):
    given = samples(7)
    people = find_people(knowing(given, protocol.change), given, protocol, 3, Problems(), 7)
    assert len(people) == 7
    row = protocol.tables(people)[0].rows["all"]
    assert row["a_mpjpe"] == pytest.approx(0, abs=0.5)
    assert row["mpjpe"] == pytest.approx(0, abs=0.5)


def test_people_without_3d_labels_or_without_an_answer_are_counted():
    given = samples(4)
    given[1] = replace(given[1], joints_mm=np.full_like(given[1].joints_mm, np.nan))
    opened = knowing([given[0], given[2], given[3]])
    network = opened.estimator._looking.network._engine
    network.waiting[1][1][5] = np.nan
    problems = Problems()
    people = find_people(opened, given, synthetic.PROTOCOL, 4, problems, 4)
    assert [facts["key"] for facts in people.facts] == ["person-0", "person-3"]
    assert problems.counts == {"person without 3D labels": 1, "person without an answer": 1}
    with pytest.raises(ValueError, match="nobody to measure; skipped 1 x person without 3D labels"):
        find_people(opened, given[1:2], synthetic.PROTOCOL, 4, Problems(), 1)


def test_a_sample_that_cannot_be_looked_at_is_counted_and_its_batch_goes_on():
    given = samples(3)
    outside = replace(given[1], box=np.array([900.0, 10, 950, 60], np.float32))
    problems = Problems()
    opened = knowing([given[0], given[2]])
    people = find_people(opened, [given[0], outside, given[2]], synthetic.PROTOCOL, 3, problems, 3)
    assert [facts["key"] for facts in people.facts] == ["person-0", "person-2"]
    assert synthetic.score(people)["a_mpjpe"] == pytest.approx(0, abs=0.5)
    assert problems.counts == {"unusable sample": 1}


def test_joints_that_a_data_set_does_not_know_are_not_measured():
    given = samples(2)
    joints_mm = given[0].joints_mm.copy()
    joints_mm[H36M_17.names.index("nose")] = np.nan
    people = find_people(knowing(given), [replace(given[0], joints_mm=joints_mm)], h36m.PROTOCOL, 1, Problems(), 1)
    assert np.isfinite(people.true_mm).all(axis=-1).sum() >= 16
    assert people.missing == ()


def test_a_frame_is_looked_at_where_its_people_are():
    given = samples(2)
    flat = [sample.joints_mm[BODY_30.indices(("neck", "pelvis", "left_knee"))] for sample in given]
    joints_mm, joints_px = np.full((3, 17, 3), np.nan), np.full((3, 17, 2), np.nan)
    at = [MUPOTS_17.names.index(joint) for joint in ("neck", "pelvis", "left_knee")]
    for person, pose in enumerate(flat):
        joints_mm[person, at] = pose
        joints_px[person, at] = (pose @ INTRINSICS.T)[:, :2] / pose[:, 2:]
    joints_px[2] = 5000.0  # far outside the picture
    frame = Frame(
        "frame", IMAGE, INTRINSICS, joints_mm, joints_mm, joints_px, np.ones((3, 17), np.uint8),
        np.array([True, True, True]), MUPOTS_17, {"sequence": "TS1"},
    )  # fmt: skip
    boxes = true_boxes_of(frame)
    assert len(boxes) == 2
    assert (boxes[:, :2] < np.nanmin(joints_px[:2], axis=1)).all()
    camera = camera_of(IMAGE, INTRINSICS)
    crops = [look_at(camera, box, INFO.crop_side, INFO.crop_scale) for box in boxes]
    engine = Knowing(crops, [sample.joints_mm.astype(float) for sample in given])
    estimator = PoseEstimator(model=PoseNetwork(engine, INFO), detector=None, only_plausible=False)
    (crowd,) = find_crowds(Opened(estimator, True), [frame], MUPOTS_17, True, 1)
    assert mupots.match(crowd.true_px, crowd.found_px).tolist() == [0, 1, -1]
    row = mupots.tables([crowd])[0].rows["TS1"]
    assert row["a_mpjpe"] == pytest.approx(0, abs=0.5)
    assert row["matched"] == pytest.approx(200 / 3)


def test_the_samples_of_a_limit_are_evenly_chosen():
    assert list(evenly_chosen(range(100), 100, 5)) == [10, 30, 50, 70, 90]
    assert list(evenly_chosen(range(7), 7, 0)) == list(evenly_chosen(range(7), 7, 9)) == list(range(7))


def test_a_root_relative_model_is_placed_somewhere_and_says_that_it_cannot_know():
    random = np.random.default_rng(0)
    relative = random.normal(0, 300, (2, 30, 3)).astype(np.float32)
    intrinsics = np.tile(np.array([[900.0, 0, 63.5], [0, 900, 63.5], [0, 0, 1]], np.float32), (2, 1, 1))

    class Relative:
        description = "relative"

        def run(self, **arrays):
            return {"relative": relative.copy(), "std": np.ones_like(relative)}

    outputs = Completed(Relative(), 128, 16, 2200.0).run(crops=np.zeros((2, 3, 128, 128)), intrinsics=intrinsics)
    offset = outputs["absolute"] - relative
    assert offset == pytest.approx(np.broadcast_to(offset[:, :1], offset.shape), abs=1e-2)
    # A pose in the middle of the crop, where 2200 mm are as wide as it.
    assert outputs["absolute"].mean(axis=1)[:, 2] == pytest.approx(900 * 2200 / 128, rel=1e-5)
    flat = outputs["absolute"] @ intrinsics.transpose(0, 2, 1)
    assert outputs["joints2d"] == pytest.approx(flat[..., :2] / flat[..., 2:], abs=1e-3)


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shards")
    write_shard(folder / "test-000000.tar", {f"{number:06d}": sample_files(number) for number in range(6)})
    broken = sample_files(9)
    broken["npz"] = broken["npz"][:100]
    write_shard(folder / "test-000001.tar", {"000009": broken, "000010": sample_files(10)})
    return folder


def test_an_exported_file_is_measured_and_what_is_broken_is_counted(shards, tmp_path, capsys):
    model = save_pose_model(tmp_path / "fake.onnx")
    told, tables = tmp_path / "told.json", tmp_path / "tables.md"
    command = ["evaluate", str(model), "--shards", str(shards), "--json", str(told), "--markdown", str(tables)]
    assert main([*command, "--card"]) == 0
    said = json.loads(told.read_text())
    assert said["tables"]["people"]["rows"]["all"]["count"] == 7
    assert said["skipped"] == {"broken sample": 1}
    assert "skipped 1 x broken sample" in capsys.readouterr().out
    mpjpe = said["tables"]["people"]["rows"]["all"]["mpjpe"]
    assert f"| all | 7 | {mpjpe:.1f} |" in tables.read_text()
    card = (tmp_path / "fake.md").read_text()
    assert f"| all | 7 | {mpjpe:.1f} |" in card
    assert "| Licence | Apache-2.0 |" in card
    assert "![synthetic: fake_calibration](fake_calibration.png)" in card
    picture = cv2.imread(str(tmp_path / "fake_calibration.png"))
    assert picture.shape[0] > 400
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 50


def test_a_card_keeps_what_other_protocols_and_people_said(shards, tmp_path):
    model = save_pose_model(tmp_path / "fake.onnx")
    command = ["evaluate", str(model), "--shards", str(shards), "--card"]
    main(command)
    card = tmp_path / "fake.md"
    card.write_text(card.read_text() + "\nMade with care.\n")
    main([*command, "--protocol", "3dpw"])
    text = card.read_text()
    assert text.count("<!-- protocol: synthetic -->") == text.count("<!-- protocol: 3dpw -->") == 1
    assert text.index("Synthetic people") < text.index("3DPW, one split") < text.index("Made with care.")
    main([*command, "--limit", "2"])
    assert card.read_text().count("Synthetic people") == 1
    assert "| all | 2 |" in card.read_text()
    # Of another file, old results say nothing.
    save_pose_model(model, std_mm=60)
    main([*command, "--protocol", "3dpw"])
    assert "Synthetic people" not in card.read_text()
    assert "Made with care." in card.read_text()


@pytest.mark.parametrize("head", ["metrabs", "metro", "pose25d", "integral", "margipose"])
def test_checkpoints_of_every_head_are_measured(head, shards, tmp_path):
    checkpoint = save_checkpoint(tmp_path / "last.ckpt", configuration({"name": head}))
    told = tmp_path / "told.json"
    assert main(["evaluate", str(checkpoint), "--shards", str(shards), "--limit", "3", "--json", str(told)]) == 0
    row = json.loads(told.read_text())["tables"]["people"]["rows"]["all"]
    assert row["count"] == 3
    assert row["mpjpe"] > 0
    assert (row["a_mpjpe"] is None) == (head in {"metro"}) or head in {"integral", "margipose"}


def test_one_skeleton_of_several_is_measured(tmp_path):
    config = configuration({"name": "metrabs"}, skeletons=["coco_17", "h36m_17"])
    checkpoint = save_checkpoint(tmp_path / "last.ckpt", config)
    chosen = {
        "coco_17": open_model(checkpoint, Looking()),
        "h36m_17": open_model(checkpoint, Looking(preferred=H36M_17)),
    }
    image = cv2.resize(np.random.default_rng(0).integers(0, 255, (8, 8, 3), np.uint8), (320, 240))
    camera = camera_of(image, INTRINSICS)
    for name, opened in chosen.items():
        assert opened.estimator.skeleton.name == name
        (person,) = opened.estimator.estimate(image, camera, [[40, 40, 200, 200]])
        assert person.joints3d.shape == (17, 3)
    assert open_model(checkpoint, Looking(preferred=MUPOTS_17)).estimator.skeleton.name == "coco_17"
    with pytest.raises(ValueError, match="it speaks coco_17, h36m_17"):
        open_model(checkpoint, Looking(skeleton="body_30"))


def test_a_skeleton_of_another_name_with_the_same_joints_will_do():
    joints = ["nose", *MPI_INF_3DHP_17.names]
    said = {
        "name": "two", "version": "1", "joints": joints, "edges": [], "crop_side": 256, "crop_scale": 1.25,
        "box_size_mm": 2200, "stride": 16,
        "skeletons": {
            "face": {"indices": [0], "names": ["nose"], "edges": []},
            "mpi_inf_3dhp_17": {"indices": list(range(1, 18)), "names": joints[1:], "edges": []},
        },
    }  # fmt: skip
    assert describe(said).skeleton.name == "face"
    info = describe(said, preferred=MUPOTS_17)
    assert info.skeleton.name == "mpi_inf_3dhp_17"
    assert info.outputs == tuple(range(1, 18))


def test_what_is_no_model_is_refused(tmp_path, capsys):
    with pytest.raises(FileNotFoundError, match=r"no model .*nothing.onnx"):
        open_model(tmp_path / "nothing.onnx", Looking())
    (tmp_path / "weights.pt").touch()
    with pytest.raises(ValueError, match=r"neither an exported .onnx nor a .ckpt"):
        open_model(tmp_path / "weights.pt", Looking())
    assert main(["evaluate", "x.onnx", "--mirror", "--views", "5"]) == 1
    assert "evaluate x.onnx: --mirror goes with one view" in capsys.readouterr().err
