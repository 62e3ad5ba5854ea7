"""Reading shards, broken ones included, and changing samples without making them untrue."""

import cv2
import numpy as np
import pytest

from metric_pose_ros.skeleton import BODY_30, COCO_17
from test.training.shard_samples import sample_files, write_shard
from training.data.shards import Problems, decode, read_samples, shard_paths


def test_samples_come_back_as_they_were_written(tmp_path):
    path = write_shard(tmp_path / "train-000000.tar", {f"{i:04d}": sample_files(i) for i in range(5)})
    problems = Problems()
    samples = list(read_samples([path], problems))
    assert [sample.key for sample in samples] == ["0000", "0001", "0002", "0003", "0004"]
    assert samples[0].image.shape == (256, 256, 3)
    assert samples[1].facts["pose_kind"] == "walking"
    projected = samples[2].joints_mm @ samples[2].intrinsics.T
    assert projected[:, :2] / projected[:, 2:] == pytest.approx(samples[2].joints_px, abs=0.01)
    assert str(problems) == "nothing skipped"


def test_what_is_broken_is_named_counted_and_skipped(tmp_path, caplog):
    files = {
        name: sample_files(i)
        for i, name in enumerate(["good1", "nojpg", "badjpg", "badnpz", "inf", "short", "unnamed", "good2"])
    }
    del files["nojpg"]["jpg"]
    files["badjpg"]["jpg"] = b"not a picture"
    files["badnpz"]["npz"] = files["badnpz"]["npz"][:200]
    files["inf"] = sample_files(4, joints_mm=np.full((30, 3), np.inf, np.float32))
    files["short"] = sample_files(5, joints_px=np.zeros((17, 2), np.float32))
    files["unnamed"]["json"] = b'{"skeleton": "of nobody"}'
    path = write_shard(tmp_path / "train-000000.tar", files)
    problems = Problems()
    samples = list(read_samples([path, tmp_path / "train-000009.tar"], problems))
    assert [sample.key for sample in samples] == ["good1", "good2"]
    assert problems.counts == {"incomplete sample": 1, "broken sample": 5, "missing shard": 1}
    assert "nojpg" in caplog.text
    assert "joints_px has the shape (17, 2), expected (30, 2)" in caplog.text


def test_a_sample_of_before_boxes_is_of_body_30_and_its_crop_is_the_whole_picture(tmp_path):
    path = write_shard(tmp_path / "train-000000.tar", {"one": sample_files(1)})
    sample = next(read_samples([path], Problems()))
    assert sample.skeleton is BODY_30
    assert sample.mask is None
    x1, y1, x2, y2 = sample.box
    assert ((x1 + x2) / 2, (y1 + y2) / 2) == pytest.approx((127.5, 127.5))
    assert (x2 - x1, y2 - y1) == pytest.approx((256 / 1.25, 256 / 1.25))


def test_a_sample_says_its_skeleton_box_and_mask_and_what_is_unknown(tmp_path):
    mask = np.zeros((256, 256), np.uint8)
    mask[100:, :50] = 255
    files = sample_files(
        1,
        joints_mm=np.full((17, 3), np.nan, np.float32),
        joints_px=np.where(np.arange(17)[:, None] < 5, 40.0, np.nan).repeat(2, axis=1),
        visibility=np.where(np.arange(17) < 5, 2, 0).astype(np.uint8),
        box=np.array([20.0, 30, 60, 90]),
    )
    files["json"] = b'{"skeleton": "coco_17", "data_set": "coco"}'
    files["mask.png"] = cv2.imencode(".png", mask)[1].tobytes()
    path = write_shard(tmp_path / "train-000000.tar", {"one": files})
    problems = Problems()
    (sample,) = read_samples([path], problems)
    assert sample.skeleton is COCO_17
    assert sample.box.tolist() == [20, 30, 60, 90]
    assert np.array_equal(sample.mask, mask)
    assert np.isnan(sample.joints_mm).all()
    assert np.isfinite(sample.joints_px).all(axis=1).tolist() == [True] * 5 + [False] * 12
    assert not problems.counts


def test_labels_that_contradict_themselves_are_broken():
    files = {"__key__": "one", **sample_files(1, joints_px=np.full((30, 2), np.nan, np.float32))}
    with pytest.raises(ValueError, match="joints_px is NaN where visibility says"):
        decode(files)
    with pytest.raises(ValueError, match="is empty, expected x1 < x2"):
        decode({"__key__": "one", **sample_files(1, box=np.array([9.0, 0, 5, 5]))})


def test_a_truncated_shard_costs_its_end_only(tmp_path):
    path = write_shard(tmp_path / "train-000000.tar", {f"{i:04d}": sample_files(i) for i in range(6)})
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    whole = write_shard(tmp_path / "train-000001.tar", {"next": sample_files(9)})
    problems = Problems()
    keys = [sample.key for sample in read_samples([path, whole], problems)]
    assert keys[:2] == ["0000", "0001"]
    assert keys[-1] == "next"
    assert problems.counts.total() >= 1


def test_a_folder_without_shards_says_how_to_make_some(tmp_path):
    with pytest.raises(FileNotFoundError, match="training synthesize"):
        shard_paths(tmp_path, "train")
