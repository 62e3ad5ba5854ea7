"""No network, no files but those that are asked for, no pickles."""

from __future__ import annotations

import ast
import os
import platform
import signal
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from metric_pose_ros.models import find_model
from test.fake_models import save_detector, save_pose_model

ROOT = Path(__file__).parents[1]
SOURCES = [
    file for folder in ("metric_pose_ros", "training", "launch", "docs") for file in (ROOT / folder).rglob("*.py")
]
linux = pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() not in ("x86_64", "aarch64"), reason="seccomp filters are Linux'"
)


@pytest.fixture
def run(tmp_path):
    """Runs a module without a network, in an empty folder that is its home and its place for temporary files, too."""
    place = tmp_path / "place"
    place.mkdir()

    def run(module, *arguments):
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "HOME": str(place), "TMPDIR": str(place)}
        for name in ("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "ORT_DISABLE_TELEMETRY"):
            environment.pop(name, None)
        command = [sys.executable, "-m", "test.without_network", module, *map(str, arguments)]
        return subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True, timeout=120), place

    return run


@pytest.fixture
def footage(tmp_path):
    """An image and a video of noise, and models that see somebody in it."""
    noise = np.random.default_rng(0).integers(0, 255, (240, 320, 3)).astype(np.uint8)
    cv2.imwrite(str(tmp_path / "image.png"), noise)
    writer = cv2.VideoWriter(str(tmp_path / "video.mp4"), cv2.VideoWriter.fourcc(*"mp4v"), 25, (320, 240))
    for _ in range(3):
        writer.write(noise)
    writer.release()
    row = np.zeros((1, 6, 56))
    row[0, 0, 51:56] = [0.1, 0.4, 0.9, 0.6, 0.8]
    save_detector(tmp_path / "detector.onnx", "movenet_multipose", {"people": row})
    save_pose_model(tmp_path / "pose.onnx")
    return tmp_path


def options(folder):
    return "--model", folder / "pose.onnx", "--detector", folder / "detector.onnx", "--threads", 1, "--fov", 60


@linux
@pytest.mark.parametrize("family", ["AF_INET", "AF_INET6"])
def test_the_guard_ends_who_opens_an_internet_socket(tmp_path, run, family):
    (tmp_path / "place" / "calls_home.py").write_text(f"import socket\nsocket.socket(socket.{family})\n")
    ran, _ = run("calls_home")
    assert ran.returncode == -signal.SIGSYS


@linux
@pytest.mark.parametrize("name", ["image.png", "video.mp4"])
def test_predict_opens_no_network_and_leaves_no_file_that_was_not_asked_for(footage, run, name):
    ran, place = run("metric_pose_ros.commands", "predict", footage / name, *options(footage))
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "1 people" in ran.stdout or "3 frames" in ran.stdout
    assert [str(path) for path in place.rglob("*")] == []


@linux
@pytest.mark.parametrize("module", ["metric_pose_ros", "metric_pose_ros.models", "training.model_file"])
def test_onnx_runtime_tells_nobody_what_it_runs(run, module):
    program = f"import {module}, onnxruntime; onnxruntime.InferenceSession({str(find_model('fast'))!r})"
    (ran, place) = run("timeit", "-n1", "-r1", program)
    assert ran.returncode == 0, ran.stderr
    # Told to tell, it keeps a number for this device and what it has yet to send here.
    assert [str(path) for path in place.rglob("*")] == []


@linux
def test_predict_writes_what_is_asked_for_and_nothing_else(footage, run):
    out = ("--json", "people.json", "--overlay", "people.png")
    ran, place = run("metric_pose_ros.commands", "predict", footage / "image.png", *options(footage), *out)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert {path.name for path in place.rglob("*")} == {"people.json", "people.png"}


def imports(file: Path) -> set[str]:
    """Modules that a file imports, by their first name."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.add(str(node.module).split(".")[0])
    return found


def calls(file: Path, name: str) -> list[ast.Call]:
    """Calls such as ``torch.load(...)`` in a file."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return [node for node in ast.walk(tree) if isinstance(node, ast.Call) and ast.unparse(node.func) == name]


def test_pickles_are_read_as_data_in_one_place():
    users = {
        file.relative_to(ROOT).as_posix() for file in SOURCES if imports(file) & {"pickle", "dill", "shelve", "joblib"}
    }
    # official_release knows the name of an error only.
    assert users == {"training/safe_pickle.py", "training/networks/official_release.py"}
    assert not calls(ROOT / "training/networks/official_release.py", "pickle.load")


@pytest.mark.parametrize(
    ("name", "argument", "value"), [("torch.load", "weights_only", True), ("np.load", "allow_pickle", False)]
)
def test_what_could_load_pickles_is_told_not_to(name, argument, value):
    for file in SOURCES:
        for call in calls(file, name):
            given = {
                keyword.arg: ast.literal_eval(keyword.value) for keyword in call.keywords if keyword.arg == argument
            }
            # NumPy's default is no pickles; torch's depends on its version.
            assert given.get(argument, value if name == "np.load" else None) is value, f"{file}: {ast.unparse(call)}"


def test_what_runs_on_a_robot_imports_no_client_of_a_network():
    clients = {"socket", "http", "urllib", "requests", "ftplib", "smtplib", "aiohttp", "httpx", "websockets"}
    users = {file.relative_to(ROOT).as_posix(): imports(file) & clients for file in SOURCES if file.parts}
    assert {file: used for file, used in users.items() if used and file.startswith("metric_pose_ros/")} == {}
