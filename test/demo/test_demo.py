"""`./run demo` from a video to its results, over real topics; and what it says of what cannot be played."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from rosbags.highlevel import AnyReader

from metric_pose_ros.demo import __main__ as demo
from metric_pose_ros.demo import clip, processes
from metric_pose_ros.geometry.camera import Camera
from test.demo.test_clip import QCA

ROOT = Path(__file__).parents[2]
FRAMES = 4


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two rendered people who stand still."""
    picture = cv2.imread(str(ROOT / "docs" / "synthesis.jpg"))[0:240, 640:960]
    path = tmp_path_factory.mktemp("video") / "people.mp4"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 15, (640, 480))
    for _ in range(FRAMES):
        writer.write(cv2.resize(picture, (640, 480)))
    writer.release()
    return path


@pytest.fixture(scope="module")
def played(video: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, str]:
    """The folder of results, what was printed, and what was said of errors and progress."""
    out = tmp_path_factory.mktemp("demo")
    command = [sys.executable, "-m", "metric_pose_ros.demo", "--video", video, "--model", "fast", "--out", out]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return out, ran.stdout, ran.stderr


def test_the_demo_prints_who_was_seen_and_that_the_field_of_view_was_assumed(played: tuple[Path, str, str]) -> None:
    _, printed, said = played
    assert f"{FRAMES}" in printed
    assert "played frame by frame as answers came, model fast" in printed
    assert "no --camera given, so a field of view of 60 degrees is assumed" in said


def test_the_demos_bag_holds_every_frame_with_what_was_published(played: tuple[Path, str, str]) -> None:
    with AnyReader([played[0] / "demo.mcap"]) as reader:
        counts = {connection.topic: connection.msgcount for connection in reader.connections}
    assert counts[f"{processes.IMAGE}/compressed"] == FRAMES
    assert counts["/metric_pose/keypoints"] == FRAMES
    assert counts["/metric_pose/markers"] >= FRAMES


def test_the_demos_overlay_shows_skeletons_in_every_frame(played: tuple[Path, str, str], video: Path) -> None:
    given = cv2.VideoCapture(str(video)).read()[1].astype(float)
    with av.open(str(played[0] / "overlay.mp4")) as container:
        frames = [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)]
    assert len(frames) == FRAMES
    # Tracks begin with the second time that somebody is seen.
    assert (np.abs(frames[-1].astype(float) - given).max(axis=2) > 60).mean() > 0.005
    assert cv2.imread(str(played[0] / "skeletons.png")).std() > 5
    assert (played[0] / "skeletons.rrd").stat().st_size > 1000


def test_the_assumed_camera_is_kept_as_ros_writes_it(played: tuple[Path, str, str]) -> None:
    camera = Camera.from_yaml(played[0] / "camera.yaml")
    np.testing.assert_allclose(camera.K, Camera.from_fov(640, 480, 60).K)


def test_a_file_that_is_no_video_is_named_at_once(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    (tmp_path / "notes.txt").write_text("no video")
    assert demo.main(["--video", str(tmp_path / "notes.txt"), "--out", str(tmp_path / "out")]) == 1
    assert "notes.txt: expected a video file, or the number of a webcam" in capsys.readouterr().err


def test_the_shipped_clip_is_played_with_its_own_calibration(
    video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calibration = tmp_path / "calibration.qca.txt"
    calibration.write_text(QCA.replace("above", "cam01"))
    monkeypatch.setattr(clip, "fetch", lambda cache: {"cam01": video, "calibration": calibration})
    job = demo._shipped_clip(argparse.Namespace(view="cam01", out=tmp_path, model="heavy"))
    assert (job.frames, job.video) == (FRAMES, str(video))
    np.testing.assert_allclose(
        Camera.from_yaml(job.camera_file).K, [[1000, 0, 544], [0, 1100, 960], [0, 0, 1]], rtol=1e-6
    )
    np.testing.assert_allclose(Camera.from_yaml(job.camera_file).distortion, job.camera.distortion)
    assert job.up is not None
    # The truth of the clip is known.
    assert job.true_hips is not None
    assert job.true_hips.shape[1] == 3


def test_a_node_that_dies_is_named_with_the_end_of_its_log(tmp_path: Path) -> None:
    with processes.RosProcess("metric_pose_ros.ros.video_player", tmp_path / "log", video="nowhere.mp4") as player:
        player._process.wait(60)
        with pytest.raises(processes.ProcessFailedError, match=r"(?s)video_player ended with exit code .*nowhere\.mp4"):
            _ = player.ended
        assert "nowhere.mp4" in player.tail(3)


def test_a_process_that_does_not_listen_to_ctrl_c_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "_STOPPING_S", 0.2)
    (tmp_path / "somewhere").mkdir()
    (tmp_path / "somewhere" / "__init__.py").touch()
    (tmp_path / "somewhere" / "deaf.py").write_text(
        "import signal, time\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nprint('deaf', flush=True)\ntime.sleep(60)\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with processes.RosProcess("somewhere.deaf", tmp_path / "log") as process:
        for _ in range(300):
            if "deaf" in process.tail():
                break
            time.sleep(0.1)
    assert process._process.wait(10) == -signal.SIGKILL


def test_the_demo_has_a_ros_graph_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ROS_DOMAIN_ID", "ROS_AUTOMATIC_DISCOVERY_RANGE", "FASTRTPS_DEFAULT_PROFILES_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ROS_DISTRO", "humble")
    monkeypatch.setenv("ROS_LOCALHOST_ONLY", "0")
    processes.isolate()
    assert 1 <= int(os.environ["ROS_DOMAIN_ID"]) <= 100
    assert os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] == "LOCALHOST"
    assert os.environ["ROS_LOCALHOST_ONLY"] == "1"
    assert Path(os.environ["FASTRTPS_DEFAULT_PROFILES_FILE"]).is_file()
