"""Footage that a model labels: what training sees of somebody, and what is said of files that cannot be used."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import yaml

from metric_pose_ros import Camera
from metric_pose_ros.people import Person
from metric_pose_ros.skeleton import BODY_30
from test.standing import standing
from test.test_truthfulness import FOLDER, scene
from test.training.data.scene import apart, check, paint, samples, write_picture, write_video
from training.__main__ import main
from training.data.cropping import crop_sample
from training.data.example import Example
from training.data.picture import encode
from training.data.sets.footage import Teaching, example, frames
from training.data.sets.footage import footage as footage_of
from training.data.shards import Problems, decode_or_note

MODEL = Path(__file__).parents[3] / "models" / "metric_pose_fast.onnx"
PICTURE = "stand_19"
FISHEYE = Camera(
    np.array([[420.0, 0, 400], [0, 420, 300], [0, 0, 1]]), np.array([0.05, -0.01, 0, 0]), "equidistant", 800, 600
)
PINHOLE = Camera.from_fov(800, 600, 60)
DOTS = tuple(BODY_30.names.index(name) for name in ("head_top", "left_wrist", "right_foot"))


def label(footage: Path, out: Path, *more: object) -> int:
    arguments = ["label", "--footage", footage, "--model", MODEL, "--out", out, "--workers", 1, "--views", 1, *more]
    return main([str(argument) for argument in arguments])


def somebody(camera: Camera, roll_deg: float) -> Person:
    """Who leans to the side, and whom the camera does not look straight at."""
    person = standing()
    cos, sin = np.cos(np.radians(roll_deg)), np.sin(np.radians(roll_deg))
    turned = (person.joints3d - (0, 0, 4)) @ np.array([[cos, sin, 0], [-sin, cos, 0], [0, 0, 1]]) + (0.5, -0.2, 3)
    return replace(person, joints3d=turned, joints2d=camera.project(turned))


@pytest.mark.parametrize("camera", [PINHOLE, FISHEYE], ids=["pinhole", "fisheye"])
@pytest.mark.parametrize("roll_deg", [0, 80, -150])
def test_labels_lie_where_the_person_is_and_the_body_is_upright(camera: Camera, roll_deg: float) -> None:
    person = somebody(camera, roll_deg)
    assert apart(person.joints2d, DOTS)
    image = paint(camera.width, camera.height, person.joints2d, DOTS)
    made = example("a", image, camera, person, 1.4, 512)
    assert made is not None
    files = {"__key__": "a", **encode(made, 512, {})}
    sample = decode_or_note(files, "a", Problems())
    assert sample is not None
    check(sample, person.joints3d * 1000, DOTS, within_px=1.0)
    crop = crop_sample(sample, 256)
    hips, shoulders = (
        crop.joints_px[BODY_30.indices(names)].mean(axis=0)
        for names in (("left_hip", "right_hip"), ("left_shoulder", "right_shoulder"))
    )
    assert hips[0] == pytest.approx(shoulders[0], abs=3)
    assert shoulders[1] < hips[1] - 20
    # The crop that the robot would make: half its side is 1.4 times as far as the farthest joint is from the pelvis.
    farthest = np.linalg.norm(crop.joints_px - crop.joints_px[BODY_30.names.index("pelvis")], axis=1).max()
    assert 128 / farthest == pytest.approx(1.4, rel=0.02)


def test_a_small_person_is_not_blown_up() -> None:
    person = somebody(PINHOLE, 0)
    joints3d = person.joints3d + np.array([0.0, 0, 9])
    far = replace(person, joints3d=joints3d, joints2d=PINHOLE.project(joints3d))
    made = example("a", np.zeros((600, 800, 3), np.uint8), PINHOLE, far, 1.4, 512)
    assert made is not None
    assert made.image.shape[0] < 300
    assert made.camera.K[0, 0] == pytest.approx(PINHOLE.K[0, 0], rel=0.05)


def test_who_is_hardly_seen_teaches_nothing() -> None:
    image = np.zeros((600, 800, 3), np.uint8)
    assert example("a", image, PINHOLE, standing(confidence=0.3), 1.4, 512) is None


def test_a_model_that_looks_at_boxes_labels_boxes() -> None:
    person = somebody(PINHOLE, 0)
    made = example("a", np.zeros((600, 800, 3), np.uint8), PINHOLE, person, 0.0, 512)
    assert made is not None
    assert made.box is person.box
    assert made.joints_mm == pytest.approx(person.joints3d * 1000)


def write_footage(folder: Path) -> None:
    """A picture, and a video of it whose camera is told."""
    folder.mkdir()
    image, camera, *_ = scene(PICTURE)
    shutil.copy(FOLDER / f"{PICTURE}.jpg", folder / "picture.jpg")
    write_video(folder / "a clip.mp4", [image] * 8, "mp4v")
    told = {
        "image_width": 256,
        "image_height": 256,
        "camera_matrix": {"rows": 3, "cols": 3, "data": camera.K.ravel().tolist()},
        "distortion_model": "plumb_bob",
        "distortion_coefficients": {"rows": 1, "cols": 5, "data": [0.0] * 5},
    }
    (folder / "a clip.yaml").write_text(yaml.safe_dump(told))


def test_pictures_and_videos_become_shards_by_one_command(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    write_footage(tmp_path / "footage")
    (tmp_path / "footage" / "broken.mp4").write_bytes(b"no video")
    (tmp_path / "footage" / "notes.txt").write_text("neither")
    assert label(tmp_path / "footage", tmp_path / "out") == 0
    said = capsys.readouterr().out
    assert "skipped: unreadable part: broken-mp4" in said
    made = samples(tmp_path / "out", "train")
    assert {key.rpartition("_")[0] for key in made if key.startswith("picture")} == {"picture-jpg_000000"}
    followed = sorted(key for key in made if key.startswith("a-clip-mp4"))
    assert len(followed) >= 5
    assert len({key.rpartition("_")[2] for key in followed}) == 1
    _, _, truth, *_ = scene(PICTURE)
    for key in followed:
        assert made[key].skeleton.name == "body_30"
        # The camera beside the video is the one that took the picture.
        distance = np.linalg.norm(made[key].joints_mm[0])
        assert distance == pytest.approx(np.linalg.norm(truth[0]) * 1000, rel=0.25)


def test_labels_have_the_size_that_the_network_gave_before_it_was_calibrated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Calibrated:
        model = SimpleNamespace(metadata={"size": 1.25})
        info = SimpleNamespace(body_scale=1.4)
        detector, max_people = None, 1

        def __init__(self, *_: object, **__: object) -> None:
            self.detector = lambda image: []

        def __call__(self, image: np.ndarray, camera: Camera) -> list[Person]:
            return [somebody(camera, 0)]

    monkeypatch.setattr("training.data.sets.footage.PoseEstimator", Calibrated)
    write_picture(tmp_path / "a.jpg", np.zeros((600, 800, 3), np.uint8))
    (part,) = footage_of(Teaching(MODEL, "0")).parts(tmp_path, "train", Problems())
    (made,) = part.examples(Problems())
    assert isinstance(made, Example)
    truth = somebody(Camera.from_fov(800, 600, 50), 0).joints3d
    assert np.linalg.norm(made.joints_mm, axis=1) == pytest.approx(np.linalg.norm(truth, axis=1) * 1000 / 1.25)


def test_what_another_model_or_another_rate_labelled_is_not_gone_on_with(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    write_footage(tmp_path / "footage")
    assert label(tmp_path / "footage", tmp_path / "out", "--only", "pic*") == 0
    assert label(tmp_path / "footage", tmp_path / "out", "--only", "pic*") == 0
    assert "already holds the whole split" in capsys.readouterr().out
    for other in (["--rate", 3], ["--model", MODEL.with_name("metric_pose_heavy.onnx")], ["--only", "a*"]):
        assert label(tmp_path / "footage", tmp_path / "out", "--only", "pic*", *other) == 1
        assert "give another --out" in capsys.readouterr().err


def test_only_the_files_that_are_asked_for_are_labelled(tmp_path: Path) -> None:
    write_footage(tmp_path / "footage")
    assert label(tmp_path / "footage", tmp_path / "out", "--only", "pic*", "*.mov") == 0
    assert {key.partition("_")[0] for key in samples(tmp_path / "out", "train")} == {"picture-jpg"}


def test_frames_come_at_most_so_often(tmp_path: Path) -> None:
    write_video(tmp_path / "clip.mp4", [np.full((64, 64, 3), value, np.uint8) for value in range(0, 250, 10)], "mp4v")
    every = [stamp_s for stamp_s, _ in frames(tmp_path / "clip.mp4", 30.0)]
    fewer = [stamp_s for stamp_s, _ in frames(tmp_path / "clip.mp4", 5.0)]
    assert every == pytest.approx(np.arange(25) / 25)
    assert fewer == pytest.approx(np.arange(5) / 5)


def test_a_camera_that_makes_no_sense_costs_its_file_and_is_named(tmp_path: Path) -> None:
    write_footage(tmp_path / "footage")
    (tmp_path / "footage" / "a clip.yaml").write_text("image_width: none")
    problems = Problems()
    parts = footage_of(Teaching(MODEL, "0", views=1)).parts(tmp_path / "footage", "train", problems)
    assert [part.name for part in parts] == ["a-clip-mp4", "picture-jpg"]
    with pytest.raises(ValueError, match=r"a clip\.yaml"):
        list(parts[0].examples(problems))


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--model", "none.onnx"], "none.onnx"),
        (["--rate", 0], "--rate 0, --views 1 and --fov 50"),
        (["--fov", 200], "--fov 200"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture, more: list[object], said: str
) -> None:
    assert label(tmp_path, tmp_path / "out", *more) == 1
    assert said in capsys.readouterr().err


def test_a_folder_without_footage_is_told_what_it_may_hold(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    for folder in (tmp_path, tmp_path / "none"):
        assert label(folder, tmp_path / "out") == 1
        assert "pictures (.jpg, .jpeg, .png) and videos" in capsys.readouterr().err


def test_free_footage_is_that_of_packages_without_the_scored_clip(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_footage(tmp_path / "fetched")
    monkeypatch.setattr("training.data.label.fetch_unscored", lambda: tmp_path / "fetched")
    monkeypatch.chdir(tmp_path)
    assert label(Path("free"), tmp_path / "out") == 0
    assert samples(tmp_path / "out", "train")


def test_an_image_of_another_size_takes_a_camera_of_the_same_shape(tmp_path: Path) -> None:
    write_footage(tmp_path / "footage")
    image, *_ = scene(PICTURE)
    write_video(tmp_path / "footage" / "a clip.mp4", [cv2.resize(image, (512, 512))] * 3, "mp4v")
    assert label(tmp_path / "footage", tmp_path / "out") == 0
    assert any(key.startswith("a-clip-mp4") for key in samples(tmp_path / "out", "train"))
