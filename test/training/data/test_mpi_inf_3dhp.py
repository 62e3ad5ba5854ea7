"""MPI-INF-3DHP, from Matlab v5, HDF5, calibration and video files as they are distributed."""

from __future__ import annotations

from pathlib import Path

import cv2
import h5py
import numpy as np
import pytest

from test.training.data.scene import body, check, convert, paint, samples, write_picture, write_video
from test.training.data.studio import SIDE, project, write_labels

PAINTED = (7, 11, 20)
"""head_top, left_wrist, left_ankle."""
TEST_PAINTED = (0, 4, 13)
"""head_top, right_wrist, left_ankle."""


def pose_of_28() -> np.ndarray:
    pose = body(5, 28, (100, 0, 3800), 200)
    pose[list(PAINTED), :2] = [[0, -800], [600, -200], [300, 800]]
    return pose


def write_recording(root: Path, poses: np.ndarray, masks: list[np.ndarray] | None = None) -> None:
    """One sequence of S8, seen by camera 4 of the fourteen."""
    folder = root / "S8" / "Seq1"
    write_labels(folder, {4: poses})
    pictures = [paint(SIDE, SIDE, project(pose), PAINTED, radius=5) for pose in poses]
    write_video(folder / "imageSequence" / "video_4.avi", pictures, "MJPG")
    if masks is not None:
        write_video(folder / "FGmasks" / "video_4.avi", masks, "MJPG")


def test_studio_recordings_keep_their_28_joints_and_their_universal_pose(tmp_path: Path) -> None:
    poses = np.stack([pose_of_28() + np.array([offset, 0, 0]) for offset in (0, 0, 0, 0, 0, 120, 0, 0, 0, 0, 150)])
    write_recording(tmp_path / "root", poses)
    assert (
        convert("mpi-inf-3dhp", "--data-root", tmp_path / "root", "--out", tmp_path / "out", "--split", "validation")
        == 0
    )
    found = samples(tmp_path / "out", "validation")
    assert list(found) == ["S8_Seq1_4_000000", "S8_Seq1_4_000005"]  # frame 10 shows nothing new
    for sample, frame in zip(found.values(), (0, 5), strict=True):
        check(sample, poses[frame], PAINTED, within_px=1)
        np.testing.assert_allclose(sample.facts["universal_mm"], sample.joints_mm * 0.9, atol=0.02)
        assert sample.mask is None
        assert sample.skeleton.name == "mpi_inf_3dhp_28"


def test_somebody_partly_outside_the_picture_is_left_out(tmp_path: Path) -> None:
    poses = np.stack([pose_of_28()] * 6)
    poses[0, 4, 0] = 4000  # the pelvis
    poses[5, 12, 0] = 4000  # a hand: not one of the test set's joints
    write_recording(tmp_path / "root", poses)
    arguments = ("mpi-inf-3dhp", "--data-root", tmp_path / "root", "--out", tmp_path / "out", "--split", "validation")
    assert convert(*arguments) == 0
    (sample,) = samples(tmp_path / "out", "validation").values()
    assert sample.facts["frame"] == 5
    assert sample.visibility[12] == 0


def test_hands_and_feet_neither_widen_the_box_nor_make_a_frame_new(tmp_path: Path) -> None:
    pose = pose_of_28()
    ends = [12, 17, 21, 22, 26, 27]  # hands, feet and toes, which the test set has not
    pose[ends, 1] = 1200
    poses = np.stack([pose] * 6)
    poses[5, ends, 0] += 150
    write_recording(tmp_path / "root", poses)
    arguments = ("mpi-inf-3dhp", "--data-root", tmp_path / "root", "--out", tmp_path / "out", "--split", "validation")
    assert convert(*arguments) == 0
    (sample,) = samples(tmp_path / "out", "validation").values()
    others = np.delete(sample.joints_px, ends, axis=0)
    assert (sample.box[2:] - sample.box[:2]).max() < 1.2 * (others.max(axis=0) - others.min(axis=0)).max()


def test_the_mask_is_the_piece_of_the_foreground_that_fits_the_person(tmp_path: Path) -> None:
    pose = pose_of_28()
    mask = np.zeros((SIDE, SIDE, 3), np.uint8)
    points = project(pose)
    low, high = points.min(axis=0).astype(int), points.max(axis=0).astype(int)
    mask[low[1] : high[1], low[0] : high[0], 2] = 255
    mask[:30, :60, 2] = 255  # a lamp
    mask[..., 0] = 200  # the blue channel means trousers
    write_recording(tmp_path / "root", pose[None], [mask])
    arguments = ("mpi-inf-3dhp", "--data-root", tmp_path / "root", "--out", tmp_path / "out", "--split", "validation")
    assert convert(*arguments) == 0
    (sample,) = samples(tmp_path / "out", "validation").values()
    assert sample.mask is not None
    assert set(np.unique(sample.mask)) == {0, 255}
    x1, y1, x2, y2 = sample.box
    inner = sample.mask[int(y1) + 12 : int(y2) - 12, int(x1) + 12 : int(x2) - 12]
    assert inner.mean() > 250
    outside = sample.mask.copy()
    outside[int(y1) - 2 : int(y2) + 3, int(x1) - 2 : int(x2) + 3] = 0
    assert not outside.any()


LENS = [-0.276859611, 0.131125256, -0.000360494, -0.001149441, -0.049318332]
CALIBRATION = {
    "TS1": (2048, 2048, 1500.1721, 1500.8364, 1017.3873, 1043.4939, [0.0] * 5),
    "TS6": (1920, 1080, 1683.9835, 1672.5937, 939.8576, 556.3521, LENS),
}
"""Size, fx, fy, cx, cy in px and distortion, by hand from the calibration files' mm."""


def write_test_sequence(folder: Path, name: str, valid: list[int], missing: int | None = None) -> np.ndarray:
    """annot_data.mat as Matlab 7.3 writes it (axes reversed) and pictures; returns (17, 3) mm."""
    width, height, fx, fy, cx, cy, distortion = CALIBRATION[name]
    K = np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1]])
    pose = body(9, 17, (200, -100, 4200), 200)
    pose[list(TEST_PAINTED), :2] = [[200, -900], [700, -300], [500, 700]]
    points = cv2.projectPoints(pose, np.zeros(3), np.zeros(3), K, np.array(distortion))[0][:, 0]
    frames = len(valid)
    (folder / name).mkdir(parents=True)
    with h5py.File(folder / name / "annot_data.mat", "w") as file:
        file["annot3"] = np.tile(pose, (frames, 1, 1, 1))
        file["univ_annot3"] = np.tile(pose * 0.95, (frames, 1, 1, 1))
        file["annot2"] = np.tile(points, (frames, 1, 1, 1))
        file["valid_frame"] = np.array(valid, float)[:, None]
        file["activity_annotation"] = np.full((frames, 1), 3.0)
    picture = paint(width, height, points, TEST_PAINTED, radius=18)
    for frame in range(frames):
        if frame != missing:
            write_picture(folder / name / "imageSequence" / f"img_{frame + 1:06d}.jpg", picture)
    return pose


@pytest.mark.parametrize("name", ["TS1", "TS6"])
def test_the_test_set_has_its_own_cameras_and_order_of_joints(
    tmp_path: Path, name: str, capsys: pytest.CaptureFixture
) -> None:
    folder = tmp_path / "root" / "mpi_inf_3dhp_test_set"
    if name != "TS1":
        (folder / "TS1").mkdir(parents=True)
    pose = write_test_sequence(folder, name, valid=[0, 1, 1])
    arguments = ("mpi-inf-3dhp", "--data-root", tmp_path / "root", "--out", tmp_path / "out", "--split", "test")
    assert convert(*arguments) == 0
    found = samples(tmp_path / "out", "test")
    assert list(found) == [f"{name}_000001", f"{name}_000002"]
    for sample in found.values():
        check(sample, pose, TEST_PAINTED, within_px=0.5)
        np.testing.assert_allclose(sample.facts["universal_mm"], sample.joints_mm * 0.95, atol=0.02)
        assert sample.facts["action"] == "Sit on Chair"
        assert sample.facts["sequence"] == name
    assert "5 x sequence" in capsys.readouterr().out


def test_pictures_that_are_missing_or_cut_off_are_named(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    write_test_sequence(tmp_path / "root", "TS1", valid=[1, 1, 1], missing=1)
    cut = tmp_path / "root" / "TS1" / "imageSequence" / "img_000003.jpg"
    cut.write_bytes(cut.read_bytes()[:-5000])
    arguments = ("mpi-inf-3dhp", "--data-root", tmp_path / "root", "--out", tmp_path / "out", "--split", "test")
    assert convert(*arguments) == 0
    assert list(samples(tmp_path / "out", "test")) == ["TS1_000000"]
    said = capsys.readouterr().out.replace("\n", "")
    assert "2 x picture" in said
    assert "img_000002.jpg cannot be read: No such file" in said
    assert "img_000003.jpg is cut off" in said


def test_a_broken_annot_mat_is_named_for_each_video(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    write_recording(tmp_path / "root", np.stack([pose_of_28()]))
    (tmp_path / "root" / "S8" / "Seq1" / "annot.mat").write_bytes(b"MATLAB 5.0 MAT-file, no more" * 9)
    arguments = ("mpi-inf-3dhp", "--data-root", tmp_path / "root", "--out", tmp_path / "out", "--split", "validation")
    assert convert(*arguments) == 1
    said = capsys.readouterr()
    assert "8 x recording" in said.err
    assert "S1/Seq1/annot.mat" in said.err  # the layout
