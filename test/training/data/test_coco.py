"""COCO, from its json file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from test.training.data.scene import check_dots, convert, paint, samples, write_picture

WIDTH, HEIGHT = 320, 240
PAINTED = (0, 9, 16)
"""nose, left_wrist, right_ankle."""
POINTS = np.random.default_rng(2).integers(-20, 20, (17, 2)) + np.array([150, 120])
POINTS[list(PAINTED)] = [[150, 60], [185, 115], [140, 190]]

OUTLINES = [[110.0, 45.0, 200.0, 45.0, 200.0, 205.0, 110.0, 205.0], [110.0, 45.0, 130.0, 45.0, 110.0, 90.0]]
"""The box, and a triangle in it."""


def person(identity: int, **changes: Any) -> dict[str, Any]:
    """An annotation with every joint seen but one hidden (5) and one unknown (6)."""
    visibility = np.full(17, 2)
    visibility[5], visibility[6] = 1, 0
    keypoints = np.concatenate([POINTS * (visibility > 0)[:, None], visibility[:, None]], axis=1)
    return {
        "id": identity,
        "image_id": 42,
        "category_id": 1,
        "iscrowd": 0,
        "area": 8000.0,
        "num_keypoints": int((visibility > 0).sum()),
        "keypoints": keypoints.ravel().tolist(),
        "bbox": [110, 45, 90, 160],
        "segmentation": OUTLINES,
        **changes,
    }


def write_set(root: Path, people: list[dict[str, Any]]) -> None:
    about = {"id": 42, "file_name": "000000000042.jpg", "width": WIDTH, "height": HEIGHT}
    gone = {"id": 43, "file_name": "000000000043.jpg", "width": WIDTH, "height": HEIGHT}
    (root / "annotations").mkdir(parents=True)
    (root / "annotations" / "person_keypoints_val2017.json").write_text(
        json.dumps({"info": {}, "images": [gone, about], "annotations": people, "categories": []})
    )
    write_picture(root / "val2017" / "000000000042.jpg", paint(WIDTH, HEIGHT, POINTS, PAINTED))


def converted(root: Path, out: Path) -> int:
    return convert("coco", "--data-root", root, "--out", out, "--split", "validation")


def test_people_with_six_joints_count_with_their_outlines(tmp_path: Path) -> None:
    few = [0] * 36 + [5, 5, 2] * 5
    crowd = person(8, iscrowd=1, segmentation={"counts": "", "size": [1, 1]})
    write_set(tmp_path / "root", [person(7), crowd, person(9, keypoints=few, num_keypoints=5)])
    assert converted(tmp_path / "root", tmp_path / "out") == 0
    found = samples(tmp_path / "out", "validation")
    assert list(found) == ["000000000042_7"]
    sample = found["000000000042_7"]
    check_dots(sample, PAINTED)
    assert sample.visibility[5] == 1
    assert sample.visibility[6] == 0
    assert np.isnan(sample.joints_px[6]).all()
    assert np.isnan(sample.joints_mm).all()
    assert sample.mask is not None
    x1, y1, x2, y2 = np.round(sample.box).astype(int)
    assert (sample.mask[y1 + 3 : y2 - 3, x1 + 3 : x2 - 3] == 255).all()  # also where the outlines overlap
    assert (sample.mask > 0).sum() == pytest.approx((x2 - x1) * (y2 - y1), rel=0.05)


def test_what_is_broken_is_named(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    short = person(11)
    del short["bbox"]
    write_set(
        tmp_path / "root",
        [person(7), person(8, keypoints=[1, 2]), short, person(9, image_id=43), person(10, image_id=99)],
    )
    assert converted(tmp_path / "root", tmp_path / "out") == 0
    assert list(samples(tmp_path / "out", "validation")) == ["000000000042_7"]
    said = (tmp_path / "out" / "validation-problems.txt").read_text()
    assert said.count("annotation: ") == 3
    assert "annotation: 11: KeyError: 'bbox'" in said
    assert "000000000043.jpg cannot be read" in said


def test_a_picture_of_another_size_than_its_labels_is_left_out(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    write_set(tmp_path / "root", [person(7)])
    write_picture(tmp_path / "root" / "val2017" / "000000000042.jpg", np.zeros((HEIGHT, HEIGHT, 3), np.uint8))
    assert converted(tmp_path / "root", tmp_path / "out") == 1
    assert "has 240x240 px, its labels are of 320x240" in capsys.readouterr().out.replace("\n", "")


@pytest.mark.parametrize("text", ['{"images": [', "[" * 3000], ids=["cut off", "brackets"])
def test_a_broken_json_file_is_an_error_that_names_it(text: str, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    write_set(tmp_path / "root", [person(7)])
    (tmp_path / "root" / "annotations" / "person_keypoints_val2017.json").write_text(text)
    assert converted(tmp_path / "root", tmp_path / "out") == 1
    assert "person_keypoints_val2017.json is not COCO's" in capsys.readouterr().err
