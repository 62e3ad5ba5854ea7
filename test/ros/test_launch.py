"""The launch file, with stand-ins for the launch packages that record what it asks for."""

from __future__ import annotations

import importlib.util
import sys
import types
from pathlib import Path
from typing import Any

import pytest

LAUNCH_FILE = Path(__file__).parents[2] / "launch" / "metric_pose.launch.py"


class Recorded:
    """Stands in for any class of the launch packages: remembers its arguments."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        self.arguments = arguments
        self.named = named


def stand_in(module: str, *names: str) -> types.ModuleType:
    made = types.ModuleType(module)
    for name in names:
        setattr(made, name, type(name, (Recorded,), {}))
    return made


class Context:
    """Values of the launch arguments: their defaults, and what is given."""

    def __init__(self, launch_file: Any, **values: str) -> None:
        self.values = {name: named["default_value"] for name, named in declared(launch_file).items()} | values
        self.asked: set[str] = set()


def declared(launch_file: Any) -> dict[str, dict[str, Any]]:
    """The launch arguments and how they are described."""
    (entities,) = launch_file.generate_launch_description().arguments
    return {
        entity.arguments[0]: entity.named for entity in entities if type(entity).__name__ == "DeclareLaunchArgument"
    }


def started(launch_file: Any, **values: str) -> dict[str, dict[str, Any]]:
    """The processes by their executables."""
    nodes = launch_file.components(Context(launch_file, **values))
    return {node.named["executable"]: node.named for node in nodes}


@pytest.fixture
def launch_file(monkeypatch: pytest.MonkeyPatch) -> Any:
    modules = {
        "ament_index_python": stand_in("ament_index_python"),
        "ament_index_python.packages": stand_in("ament_index_python.packages"),
        "launch": stand_in("launch", "LaunchContext", "LaunchDescription"),
        "launch.actions": stand_in("actions", "DeclareLaunchArgument", "OpaqueFunction", "SetEnvironmentVariable"),
        "launch.substitutions": stand_in("substitutions", "EnvironmentVariable", "LaunchConfiguration"),
        "launch_ros": stand_in("launch_ros"),
        "launch_ros.actions": stand_in("launch_ros.actions", "Node"),
        "launch_ros.parameter_descriptions": stand_in("parameter_descriptions", "ParameterValue"),
    }
    share: Any = lambda package: f"/share/{package}"  # noqa: E731
    modules["ament_index_python.packages"].get_package_share_directory = share  # type: ignore[attr-defined]
    configuration: Any = modules["launch.substitutions"].LaunchConfiguration

    def perform(self: Any, context: Context) -> str:
        context.asked.add(self.arguments[0])
        return context.values[self.arguments[0]]

    configuration.perform = perform
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)
    spec = importlib.util.spec_from_file_location("metric_pose_launch", LAUNCH_FILE)
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


def test_every_argument_is_described_and_used(launch_file: Any) -> None:
    assert all(named["description"].endswith(".") for named in declared(launch_file).values())
    everything = Context(launch_file, video="0", rviz="true")
    launch_file.components(everything)
    assert everything.asked == set(declared(launch_file))


def test_the_node_gets_its_topics_and_parameters_and_nothing_else_is_started(launch_file: Any) -> None:
    nodes = started(launch_file, image="/camera/image_raw", model="fast", tracking_frame="odom", people="true")
    assert set(nodes) == {"metric_pose_node"}
    node = nodes["metric_pose_node"]
    assert node["package"] == "metric_pose_ros"
    assert node["remappings"] == [("image", "/camera/image_raw"), ("camera_info", "camera_info")]
    # What is not given stays as the parameters file has it.
    assert node["parameters"][0].endswith("metric_pose.yaml")
    assert node["parameters"][1:] == [
        {"use_sim_time": False},
        {"model": "fast"},
        {"tracking_frame": "odom"},
        {"publish_people": True},
    ]
    assert not node["respawn"]


def test_each_camera_has_its_topics(launch_file: Any) -> None:
    node = started(launch_file, cameras="front, rear", image="/{camera}/image_raw", camera_info="/{camera}/info")
    assert node["metric_pose_node"]["remappings"] == [
        ("front/image", "/front/image_raw"),
        ("front/camera_info", "/front/info"),
        ("rear/image", "/rear/image_raw"),
        ("rear/camera_info", "/rear/info"),
    ]
    assert {"cameras": "front, rear"} in node["metric_pose_node"]["parameters"]


def test_of_several_cameras_topics_that_are_not_given_keep_their_names(launch_file: Any) -> None:
    node = started(launch_file, cameras="front,rear", image="/{camera}/image_raw")
    assert node["metric_pose_node"]["remappings"] == [
        ("front/image", "/front/image_raw"),
        ("rear/image", "/rear/image_raw"),
    ]


def test_a_video_can_be_the_only_one_of_several_cameras(launch_file: Any) -> None:
    node = started(launch_file, cameras="front", video="clip.mp4")["metric_pose_node"]
    assert node["remappings"] == [("front/image", "image"), ("front/camera_info", "camera_info")]


def test_one_topic_for_several_cameras_is_refused(launch_file: Any) -> None:
    with pytest.raises(ValueError, match=r"image:=/image_raw is one topic for 2 cameras: put \{camera\} where"):
        started(launch_file, cameras="front,rear", image="/image_raw")


def test_what_is_asked_for_is_started_and_what_is_not_wanted_is_not(launch_file: Any) -> None:
    nodes = started(launch_file, node="false", video="0", rviz="true", namespace="robot")
    assert set(nodes) == {"video_player", "rviz2"}
    # A webcam's number is a text for the player.
    video = nodes["video_player"]["parameters"][0]["video"]
    assert (video.arguments, video.named) == (("0",), {"value_type": str})
    assert ("/metric_pose/markers", "robot/metric_pose/markers") in nodes["rviz2"]["remappings"]


def test_rviz_shows_the_first_of_several_cameras(launch_file: Any) -> None:
    nodes = started(launch_file, cameras="front,rear", rviz="true")
    assert ("/metric_pose/markers", "/metric_pose/front/markers") in nodes["rviz2"]["remappings"]


def test_rviz_shows_people_in_the_frame_that_is_asked_for(launch_file: Any) -> None:
    assert "-f" not in started(launch_file, rviz="true")["rviz2"]["arguments"]
    assert started(launch_file, rviz="true", rviz_frame="odom")["rviz2"]["arguments"][-2:] == ["-f", "odom"]


def test_a_node_that_dies_is_started_again_if_that_is_asked_for_and_it_was_not_to_end(launch_file: Any) -> None:
    assert started(launch_file, respawn="true")["metric_pose_node"]["respawn"]
    building = started(launch_file, respawn="true", build_only="true")["metric_pose_node"]
    assert not building["respawn"]
    assert building["parameters"][-1] == {"build_only": True}


def test_the_files_that_it_names_are_in_the_configuration_folder(launch_file: Any) -> None:
    (entities,) = launch_file.generate_launch_description().arguments
    named = {
        Path(entity.named["default_value"])
        for entity in entities
        if type(entity).__name__ == "DeclareLaunchArgument" and "/" in entity.named["default_value"]
    }
    configuration = LAUNCH_FILE.parents[1] / "config"
    assert {path.name for path in named} == {"metric_pose.yaml", "metric_pose.rviz"}
    assert all((configuration / path.name).is_file() for path in named)
    assert (configuration / "fastdds_shm.xml").is_file()
