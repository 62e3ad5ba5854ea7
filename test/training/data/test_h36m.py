"""Human3.6M, from CDF, HDF5, XML and mp4 files as they are distributed."""

from __future__ import annotations

from pathlib import Path

import cv2
import h5py
import numpy as np
import pytest
from cdflib.cdfwrite import CDF
from scipy.spatial.transform import Rotation

from test.training.data.scene import body, check, convert, paint, samples, write_video
from training.data.sets.files import UnreadableError
from training.data.sets.h36m import read_positions

SIDE = 240
ANGLES = (1.4, -0.3, 0.2)
POSITION = np.array([300.0, -4500.0, 1200.0])
K = np.array([[275.0, 0, 121.5], [0, 274.0, 119.0], [0, 0, 1]])
DISTORTION = np.array([-0.2, 0.24, -0.001, -0.0007, -0.003])
"""k1 k2 p1 p2 k3 as OpenCV orders them."""
ROTATION = Rotation.from_euler("XYZ", ANGLES).as_matrix()
PROTOCOL = [0, 1, 2, 3, 6, 7, 8, 12, 13, 14, 15, 17, 18, 19, 25, 26, 27]
PAINTED = (3, 10, 13)
"""right_ankle, head_top, left_wrist."""


def to_world(camera_mm: np.ndarray) -> np.ndarray:
    return camera_mm @ ROTATION + POSITION


def project(camera_mm: np.ndarray) -> np.ndarray:
    return cv2.projectPoints(camera_mm, np.zeros(3), np.zeros(3), K, DISTORTION)[0][:, 0]


def write_metadata(root: Path) -> None:
    extrinsics = np.tile([*ANGLES, *POSITION], (4, 11, 1))
    k1, k2, p1, p2, k3 = DISTORTION
    intrinsics = np.tile([K[0, 0], K[1, 1], K[0, 2], K[1, 2], k1, k2, k3, p1, p2], (4, 1))
    numbers = " ".join(f"{number:.9g}" for number in [*extrinsics.ravel(), *intrinsics.ravel()])
    root.mkdir(parents=True, exist_ok=True)
    (root / "metadata.xml").write_text(f"<metadata><subject>1</subject><w0>[{numbers}]</w0></metadata>")


def write_recording(
    root: Path, subject: str, action: str, poses: np.ndarray, shift: float = 0, majority: str = "column_major"
) -> list[np.ndarray]:
    """Writes the files of one action, seen by the first camera, of (N, 32, 3) mm in the camera's frame.

    Args:
        shift: mm along the world's x that the labels and boxes are wrong by.
        majority: which index of an array runs fastest in the CDF file.
    """
    folder = root / subject
    wrong = poses + ROTATION @ [shift, 0, 0]
    positions = folder / "MyPoseFeatures" / "D3_Positions" / f"{action}.cdf"
    positions.parent.mkdir(parents=True, exist_ok=True)
    with_cdf = CDF(positions, cdf_spec={"Majority": majority})
    data = to_world(wrong).reshape(1, len(poses), 96).astype(np.float32)
    # The writer takes the bytes as they are, whatever order it declares.
    ordered = data if majority == "row_major" else data.transpose(0, 2, 1).reshape(data.shape)
    spec = {"Variable": "Pose", "Data_Type": 44, "Num_Elements": 1, "Rec_Vary": True, "Dim_Sizes": data.shape[1:]}
    with_cdf.write_var(spec, var_data=ordered)
    with_cdf.close()
    name = f"{action}.54138969"
    boxes = folder / "MySegmentsMat" / "ground_truth_bb" / f"{name}.mat"
    boxes.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(boxes, "w") as file:
        masks = file.create_dataset("Masks", (len(poses), 1), h5py.ref_dtype)
        for frame, pose in enumerate(wrong):
            low, high = (np.clip(f(project(pose[PROTOCOL])), 0, SIDE) for f in (lambda p: p.min(0), lambda p: p.max(0)))
            mask = np.zeros((SIDE, SIDE), np.uint8)
            mask[int(low[1]) : int(high[1]) + 2, int(low[0]) : int(high[0]) + 2] = 1
            stored = file.create_dataset(f"#refs#/{frame}", data=mask.T)
            masks[frame, 0] = stored.ref
    pictures = [paint(SIDE, SIDE, project(pose[PROTOCOL]), PAINTED) for pose in poses]
    write_video(folder / "Videos" / f"{name}.mp4", pictures, "mp4v")
    return pictures


def pose_of_32() -> np.ndarray:
    """(32, 3) whose painted joints lie well apart."""
    pose = body(3, 32, (0, 0, 4600), 220)
    pose[[PROTOCOL[joint] for joint in PAINTED], :2] = [[-400, 600], [0, -700], [450, -100]]
    return pose


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_metadata(tmp_path / "h36m")
    return tmp_path / "h36m"


@pytest.mark.parametrize("majority", ["row_major", "column_major"])
def test_the_test_split_takes_every_64th_frame(
    root: Path, tmp_path: Path, majority: str, capsys: pytest.CaptureFixture
) -> None:
    pose = pose_of_32()
    poses = pose + np.linspace(0, 200, 70)[:, None, None] * [1, 0, 0]
    write_recording(root, "S11", "WalkingDog 1", poses, majority=majority)
    assert convert("h36m", "--data-root", root, "--out", tmp_path / "out", "--split", "test") == 0
    found = samples(tmp_path / "out", "test")
    assert list(found) == ["S11_WalkingDog-1_54138969_000000", "S11_WalkingDog-1_54138969_000064"]
    for sample, frame in zip(found.values(), (0, 64), strict=True):
        check(sample, poses[frame, PROTOCOL], PAINTED, within_px=1)
        assert sample.facts["action"] == "WalkDog"
        assert sample.facts["subject"] == "S11"
        assert sample.skeleton.name == "h36m_17"
    said = capsys.readouterr().out
    assert "3 x recording" in said  # the other three cameras
    assert "1 x subject" in said  # S9
    assert "WalkingDog 1.55011271.mp4 is missing" in (tmp_path / "out" / "test-problems.txt").read_text()


def test_training_takes_every_fifth_frame_that_shows_something_new(root: Path, tmp_path: Path) -> None:
    moved = np.array([0, 0, 0, 0, 0, 60, 60, 60, 60, 60, 99, 0, 0, 0, 0, 101, 0, 0, 0, 0, 150])
    poses = np.tile(pose_of_32(), (len(moved), 1, 1))
    poses[:, 26, 0] += moved  # one elbow
    write_recording(root, "S1", "Walking", poses)
    assert convert("h36m", "--data-root", root, "--out", tmp_path / "out") == 0
    assert sorted(sample.facts["frame"] for sample in samples(tmp_path / "out", "train").values()) == [0, 15]


def test_three_actions_of_s9_are_moved_back_by_200_mm(root: Path, tmp_path: Path) -> None:
    poses = pose_of_32()[None]
    write_recording(root, "S9", "Greeting", poses, shift=200)
    write_recording(root, "S9", "Greeting 1", poses)
    assert convert("h36m", "--data-root", root, "--out", tmp_path / "out", "--split", "test") == 0
    found = samples(tmp_path / "out", "test")
    shifted, right = (found[f"S9_{name}_54138969_000000"] for name in ("Greeting", "Greeting-1"))
    check(shifted, poses[0, PROTOCOL], PAINTED, within_px=1)
    # The masks' boxes have whole pixels, and the move keeps the pelvis' depth only.
    np.testing.assert_allclose(shifted.box, right.box, atol=8)


def test_a_video_that_is_cut_off_costs_only_its_end(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    poses = np.tile(pose_of_32(), (70, 1, 1))
    pictures = write_recording(root, "S11", "Eating", poses)
    write_video(root / "S11" / "Videos" / "Eating.54138969.mp4", pictures[:30], "mp4v")
    assert convert("h36m", "--data-root", root, "--out", tmp_path / "out", "--split", "test") == 0
    assert len(samples(tmp_path / "out", "test")) == 1
    assert "Eating.54138969.mp4 ends after 30 frames, frame 64 is wanted" in capsys.readouterr().out.replace("\n", "")


@pytest.mark.parametrize("broken", ["MyPoseFeatures/D3_Positions/Eating.cdf", "Videos/Eating.54138969.mp4"])
def test_a_corrupt_file_is_named_and_the_others_converted(
    root: Path, tmp_path: Path, broken: str, capsys: pytest.CaptureFixture
) -> None:
    for action in ("Eating", "Posing"):
        write_recording(root, "S11", action, pose_of_32()[None])
    (root / "S11" / broken).write_bytes(b"nothing that makes sense" * 40)
    assert convert("h36m", "--data-root", root, "--out", tmp_path / "out", "--split", "test") == 0
    assert list(samples(tmp_path / "out", "test")) == ["S11_Posing_54138969_000000"]
    assert Path(broken).name in capsys.readouterr().out.replace("\n", "")


def test_a_damaged_file_that_cdflib_reads_without_end_is_named(tmp_path: Path) -> None:
    write_recording(tmp_path, "S9", "Directions", np.stack([pose_of_32()]))
    path = tmp_path / "S9" / "MyPoseFeatures" / "D3_Positions" / "Directions.cdf"
    content = bytearray(path.read_bytes())
    # The only variable gets another name and itself as the next, and the file says that it has two billion.
    name = content.index(b"Pose")
    variable, table = name - 84, int.from_bytes(content[20:28], "big")
    content[name] = ord("N")
    content[variable + 12 : variable + 20] = variable.to_bytes(8, "big")
    content[table + 60 : table + 64] = (2**31 - 1).to_bytes(4, "big")
    path.write_bytes(content)
    with pytest.raises(UnreadableError, match=r"Directions\.cdf is no CDF file with a variable Pose: .*SIGXCPU"):
        read_positions(path)
