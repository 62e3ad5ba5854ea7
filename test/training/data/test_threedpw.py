"""3DPW, from Python 2 pickles as they are distributed."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from test.training.data.scene import body, check, convert, paint, samples, write_picture

WIDTH, HEIGHT = 270, 480
K = np.array([[490.0, 0, 133.0], [0, 491.0, 242.0], [0, 0, 1]])
PAINTED = (15, 20, 8)
"""head, left_wrist, right_ankle."""


def poses_in_camera(frames: int) -> np.ndarray:
    """(2, frames, 24, 3) m: two people who walk by."""
    people = []
    for seed, x in ((1, -600), (2, 700)):
        pose = body(seed, 24, (x, 100, 6000), 150)
        pose[list(PAINTED), :2] = [[x, -800], [x + 350, -100], [x, 900]]
        people.append(np.stack([pose + np.array([40.0 * frame, 0, 0]) for frame in range(frames)]))
    return np.stack(people) / 1000


def write_sequence(root: Path, split: str, name: str, frames: int, **changes: Any) -> np.ndarray:
    """Writes a sequence's file and pictures; returns the poses in the camera's frame, (2, frames, 24, 3) mm."""
    poses = poses_in_camera(frames)
    rotation = Rotation.from_euler("xyz", [0.3, 0.8, 3.0]).as_matrix()
    position = np.array([1.0, -2.0, 3.0])
    pose_of_camera = np.eye(4)
    pose_of_camera[:3, :3], pose_of_camera[:3, 3] = rotation, position
    world = (poses - position) @ rotation
    poses2d = np.ones((2, frames, 3, 18))
    said = {
        "sequence": name,
        "cam_intrinsics": K,
        "cam_poses": np.tile(pose_of_camera, (frames, 1, 1)),
        "jointPositions": [person.reshape(frames, 72) for person in world],
        "poses2d": list(poses2d),
        "campose_valid": [np.ones(frames, np.int8) for _ in world],
        "poses": [np.zeros((frames, 72)) for _ in world],
        "betas": [np.zeros(10) for _ in world],
        "trans": [np.zeros((frames, 3)) for _ in world],
        "genders": ["m", "f"],
        **changes,
    }
    path = root / "sequenceFiles" / split / f"{name}.pkl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(said, protocol=2))
    for frame in range(frames):
        points = poses[:, frame] @ K.T
        picture = paint(WIDTH, HEIGHT, points[0, :, :2] / points[0, :, 2:], PAINTED)
        other = paint(WIDTH, HEIGHT, points[1, :, :2] / points[1, :, 2:], PAINTED)
        write_picture(
            root / "imageFiles" / name / f"image_{frame:05d}.jpg",
            np.concatenate([picture[:, : WIDTH // 2], other[:, WIDTH // 2 :]], axis=1),
        )
    return poses * 1000


def test_people_come_into_the_cameras_frame_in_mm(tmp_path: Path) -> None:
    poses = write_sequence(tmp_path / "root", "test", "downtown_walking_00", frames=2)
    assert convert("3dpw", "--data-root", tmp_path / "root", "--out", tmp_path / "out", "--split", "test") == 0
    found = samples(tmp_path / "out", "test")
    assert list(found) == [f"downtown_walking_00_{frame:05d}_{person}" for frame in range(2) for person in range(2)]
    for sample in found.values():
        person, frame = sample.facts["person"], sample.facts["frame"]
        check(sample, poses[person, frame], PAINTED, within_px=1)
        assert sample.skeleton.name == "smpl_24"
        assert sample.facts["sequence"] == "downtown_walking_00"


def test_frames_without_a_valid_camera_or_2d_pose_do_not_count(tmp_path: Path) -> None:
    valid = [np.array([1, 0, 1], np.int8), np.array([1, 1, 1], np.int8)]
    poses2d = [np.ones((3, 3, 18)), np.stack([np.ones((3, 18)), np.ones((3, 18)), np.zeros((3, 18))])]
    write_sequence(tmp_path / "root", "test", "a_00", 3, campose_valid=valid, poses2d=poses2d)
    assert convert("3dpw", "--data-root", tmp_path / "root", "--out", tmp_path / "out", "--split", "test") == 0
    assert list(samples(tmp_path / "out", "test")) == ["a_00_00000_0", "a_00_00000_1", "a_00_00001_1", "a_00_00002_0"]


def test_training_leaves_out_frames_that_show_nothing_new(tmp_path: Path) -> None:
    write_sequence(tmp_path / "root", "train", "a_00", 7)  # 40 mm a frame
    assert convert("3dpw", "--data-root", tmp_path / "root", "--out", tmp_path / "out") == 0
    frames = sorted(sample.facts["frame"] for sample in samples(tmp_path / "out", "train").values())
    assert frames == [0, 0, 3, 3, 6, 6]


class Evil:
    """Unpickled, it would run a program."""

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        import os

        return os.system, ("touch executed",)


def test_broken_and_dangerous_pickles_are_named_and_nothing_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_sequence(tmp_path / "root", "test", "good_00", 1)
    write_sequence(tmp_path / "root", "test", "evil_00", 1, genders=Evil())
    whole = (tmp_path / "root" / "sequenceFiles" / "test" / "good_00.pkl").read_bytes()
    (tmp_path / "root" / "sequenceFiles" / "test" / "half_00.pkl").write_bytes(whole[: len(whole) // 2])
    lacking = tmp_path / "root" / "sequenceFiles" / "test" / "lack_00.pkl"
    lacking.write_bytes(pickle.dumps({"sequence": "lack_00"}, protocol=2))
    assert convert("3dpw", "--data-root", "root", "--out", "out", "--split", "test") == 0
    assert len(samples(tmp_path / "out", "test")) == 2
    said = capsys.readouterr().out
    assert "3 x sequence" in said
    for name in ("evil_00.pkl", "half_00.pkl", "lack_00.pkl cannot be read: it lacks cam_intrinsics"):
        assert name in said.replace("\n", "")
    assert not (tmp_path / "executed").exists()
