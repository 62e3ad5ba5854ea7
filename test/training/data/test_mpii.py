"""MPII, from its Matlab file of nested structs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.io

from test.training.data.scene import check_dots, convert, paint, samples, write_picture
from training.data.sets.files import UnreadableError, read_matlab

WIDTH, HEIGHT = 320, 240
PAINTED = (9, 10, 0)
"""head_top, right_wrist, right_ankle."""
EMPTY = np.zeros((0, 0))


def points_of(x: float) -> np.ndarray:
    """(16, 2) px, counted from 0."""
    points = np.random.default_rng(0).uniform(-20, 20, (16, 2)) + np.array([x, 120])
    points[list(PAINTED)] = [[x, 60], [x + 30, 110], [x - 5, 180]]
    return points


def structs(entries: list[dict[str, Any]]) -> np.ndarray:
    """A Matlab struct array, (1, N), of entries with the same fields."""
    fields = list(entries[0])
    array = np.empty((1, len(entries)), [(field, object) for field in fields])
    for index, entry in enumerate(entries):
        for field in fields:
            array[0, index][field] = entry[field]
    return array


def person(points: np.ndarray, joints: list[int]) -> dict[str, Any]:
    """One entry of annorect; the upper neck (8) and the head (9) have no mark of visibility."""
    marked = [
        {
            "x": points[joint, 0] + 1,
            "y": points[joint, 1] + 1,
            "id": joint,
            "is_visible": EMPTY if joint in (8, 9) else int(joint != 3),
        }
        for joint in joints
    ]
    centre = points.mean(axis=0) + 1
    return {
        "x1": 1, "y1": 1, "x2": 9, "y2": 9,
        "annopoints": {"point": structs(marked)},
        "scale": 0.9,
        "objpos": {"x": centre[0], "y": centre[1]},
    }  # fmt: skip


def picture(name: str, people: list[dict[str, Any]]) -> dict[str, Any]:
    return {"image": {"name": name}, "annorect": structs(people), "frame_sec": EMPTY, "vididx": EMPTY}


def write_release(root: Path, pictures: list[dict[str, Any]], training: list[int]) -> None:
    release = {
        "annolist": structs(pictures),
        "img_train": np.array([training]),
        "version": "12",
        "single_person": np.array([[None]] * len(training), object),
        "act": structs([{"act_name": EMPTY, "cat_name": EMPTY, "act_id": -1}] * len(training)),
        "video_list": np.empty((1, 0), object),
    }
    for row in release["single_person"]:
        row[0] = EMPTY
    root.mkdir(exist_ok=True)
    scipy.io.savemat(root / "mpii_human_pose_v1_u12_1.mat", {"RELEASE": release}, format="5")


def test_everyone_in_the_training_pictures_becomes_an_example(tmp_path: Path) -> None:
    root = tmp_path / "root"
    left, right = points_of(80), points_of(230)
    nobody = {"x1": 1, "y1": 1, "x2": 9, "y2": 9, "annopoints": EMPTY, "scale": EMPTY, "objpos": EMPTY}
    write_release(
        root,
        [
            picture("015601864.jpg", [person(left, list(range(16))), nobody, person(right, [0, 1, 2, 9, 10, 11])]),
            picture("000000001.jpg", [person(left, list(range(16)))]),
            picture("000000002.jpg", [person(left, [0, 1, 2])]),
        ],
        training=[1, 0, 1],
    )
    image = paint(WIDTH, HEIGHT, left, PAINTED)
    image[:, 150:] = paint(WIDTH, HEIGHT, right, PAINTED)[:, 150:]
    write_picture(root / "images" / "015601864.jpg", image)
    assert convert("mpii", "--data-root", root, "--out", tmp_path / "out") == 0
    found = samples(tmp_path / "out", "train")
    assert sorted(found) == ["015601864_0", "015601864_2"]
    first, second = found["015601864_0"], found["015601864_2"]
    assert np.isnan(first.joints_mm).all()
    assert first.skeleton.name == "mpii_16"
    assert first.visibility.tolist() == [2, 2, 2, 1, *[2] * 12]
    assert np.flatnonzero(second.visibility).tolist() == [0, 1, 2, 9, 10, 11]
    assert np.isnan(second.joints_px[[3, 15]]).all()
    # 8 degrees over 320 px, looked at from the same place: the picture keeps the source's scale but for the zoom.
    zoom = first.intrinsics[0, 0] / (160 / np.tan(np.radians(4)))
    between = np.linalg.norm(first.joints_px[0] - first.joints_px[9]) / zoom
    assert between == pytest.approx(np.linalg.norm(left[0] - left[9]), rel=0.01)
    for sample in (first, second):
        check_dots(sample, PAINTED)


def test_the_box_is_200_px_times_scale_and_a_little_below_the_centre(tmp_path: Path) -> None:
    root = tmp_path / "root"
    points = points_of(160)
    write_release(root, [picture("000000005.jpg", [person(points, list(range(16)))])], training=[1])
    write_picture(root / "images" / "000000005.jpg", paint(WIDTH, HEIGHT, points, PAINTED))
    assert convert("mpii", "--data-root", root, "--out", tmp_path / "out") == 0
    (sample,) = samples(tmp_path / "out", "train").values()
    zoom = sample.intrinsics[0, 0] / (160 / np.tan(np.radians(4)))
    np.testing.assert_allclose((sample.box[2:] - sample.box[:2]) / zoom, 180, rtol=0.01)
    from_centre = (sample.joints_px - (sample.box[:2] + sample.box[2:]) / 2) / zoom
    np.testing.assert_allclose(from_centre, points - points.mean(axis=0) - [0, 0.075 * 180], atol=1)


def test_a_missing_picture_is_named_and_a_missing_file_ends_with_the_layout(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    root = tmp_path / "root"
    people = [person(points_of(160), list(range(16)))]
    write_release(root, [picture("000000001.jpg", people), picture("000000002.jpg", people)], training=[1, 1])
    write_picture(root / "images" / "000000002.jpg", paint(WIDTH, HEIGHT, points_of(160), PAINTED))
    assert convert("mpii", "--data-root", root, "--out", tmp_path / "out") == 0
    assert "000000001.jpg cannot be read" in capsys.readouterr().out.replace("\n", "")
    (root / "mpii_human_pose_v1_u12_1.mat").unlink()
    assert convert("mpii", "--data-root", root, "--out", tmp_path / "other") == 1
    said = capsys.readouterr().err
    assert "has no mpii_human_pose_v1_u12_1.mat; expected:" in said
    assert "images/000001163.jpg" in said


def test_a_damaged_file_that_crashes_scipys_reader_is_named(tmp_path: Path) -> None:
    root = tmp_path / "root"
    write_release(root, [picture("1.jpg", [person(points_of(80), list(range(16)))])], [1])
    path = root / "mpii_human_pose_v1_u12_1.mat"
    content = path.read_bytes()
    # A number's type becomes one that there is not, of which SciPy reads what lies behind its table of types.
    at = content.index(np.array([9, 8], "<u4").tobytes())
    path.write_bytes(content[:at] + b"\xf3" + content[at + 1 :])
    with pytest.raises(UnreadableError, match=r"u12_1\.mat is no Matlab file that can be read"):
        read_matlab(path, "RELEASE")
