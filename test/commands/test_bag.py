"""`metric-pose bag` as it is called: options, several bags at once, and being killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from metric_pose_ros.bags.job import Job
from metric_pose_ros.bags.processing import process
from metric_pose_ros.commands import bag as command
from metric_pose_ros.commands import main
from metric_pose_ros.engines.failures import EngineOutOfMemory
from metric_pose_ros.people import Person
from metric_pose_ros.settings import Settings
from metric_pose_ros.shots import Shot
from test.bags import recorded
from test.people_in_the_image import PeopleInTheImage

ROOT = Path(__file__).parents[2]
PATIENCE_S = 60.0


def start(*arguments: object, seconds_per_frame: float = 0.0) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "test.bags.people_bag", *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, "SECONDS_PER_FRAME": str(seconds_per_frame)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def output(process: subprocess.Popen[str]) -> str:
    return process.communicate(timeout=PATIENCE_S)[0]


def test_several_bags_are_worked_on_at_once_and_a_bad_one_leaves_the_others_alone(tmp_path: Path) -> None:
    good = recorded.write(tmp_path / "good", recorded.camera_bag([2]))
    bad = recorded.write(tmp_path / "bad", [("/chatter", 1.0, recorded.word("nothing to see"))])
    arguments = (good, bad, tmp_path / "out", "--jobs", 2, "--leave-out", "/camera/*", "--storage", "sqlite3")
    run = start(*arguments)
    text = output(run)
    assert run.returncode == 2
    assert f"{bad} has no images" in text
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"good"}
    assert f"{tmp_path / 'out' / 'good'}: 1 images" in text
    ((_, cloud),) = recorded.read(tmp_path / "out" / "good", "/metric_pose/keypoints")
    assert cloud.width == 60
    assert (tmp_path / "out" / "good" / "good.db3").is_file()


class LittleMemory(PeopleInTheImage):
    def _people(self, name: str, shot: Shot) -> list[Person]:
        people = super()._people(name, shot)
        if len(people) > 2:
            raise EngineOutOfMemory("ONNX Runtime failed with RuntimeException: bad allocation")
        return people


def test_a_bag_for_which_memory_is_short_leaves_the_others_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "run", partial(command.run, open_streams=LittleMemory))
    few = recorded.write(tmp_path / "few", recorded.camera_bag([1]))
    many = recorded.write(tmp_path / "many", recorded.camera_bag([3]))
    assert main(["bag", str(few), str(many), str(tmp_path / "out"), "--jobs", "1"]) == 2
    said = capsys.readouterr()
    assert f"{tmp_path / 'out' / 'few'}: 1 images" in said.out
    assert f"metric-pose bag: {many}: ONNX Runtime failed with RuntimeException: bad allocation\n" in said.err
    assert [folder.name for folder in (tmp_path / "out").iterdir()] == ["few"]


def test_a_killed_run_leaves_no_half_bag_and_the_next_one_makes_the_whole(tmp_path: Path) -> None:
    bag = recorded.write(tmp_path / "in", recorded.camera_bag([1] * 100))
    killed = start(bag, tmp_path / "out", seconds_per_frame=0.1)
    part = tmp_path / "out.part" / "out"
    deadline = time.monotonic() + PATIENCE_S
    while not part.is_dir():
        assert time.monotonic() < deadline
        assert killed.poll() is None, output(killed)
        time.sleep(0.02)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.communicate()
    assert not (tmp_path / "out").exists()
    again = start(bag, tmp_path / "out")
    assert "100 images" in output(again)
    assert not (tmp_path / "out.part").exists()
    settings = Settings(background_detection=False, publish_overlay=False)
    process(Job(bag, tmp_path / "undisturbed" / "out", settings), PeopleInTheImage, lambda done, total: None)
    assert recorded.files(tmp_path / "out") == recorded.files(tmp_path / "undisturbed" / "out")


def test_ctrl_c_ends_quietly_and_cleans_up(tmp_path: Path) -> None:
    bags = [recorded.write(tmp_path / name, recorded.camera_bag([1] * 100)) for name in "ab"]
    run = start(*bags, tmp_path / "out", "--jobs", 2, seconds_per_frame=0.1)
    deadline = time.monotonic() + PATIENCE_S
    while not all((tmp_path / "out" / f"{name}.part" / name).is_dir() for name in "ab"):
        assert time.monotonic() < deadline
        assert run.poll() is None, output(run)
        time.sleep(0.02)
    os.killpg(run.pid, signal.SIGINT)
    assert "Traceback" not in output(run)
    assert run.returncode == 130
    assert not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["-p", "colour:=red"], "there is no parameter 'colour'; known are autostart"),
        (["-p", "threads"], "-p threads cannot be read, expected NAME:=VALUE"),
        (["-p", "threads:=many"], "the parameter threads is 'many', expected a whole number"),
        (["-p", "min_confidence:=2"], "the parameter min_confidence is 2.0, expected 0.0 to 1.0"),
        (["-p", "publish_people:=1"], "the parameter publish_people is 1, expected true or false"),
        (["-p", "autostart:=true"], "the parameter autostart is about a running node and means nothing for a bag"),
        (["-p", "model:=nowhere.onnx"], "nowhere.onnx"),
        (["-p", "camera_yaml:=nowhere.yaml"], "nowhere.yaml"),
        (["--params-file", "nowhere.yaml"], "nowhere.yaml"),
        (["--jobs", "0"], "--jobs is 0, expected at least 1"),
    ],
)
def test_wrong_options_are_explained(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], text: str
) -> None:
    bag = recorded.write(tmp_path / "in", recorded.camera_bag([1]))
    assert main(["bag", str(bag), str(tmp_path / "out"), *options]) == 2
    assert text in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_the_target_is_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bag", str(tmp_path / "in"), str(tmp_path / "out.mcap")]) == 2
    assert "is to become a folder with the bag in it: leave out .mcap" in capsys.readouterr().err


def test_results_of_several_bags_need_names(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bag", str(tmp_path / "x" / "in"), str(tmp_path / "y" / "in.mcap"), str(tmp_path / "out")]) == 2
    assert "several bags are called in" in capsys.readouterr().err


def test_the_nodes_own_parameter_file_is_taken(tmp_path: Path) -> None:
    bag = recorded.write(tmp_path / "in", recorded.camera_bag([1]))
    file = tmp_path / "parameters.yaml"
    file.write_text(
        (ROOT / "config" / "metric_pose.yaml").read_text().replace("publish_poses: true", "publish_poses: false")
    )
    run = start(bag, tmp_path / "out", "--params-file", file, "-p", "publish_overlay:=false")
    assert "1 images" in output(run)
    assert {topic for topic in recorded.topics(tmp_path / "out") if topic.startswith("/metric_pose")} == {
        "/metric_pose/markers",
        "/metric_pose/keypoints",
    }
