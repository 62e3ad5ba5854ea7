"""Shards: samples come back as they were, files appear whole, plans repeat."""

import io
import tarfile

import numpy as np
import pytest

from training.synthesis.contact_sheet import draw_contact_sheet
from training.synthesis.shards import plan_shards, read_shard, write_shard
from training.synthesis.shots import Sample


def sample(seed=0):
    rng = np.random.default_rng(seed)
    smooth = np.linspace(0, 255, 256).astype(np.uint8)
    return Sample(
        np.stack(np.broadcast_arrays(smooth[:, None], smooth[None], np.uint8(90)), -1),
        rng.normal(size=(30, 3)).astype(np.float32),
        rng.uniform(0, 255, (30, 2)).astype(np.float32),
        np.diag([300, 300, 1]).astype(np.float32),
        rng.integers(0, 3, 30).astype(np.uint8),
        {"split": "test", "distance_m": 3.5, "pose_kind": "walk"},
    )


def test_labels_come_back_exactly_and_pictures_nearly(tmp_path):
    plan = plan_shards(tmp_path, "test", 3, 1000, 0)[0]
    write_shard(plan, [sample(n) for n in range(3)])
    back = read_shard(tmp_path / "test-000000.tar")
    assert len(back) == 3
    for number, one in enumerate(back):
        assert np.array_equal(one.joints_mm, sample(number).joints_mm)
        assert np.array_equal(one.visibility, sample(number).visibility)
        assert one.about == sample(number).about
        assert np.abs(one.image.astype(int) - sample().image).mean() < 2


def test_the_files_of_a_sample_are_named_as_webdataset_wants_them(tmp_path):
    plan = plan_shards(tmp_path, "train", 1, 1000, 0)[0]
    write_shard(plan, [sample()])
    with tarfile.open(plan.path) as archive:
        assert archive.getnames() == [f"train_000000_00000.{ending}" for ending in ("jpg", "npz", "json")]
        content = archive.extractfile("train_000000_00000.npz").read()
    with np.load(io.BytesIO(content)) as labels:
        shapes = {name: (labels[name].shape, labels[name].dtype.name) for name in labels}
    assert shapes == {
        "joints_mm": ((30, 3), "float32"),
        "joints_px": ((30, 2), "float32"),
        "intrinsics": ((3, 3), "float32"),
        "visibility": ((30,), "uint8"),
    }


def test_a_shard_that_fails_half_way_leaves_nothing(tmp_path):
    def failing():
        yield sample()
        raise RuntimeError("out of light")

    plan = plan_shards(tmp_path, "train", 5, 5, 0)[0]
    with pytest.raises(RuntimeError, match="out of light"):
        write_shard(plan, failing())
    assert list(tmp_path.iterdir()) == []
    assert not plan.done


def test_plans_cover_the_count_and_know_what_is_done(tmp_path):
    plans = plan_shards(tmp_path, "train", 2500, 1000, 0)
    assert [plan.count for plan in plans] == [1000, 1000, 500]
    plans[1].path.touch()
    assert [plan.done for plan in plan_shards(tmp_path, "train", 2500, 1000, 0)] == [False, True, False]
    with pytest.raises(ValueError, match="0 samples"):
        plan_shards(tmp_path, "train", 0, 1000, 0)


def test_random_numbers_repeat_for_a_shard_and_differ_between_shards_splits_and_seeds(tmp_path):
    def draw(split, seed, number):
        return plan_shards(tmp_path, split, 5000, 1000, seed)[number].generator().random()

    assert draw("train", 0, 1) == draw("train", 0, 1)
    assert len({draw("train", 0, 1), draw("train", 0, 2), draw("test", 0, 1), draw("train", 7, 1)}) == 4


def test_a_contact_sheet_has_a_tile_a_crop_and_refuses_to_draw_nothing(tmp_path):
    import cv2

    draw_contact_sheet([sample()] * 3, tmp_path / "sheet.png", columns=2, rows=2)
    assert cv2.imread(str(tmp_path / "sheet.png")).shape == (512, 512, 3)
    with pytest.raises(ValueError, match="no crops"):
        draw_contact_sheet([], tmp_path / "sheet.png")
