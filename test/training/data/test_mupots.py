"""MuPoTS-3D, from Matlab v5 cells of structs as they are distributed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import scipy.io

from test.training.data.scene import COLOURS, body, convert, dot, paint, write_picture
from training.data.frames import Frame, read_frames
from training.data.shards import Problems, shard_paths

WIDTH, HEIGHT = 320, 180
K = np.array([[240.0, 0, 161.5], [0, 243.0, 88.0], [0, 0, 1]])
PAINTED = (0, 4, 13)
VALID = np.array([[1, 1, 1], [0, 0, 0], [1, 0, 1]])
"""Frames of three people."""


def write_sequence(folder: Path) -> np.ndarray:
    """annot.mat, occlusion.mat and pictures; returns (3 frames, 3 people, 17, 3) mm."""
    poses = np.stack(
        [
            [body(10 * frame + person, 17, (900.0 * (person - 1), 0, 4500), 150) for person in range(3)]
            for frame in range(3)
        ]
    )
    poses[:, 1][:, list(PAINTED), :2] = [[0, -1100], [500, -200], [-300, 1000]]
    homogeneous = poses @ K.T
    points = homogeneous[..., :2] / homogeneous[..., 2:]
    annotations, occlusions = np.empty((3, 3), object), np.empty((3, 3), object)
    for frame in range(3):
        for person in range(3):
            annotations[frame, person] = {
                "annot2": points[frame, person].T,
                "annot3": poses[frame, person].T,
                "univ_annot3": poses[frame, person].T * 0.9,
                "isValidFrame": VALID[frame, person].astype(np.uint8),
            }
            occlusions[frame, person] = (np.arange(17) == person)[None].astype(float)
        write_picture(folder / f"img_{frame:06d}.jpg", paint(WIDTH, HEIGHT, points[frame, 1], PAINTED))
    scipy.io.savemat(folder / "annot.mat", {"annotations": annotations}, format="5")
    scipy.io.savemat(folder / "occlusion.mat", {"occlusion_labels": occlusions}, format="5")
    return poses


def frames(out: Path) -> list[Frame]:
    problems = Problems()
    found = list(read_frames(shard_paths(out, "test"), problems))
    assert not problems.counts
    return found


@pytest.mark.parametrize("start", ["MultiPersonTestSet", "."])
def test_whole_frames_with_everyone_and_the_intrinsics_that_fit(
    tmp_path: Path, start: str, capsys: pytest.CaptureFixture
) -> None:
    (tmp_path / "root" / start / "TS2").mkdir(parents=True)
    poses = write_sequence(tmp_path / "root" / start / "TS2")
    assert convert("mupots", "--data-root", tmp_path / "root", "--out", tmp_path / "out") == 0
    found = frames(tmp_path / "out")
    assert [frame.key for frame in found] == ["TS2_000000", "TS2_000002"]
    for frame, number in zip(found, (0, 2), strict=True):
        np.testing.assert_allclose(frame.intrinsics, K, atol=1e-6)
        np.testing.assert_allclose(frame.joints_mm, poses[number], atol=1e-3)
        np.testing.assert_allclose(frame.universal_mm, poses[number] * 0.9, atol=1e-3)
        np.testing.assert_array_equal(frame.valid, VALID[number] > 0)
        assert frame.image.shape == (HEIGHT, WIDTH, 3)
        assert frame.skeleton.name == "mupots_17"
        assert frame.facts["sequence"] == "TS2"
        for joint, colour in zip(PAINTED, COLOURS, strict=True):
            assert np.linalg.norm(dot(frame.image, colour) - frame.joints_px[1, joint]) < 0.5
        assert frame.visibility[1].tolist().count(1) == 1
        assert frame.visibility[1, 1] == 1  # of the second person the second joint is hidden
    assert "19 x sequence" in capsys.readouterr().out


def test_a_picture_or_occlusion_file_that_is_missing_is_named(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    for name in ("TS1", "TS2"):
        (tmp_path / "root" / name).mkdir(parents=True)
        write_sequence(tmp_path / "root" / name)
    (tmp_path / "root" / "TS1" / "img_000000.jpg").unlink()
    (tmp_path / "root" / "TS2" / "occlusion.mat").unlink()
    assert convert("mupots", "--data-root", tmp_path / "root", "--out", tmp_path / "out") == 0
    assert [frame.key for frame in frames(tmp_path / "out")] == ["TS1_000002"]
    said = (tmp_path / "out" / "test-problems.txt").read_text()
    assert "img_000000.jpg cannot be read" in said
    assert "TS2/occlusion.mat is missing" in said
