"""colcon builds the package as a ROS package, with everything that the node needs at run time."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SHIPPED = ("metric_pose_ros", "resource", "launch", "config", "package.xml", "setup.py", "setup.cfg")


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A colcon workspace with a copy of the package; a model stands in for the large ones."""
    folder = tmp_path_factory.mktemp("workspace")
    package = folder / "src" / "metric_pose_ros"
    for name in SHIPPED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, package / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            package.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, package / name)
    (package / "models").mkdir()
    (package / "models" / "stand_in.onnx").write_bytes(b"model")
    return folder


def colcon(workspace: Path, *arguments: str) -> str:
    # The executable stands beside Python in a virtual environment, and on the path with a sourced ROS.
    environment = {**os.environ, "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])}
    ran = subprocess.run(
        ["colcon", *arguments], cwd=workspace, env=environment, capture_output=True, text=True, timeout=300
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def test_colcon_takes_it_for_a_ros_python_package(workspace: Path) -> None:
    assert colcon(workspace, "list").split() == ["metric_pose_ros", "src/metric_pose_ros", "(ros.ament_python)"]


def test_the_build_installs_executables_launch_file_configuration_and_models(workspace: Path) -> None:
    colcon(workspace, "build")
    installed = workspace / "install" / "metric_pose_ros"
    executables = {path.name for path in (installed / "lib" / "metric_pose_ros").iterdir()}
    assert executables == {"metric_pose_node", "video_player", "metric-pose"}
    share = installed / "share" / "metric_pose_ros"
    for file in (
        "package.xml",
        "launch/metric_pose.launch.py",
        "config/metric_pose.yaml",
        "config/metric_pose.rviz",
        "config/fastdds_shm.xml",
        "models/stand_in.onnx",
    ):
        assert (share / file).is_file(), file
    assert (installed / "share" / "ament_index" / "resource_index" / "packages" / "metric_pose_ros").is_file()


def test_the_build_holds_every_module_and_message_definition(workspace: Path) -> None:
    (built,) = (workspace / "install").rglob("site-packages/metric_pose_ros")
    for kind in ("*.py", "*.msg"):
        sources = {path.relative_to(ROOT / "metric_pose_ros") for path in (ROOT / "metric_pose_ros").rglob(kind)}
        assert {path.relative_to(built) for path in built.rglob(kind)} == sources
