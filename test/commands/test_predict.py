"""`metric-pose predict`: what it writes, and what it says of bad input."""

import json
import re

import cv2
import numpy as np
import pytest

from metric_pose_ros.commands import main
from metric_pose_ros.engines.failures import EngineOutOfMemory
from metric_pose_ros.estimator import PoseEstimator
from metric_pose_ros.skeleton import BODY_30
from test.fake_models import save_detector, save_pose_model

CAMERA_YAML = (
    "image_width: 640\nimage_height: 480\n"
    "camera_matrix: {rows: 3, cols: 3, data: [500, 0, 320, 0, 500, 240, 0, 0, 1]}\n"
    "distortion_model: plumb_bob\ndistortion_coefficients: {rows: 1, cols: 5, data: [0, 0, 0, 0, 0]}\n"
)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A folder with an image, a video, a camera, a pose model and a detector that finds one person."""
    folder = tmp_path_factory.mktemp("predict")
    image = np.full((480, 640, 3), 100, np.uint8)
    cv2.imwrite(str(folder / "image.png"), image)
    writer = cv2.VideoWriter(str(folder / "video.mp4"), cv2.VideoWriter.fourcc(*"mp4v"), 25, (640, 480))
    for _ in range(6):
        writer.write(image)
    writer.release()
    (folder / "camera.yaml").write_text(CAMERA_YAML)
    row = np.zeros((1, 6, 56))
    row[0, 0, 51:56] = [0.1, 0.4, 0.9, 0.6, 0.8]
    save_detector(folder / "detector.onnx", "movenet_multipose", {"people": row})
    save_pose_model(folder / "pose.onnx")
    return folder


def predict(files, name, *options) -> int:
    models = ["--model", str(files / "pose.onnx"), "--detector", str(files / "detector.onnx"), "--threads", "1"]
    return main(["predict", str(files / name), *models, *map(str, options)])


def test_an_image_becomes_json_and_a_drawing(files, tmp_path, capsys):
    out = {"--json": tmp_path / "out.json", "--overlay": tmp_path / "out.png", "--camera": files / "camera.yaml"}
    assert predict(files, "image.png", *[part for option in out.items() for part in option]) == 0
    document = json.loads(out["--json"].read_text())
    assert tuple(document["skeleton"]["names"]) == BODY_30.names
    assert document["camera"]["K"][0][0] == 500
    ((person,),) = [frame["people"] for frame in document["frames"]]
    assert np.array(person["joints3d"]).shape == (30, 3)
    _, y1, _, y2 = person["box"]
    assert np.array(person["joints3d"])[:, 2].mean() == pytest.approx(1.68 / (y2 - y1) * 500, rel=0.05)
    assert (cv2.imread(str(out["--overlay"])) != 100).any()
    assert "1 people" in capsys.readouterr().out


def test_a_video_becomes_tracks(files, tmp_path, capsys):
    options = ("--fov", 60, "--json", tmp_path / "out.json", "--overlay", tmp_path / "out.mp4")
    assert predict(files, "video.mp4", *options) == 0
    frames = json.loads((tmp_path / "out.json").read_text())["frames"]
    assert [frame["stamp_s"] for frame in frames] == pytest.approx([0, 0.04, 0.08, 0.12, 0.16, 0.2])
    assert {person["id"] for frame in frames for person in frame["people"]} == {"p1"}
    drawn = cv2.VideoCapture(str(tmp_path / "out.mp4"))
    assert int(drawn.get(cv2.CAP_PROP_FRAME_COUNT)) == 6
    assert "6 frames" in capsys.readouterr().out


def test_boxes_can_be_given_instead_of_a_detector(files, tmp_path):
    options = ("--fov", 60, "--boxes", "50,100,200,400", "400,100,550,400", "--json", tmp_path / "out.json")
    assert predict(files, "image.png", *options) == 0
    assert len(json.loads((tmp_path / "out.json").read_text())["frames"][0]["people"]) == 2


def test_people_can_have_another_skeleton(files, tmp_path, capsys):
    assert predict(files, "image.png", "--fov", 60, "--skeleton", "coco_17", "--json", tmp_path / "out.json") == 0
    document = json.loads((tmp_path / "out.json").read_text())
    assert document["skeleton"]["name"] == "coco_17"
    assert np.array(document["frames"][0]["people"][0]["joints3d"]).shape == (17, 3)
    assert "1 people" in capsys.readouterr().out


def test_without_a_camera_the_guess_is_said_aloud(files, capsys):
    assert predict(files, "image.png") == 0
    assert "60 degrees are assumed" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("nothing.png", [], "no image"),
        ("nothing.mp4", [], "no video"),
        ("camera.yaml", [], "has no frame that OpenCV can read"),
        ("image.png", ["--boxes", "1,2,3"], "box '1,2,3' cannot be read"),
        ("image.png", ["--boxes", "900,10,950,90"], "box 0.*lies outside the 640x480 image"),
        ("video.mp4", ["--boxes", "1,2,3,4"], "is a video: leave it out"),
        ("image.png", ["--camera", "nothing.yaml"], "no camera file nothing.yaml"),
        ("image.png", ["--fov", "200"], "a field of view of 200"),
        ("image.png", ["--overlay", "/nowhere/at/all.png"], "there is no folder /nowhere/at"),
        ("image.png", ["--detector", "nothing"], "no model 'nothing'"),
        ("image.png", ["--skeleton", "smplx_42"], "does not speak the skeleton 'smplx_42'; it speaks body_30, smpl_24"),
        ("image.png", ["--threads", "0"], "0 threads"),
    ],
)
def test_bad_input_ends_with_status_2_and_a_reason(files, capsys, name, options, message):
    assert predict(files, name, *options) == 2
    error = capsys.readouterr().err
    assert "Traceback" not in error
    assert re.search(message, error)


def test_an_engine_that_fails_is_told_in_a_line(files, capsys, monkeypatch):
    def fail(*_):
        raise EngineOutOfMemory("ONNX Runtime failed with RuntimeException: bad allocation")

    monkeypatch.setattr(PoseEstimator, "__call__", fail)
    assert predict(files, "image.png", "--fov", 60) == 2
    error = capsys.readouterr().err
    assert error.endswith("metric-pose predict: ONNX Runtime failed with RuntimeException: bad allocation\n")


def test_an_image_of_another_size_than_the_camera_is_refused(files, tmp_path, capsys):
    cv2.imwrite(str(tmp_path / "small.png"), np.zeros((100, 100, 3), np.uint8))
    assert predict(files, tmp_path / "small.png", "--camera", files / "camera.yaml") == 2
    assert "the image is 100x100, but its camera is calibrated for 640x480" in capsys.readouterr().err


def test_a_drawing_needs_a_name_that_says_its_kind(files, tmp_path, capsys):
    assert predict(files, "video.mp4", "--fov", 60, "--overlay", tmp_path / "out.xyz") == 2
    assert "expected a name that ends in .mp4" in capsys.readouterr().err
    assert predict(files, "image.png", "--fov", 60, "--overlay", tmp_path / "out.xyz") == 2
    assert "cannot write the overlay" in capsys.readouterr().err


def test_an_unknown_command_is_explained():
    with pytest.raises(SystemExit, match="2"):
        main(["juggle"])
