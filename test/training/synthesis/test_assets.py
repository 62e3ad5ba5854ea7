"""Assets: splits share nothing, broken files are named and left out."""

import cv2
import numpy as np
import pytest

from training.synthesis.assets import SPLITS, load_assets, share_of, split_of_clip


def test_splits_divide_items_and_keep_them_when_others_are_asked_first():
    items = [f"photo{number}" for number in range(40)]
    shares = {split: share_of(items, split, str) for split in SPLITS}
    assert sorted(item for share in shares.values() for item in share) == sorted(items)
    assert len(shares["validation"]) == len(shares["test"]) == 4
    assert share_of(items[::-1], "test", str) == shares["test"]


def test_few_items_all_go_to_train():
    assert share_of(["a", "b"], "train", str) != []
    assert share_of(["a", "b"], "test", str) == []


@pytest.mark.parametrize(("clip", "split"), [("02_05", "validation"), ("02_08", "test"), ("02_01", "train")])
def test_whole_clips_are_held_out(clip, split):
    assert split_of_clip(clip) == split


def test_a_corrupt_file_is_named_and_the_rest_is_used(tmp_path):
    (tmp_path / "backgrounds").mkdir()
    (tmp_path / "lights").mkdir()
    cv2.imwrite(str(tmp_path / "backgrounds" / "good.png"), np.full((100, 200, 3), (255, 0, 0), np.uint8))
    (tmp_path / "backgrounds" / "broken.jpg").write_bytes(b"not a picture")
    (tmp_path / "lights" / "broken.exr").write_bytes(b"not a panorama")
    assets = load_assets([tmp_path], tmp_path / "nowhere", "train")
    assert assets.photograph_names == ["good"]
    assert assets.photographs[0][0, 0].tolist() == [0, 0, 255]
    assert [panorama.name for panorama in assets.panoramas] == ["plain"]
    text = "\n".join(assets.problems)
    assert "broken.jpg: not a readable photograph" in text
    assert "broken.exr: not a readable panorama" in text
    assert "nowhere" in text


def test_own_folders_add_to_others_and_a_body_that_cannot_be_used_is_named(tmp_path):
    first, second = tmp_path / "fetched", tmp_path / "own"
    for folder, name in ((first, "one"), (second, "two")):
        (folder / "backgrounds").mkdir(parents=True)
        cv2.imwrite(str(folder / "backgrounds" / f"{name}.png"), np.zeros((80, 80, 3), np.uint8))
    (second / "bodies").mkdir()
    (second / "bodies" / "tall.yaml").write_text("height: 0.9")
    (second / "bodies" / "odd.yaml").write_text("height: enormous")
    (second / "backgrounds" / "tiny.png").write_bytes(cv2.imencode(".png", np.zeros((9, 9, 3), np.uint8))[1].tobytes())
    assets = load_assets([first, second, tmp_path / "gone"], None, "train")
    assert sorted(assets.photograph_names) == ["one", "two"]
    assert [(body.name, body.values) for body in assets.bodies] == [("tall", {"height": 0.9})]
    text = "\n".join(assets.problems)
    assert "odd.yaml: not a usable body, skipped (height is 'enormous': expected a number from 0 to 1)" in text
    assert "tiny.png: not a readable photograph of at least 64 pixels, skipped (it has 9 x 9 pixels)" in text
    assert f"no folder of assets {tmp_path / 'gone'}" in text


def test_no_assets_at_all_still_gives_light():
    assets = load_assets([], None, "validation")
    assert len(assets.panoramas) == 1
    assert assets.clips == []


def test_an_unknown_split_is_refused():
    with pytest.raises(ValueError, match="'holiday': expected one of train, validation, test"):
        load_assets([], None, "holiday")
