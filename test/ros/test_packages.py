from __future__ import annotations

import sys

import pytest

from metric_pose_ros.ros.packages import NEEDED, check, debian_name
from metric_pose_ros.settings import Settings
from test.ros.graph import Bench, Running


def test_every_parameter_that_needs_a_package_is_off_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    for package in NEEDED.values():
        monkeypatch.setitem(sys.modules, package, None)
    check(Settings())
    assert not any(getattr(Settings(), parameter) for parameter in NEEDED)


def test_what_is_missing_is_named_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROS_DISTRO", "humble")
    monkeypatch.setitem(sys.modules, "hri_msgs", None)
    monkeypatch.setitem(sys.modules, "vision_msgs", None)
    with pytest.raises(ValueError, match=r"publish_detections needs .*ros-humble-vision-msgs.*; publish_humans needs"):
        check(Settings(publish_humans=True, publish_detections=True))


def test_without_a_distribution_the_name_says_where_it_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ROS_DISTRO", raising=False)
    assert debian_name("people_msgs") == "ros-$ROS_DISTRO-people-msgs"


def test_an_output_whose_package_is_missing_is_not_switched_on_while_the_node_runs(bench: Bench) -> None:
    with Running("test.ros.without_people_msgs") as running:
        running.wait_for_log("active: listening")
        taken, reason = bench.set_parameter("publish_people", True)
        assert not taken
        assert "publish_people needs people_msgs, which is not installed" in reason


def test_the_node_says_at_start_what_it_lacks_and_stays_up() -> None:
    with Running("test.ros.without_people_msgs", "--ros-args", "-p", "publish_people:=true") as running:
        line = running.wait_for_log("cannot configure")
        assert "publish_people needs people_msgs, which is not installed: apt install ros-" in line
        running.wait_for_log("not started")
        assert running.alive
        assert "Traceback" not in running.log
