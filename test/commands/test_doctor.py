"""`metric-pose doctor`: what works is said, what does not is said with a remedy."""

import shutil

import pytest

from metric_pose_ros import models
from metric_pose_ros.commands import doctor, main
from metric_pose_ros.engines.failures import EngineOutOfMemory
from metric_pose_ros.model_hashes import state
from metric_pose_ros.models import find_model
from test.fake_models import save_pose_model


@pytest.fixture
def shipped(tmp_path, monkeypatch):
    """A folder of shipped models, with small pose models in place of the real ones."""
    for name in ("metric_pose_heavy", "metric_pose_fast"):
        save_pose_model(tmp_path / f"{name}.onnx")
    for name in ("movenet_multipose", "nanodet"):
        shutil.copy(find_model(name), tmp_path)
    for path in tmp_path.glob("*.onnx"):
        state(path)
    monkeypatch.setattr(models, "model_directories", lambda: [tmp_path])
    return tmp_path


def report(capsys, *options) -> tuple[int, str]:
    status = main(["doctor", "--threads", "1", *options])
    return status, capsys.readouterr().out


def test_a_healthy_machine_passes(shipped, capsys):
    status, text = report(capsys)
    assert status == 0
    for word in (
        "Python 3",
        "numpy",
        "onnxruntime",
        "metric_pose_heavy",
        "as SHA256SUMS states",
        "ms per person",
        "all that",
    ):
        assert word in text
    assert "FAIL" not in text


def test_a_missing_model_fails_and_says_where_it_was_looked_for(shipped, capsys):
    (shipped / "metric_pose_heavy.onnx").unlink()
    status, text = report(capsys)
    assert status == 1
    assert "no model 'metric_pose_heavy': it is no file, and not among the shipped models" in text
    assert str(shipped) in text


def test_a_changed_model_fails(shipped, capsys):
    sums = shipped / "SHA256SUMS"
    sums.write_text(f"{'0' * 64}  nanodet.onnx\n")
    status, text = report(capsys)
    assert status == 1
    assert f"{sums} states {'0' * 64}: it was damaged or replaced" in text


def test_a_model_that_lacks_memory_fails(tmp_path, monkeypatch):
    def fail(*_):
        raise EngineOutOfMemory("ONNX Runtime failed with RuntimeException: bad allocation")

    monkeypatch.setattr(doctor.PoseEstimator, "estimate", fail)
    finding = doctor._trial(str(save_pose_model(tmp_path / "pose.onnx")), 1)
    assert finding.state == "FAIL"
    assert finding.text.endswith("pose.onnx does not run: ONNX Runtime failed with RuntimeException: bad allocation")


def test_a_camera_file_is_checked(shipped, capsys, tmp_path):
    camera = tmp_path / "camera.yaml"
    camera.write_text("image_width: 640\nimage_height: 480\ncamera_matrix: [500, 0, 320, 0, 500, 240, 0, 0, 1]\n")
    status, text = report(capsys, "--camera", str(camera))
    assert status == 0
    assert "640x480, plumb_bob, 65 degrees wide" in text
    camera.write_text("image_width: 320\nimage_height: 240\ncamera_matrix: [500, 0, 320, 0, 500, 240, 0, 0, 1]\n")
    assert "principal point is far from the middle" in report(capsys, "--camera", str(camera))[1]
    camera.write_text("nonsense")
    assert report(capsys, "--camera", str(camera))[0] == 1


def test_a_fisheye_may_see_more_than_half_of_everything(tmp_path):
    camera = tmp_path / "fisheye.yaml"
    camera.write_text(
        "image_width: 1001\nimage_height: 1001\ncamera_matrix: [260, 0, 500, 0, 260, 500, 0, 0, 1]\n"
        "distortion_model: equidistant\ndistortion_coefficients: [0, 0, 0, 0]\n"
    )
    assert doctor._camera(camera).text.endswith("equidistant, 220 degrees wide")


def test_an_old_python_fails():
    assert doctor._python((3, 9)).state == "FAIL"
    assert doctor._python((3, 10)).state == "ok"


def test_a_missing_package_fails_with_the_command_that_installs_it():
    finding = doctor._package("there_is_no_such_module", ("such-a-package",))
    assert finding.state == "FAIL"
    assert finding.text.endswith("pip install such-a-package")


def test_more_threads_than_cores_are_noted():
    (finding,) = doctor._threads(10_000)
    assert finding.state == "note"
