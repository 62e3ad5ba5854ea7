"""From tar files to batches: in any order, repeatably, shared between processes, whatever is broken."""

import io
import tarfile

import numpy as np
import pytest
import torch

from metric_pose_ros.skeleton import BODY_30, COCO_17, H36M_17
from test.training.shard_samples import sample_files, write_shard
from training.data.augmentation import NOTHING, Augmentation
from training.data.batches import ExampleMaker, items_of_steps, load_batches
from training.data.mixture import Mixture
from training.data.shards import Problems, read_samples
from training.data.store import ShardStore
from training.joint_space import JointSpace

CPU = torch.device("cpu")


def write_set(path, count, first=0):
    return write_shard(path, {f"{first + i:06d}": sample_files(first + i) for i in range(count)})


def test_a_store_reads_any_sample_as_the_stream_does(tmp_path):
    paths = [write_set(tmp_path / f"train-00000{i}.tar", 4, 10 * i) for i in range(2)]
    store, problems = ShardStore(paths, Problems()), Problems()
    streamed = list(read_samples(paths, problems))
    assert len(store) == len(streamed) == 8
    for row in (6, 0, 3):
        sample = store.read(row, problems)
        assert sample.key == streamed[row].key
        assert np.array_equal(sample.image, streamed[row].image)
        assert np.array_equal(sample.joints_mm, streamed[row].joints_mm)
    assert not problems.counts


def test_a_store_reads_entries_that_are_not_plain_files(tmp_path):
    long = "a_key_that_is_too_long_for_a_plain_header_" * 4
    files = {"first": sample_files(0), long: sample_files(1), "last": sample_files(2)}
    path = write_shard(tmp_path / "train-000000.tar", files)
    with tarfile.open(path, "a") as archive:
        archive.addfile(tarfile.TarInfo("link"))
    store, problems = ShardStore([path], Problems()), Problems()
    samples = [store.read(row, problems) for row in range(3)]
    assert [sample.key for sample in samples] == ["first", long, "last"]
    assert np.array_equal(samples[1].joints_mm, np.load(io.BytesIO(files[long]["npz"]))["joints_mm"])


def test_what_is_no_tar_file_is_noted(tmp_path):
    (tmp_path / "train-000000.tar").write_bytes(b"no tar file" * 1000)
    whole = write_set(tmp_path / "train-000001.tar", 2)
    problems = Problems()
    assert len(ShardStore([tmp_path / "train-000000.tar", whole], problems)) == 2
    assert problems.counts["broken shard"] == 1


def test_a_store_leaves_out_what_a_cut_shard_lost(tmp_path):
    cut, whole = write_set(tmp_path / "train-000000.tar", 6), write_set(tmp_path / "train-000001.tar", 3, 50)
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size // 2])
    problems = Problems()
    store = ShardStore([cut, whole, tmp_path / "train-000002.tar"], problems)
    assert problems.counts["missing shard"] == 1
    assert problems.counts["broken shard"] == 1
    keys = [sample.key for row in range(len(store)) if (sample := store.read(row, problems))]
    assert keys[:2] == ["000000", "000001"]
    assert keys[-3:] == ["000050", "000051", "000052"]
    with pytest.raises(FileNotFoundError, match="no sample in"):
        ShardStore([tmp_path / "train-000002.tar"], Problems())


def test_every_example_of_every_set_is_used_once_an_epoch():
    mixture = Mixture([30, 7], [3, 1], seed=5)
    sets, rows = mixture.rows(np.arange(200))
    large, small = rows[sets == 0], rows[sets == 1]
    assert (len(large), len(small)) == (150, 50)
    for epoch in range(5):
        assert sorted(large[30 * epoch : 30 * epoch + 30]) == list(range(30))
    for epoch in range(7):
        assert sorted(small[7 * epoch : 7 * epoch + 7]) == list(range(7))
    assert large[:30].tolist() != large[30:60].tolist()


@pytest.mark.parametrize("weights", [[1], [1, 1], [0.5, 0.3, 0.2], [5, 1, 0.01]])
def test_every_stretch_of_the_order_has_the_sets_in_their_shares(weights):
    mixture = Mixture([1000] * len(weights), weights, seed=1)
    sets, _ = mixture.rows(np.arange(3000))
    for start in (0, 17, 1000):
        part = sets[start : start + 500]
        for number, weight in enumerate(weights):
            assert (part == number).sum() == pytest.approx(500 * weight / sum(weights), abs=2)


def test_a_step_has_the_same_batch_whichever_steps_came_before():
    one, other = Mixture([50, 20], [1, 2], seed=3), Mixture([50, 20], [1, 2], seed=3)
    for step in range(40):
        expected = one.batch(step, 16)
    assert [column.tolist() for column in other.batch(39, 16)] == [column.tolist() for column in expected]
    assert not np.array_equal(Mixture([50, 20], [1, 2], seed=4).batch(39, 16)[2], expected[2])


def test_processes_share_a_batch_without_overlap():
    mixture = Mixture([100], [1], seed=0)
    whole = [set(items) for items in items_of_steps(mixture, range(3), 12, 0, 1)]
    shares = [list(items_of_steps(mixture, range(3), 12, rank, 3)) for rank in range(3)]
    for step in range(3):
        parts = [share[step] for share in shares]
        assert [len(part) for part in parts] == [4, 4, 4]
        assert set().union(*map(set, parts)) == whole[step]


def test_sets_that_cannot_be_mixed_are_refused():
    with pytest.raises(ValueError, match="none empty, and a positive weight"):
        Mixture([5, 5], [1, 0], seed=0)


@pytest.fixture
def maker(tmp_path):
    store = ShardStore([write_set(tmp_path / "train-000000.tar", 8)], Problems())
    return ExampleMaker([store], JointSpace((BODY_30,)), 64, Augmentation(), seed=9)


def test_batches_are_the_same_from_worker_processes_and_from_here(maker):
    mixture = Mixture([8], [1], seed=9)
    here, there = (
        list(load_batches(maker, items_of_steps(mixture, range(2, 4), 4, 0, 1), workers, CPU, Problems()))
        for workers in (0, 2)
    )
    assert len(here) == len(there) == 2
    for one, other in zip(here, there, strict=True):
        assert one.crops.shape == (4, 3, 64, 64)
        assert torch.equal(one.crops, other.crops)
        assert torch.equal(one.target.joints_mm, other.target.joints_mm)
    assert not torch.equal(here[0].crops, here[1].crops)


def test_a_batch_is_scaled_to_one_and_its_labels_project_onto_themselves(maker):
    (batch,) = load_batches(maker, iter([[(0, 0, 1), (1, 0, 2)]]), 0, CPU, Problems())
    assert 0 <= float(batch.crops.min()) < 0.3
    assert 0.5 < float(batch.crops.max()) <= 1
    projected = batch.target.joints_mm @ batch.target.intrinsics.transpose(1, 2)
    assert projected[..., :2] / projected[..., 2:] == pytest.approx(batch.target.joints_px.numpy(), abs=0.05)
    inside = ((batch.target.joints_px >= -0.5) & (batch.target.joints_px <= 63.5)).all(-1)
    assert torch.equal(batch.target.known_2d, inside)
    assert batch.target.known_3d.all()


def test_joints_stand_where_the_model_has_them_and_others_are_unknown(tmp_path):
    only_2d = sample_files(
        3, joints_mm=np.full((17, 3), np.nan), joints_px=np.full((17, 2), 100.0), visibility=np.full(17, 2)
    )
    only_2d["json"] = b'{"skeleton": "coco_17"}'
    path = write_shard(tmp_path / "train-000000.tar", {"whole": sample_files(1), "flat": only_2d})
    store, space = ShardStore([path], Problems()), JointSpace((H36M_17, COCO_17))
    maker = ExampleMaker([store], space, 256, NOTHING, seed=0)
    (batch,) = load_batches(maker, iter([[(0, 0, 0), (1, 0, 1)]]), 0, CPU, Problems())
    target, sample = batch.target, store.read(0, Problems())
    assert target.known_3d[0].all()  # all joints of both skeletons are in body_30
    knee, nose = H36M_17.names.index("left_knee"), 17 + COCO_17.names.index("nose")
    for place, joint in ((knee, "left_knee"), (nose, "nose")):
        assert target.joints_mm[0, place].numpy() == pytest.approx(
            sample.joints_mm[BODY_30.names.index(joint)], rel=1e-4, abs=0.01
        )
    assert not target.known_3d[1].any()
    assert not target.known_2d[1, :17].any()
    assert target.known_2d[1, 17:].all()
    assert float(target.joints_mm[1].abs().max()) == 0


@pytest.mark.parametrize("workers", [0, 1])
def test_a_broken_sample_is_counted_and_replaced(tmp_path, workers):
    files = {name: sample_files(i) for i, name in enumerate(["good", "bad", "upside"])}
    files["bad"]["jpg"] = b"no picture"
    files["upside"] = sample_files(2, intrinsics=np.diag([-1.0, 1, 1]))
    store = ShardStore([write_shard(tmp_path / "train-000000.tar", files)], Problems())
    maker, problems = ExampleMaker([store], JointSpace((BODY_30,)), 32, NOTHING, seed=0), Problems()
    (batch,) = load_batches(maker, iter([[(0, 0, 0), (1, 0, 1), (2, 0, 2)]]), workers, CPU, problems)
    assert torch.equal(batch.crops[0], batch.crops[1])
    assert torch.equal(batch.crops[0], batch.crops[2])
    assert problems.counts["broken sample"] >= 1
    assert problems.counts["useless sample"] >= 1


def test_a_set_without_a_usable_sample_says_so(tmp_path):
    files = sample_files(0)
    files["jpg"] = b"no picture"
    store = ShardStore([write_shard(tmp_path / "train-000000.tar", {"bad": files})], Problems())
    maker = ExampleMaker([store], JointSpace((BODY_30,)), 32, NOTHING, seed=0)
    with pytest.raises(RuntimeError, match=r"50 samples in a row .* 10 bytes that are no picture"):
        maker[(0, 0, 0)]
