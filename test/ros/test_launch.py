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
    """Values of the launch arguments."""

    def __init__(self, **values: str) -> None:
        self.values = values


@pytest.fixture
def launch_file(monkeypatch: pytest.MonkeyPatch) -> Any:
    modules = {
        "ament_index_python": stand_in("ament_index_python"),
        "ament_index_python.packages": stand_in("ament_index_python.packages"),
        "launch": stand_in("launch", "LaunchContext", "LaunchDescription"),
        "launch.actions": stand_in("actions", "DeclareLaunchArgument", "OpaqueFunction", "SetEnvironmentVariable"),
        "launch.conditions": stand_in("conditions", "IfCondition"),
        "launch.substitutions": stand_in("substitutions", "EnvironmentVariable", "LaunchConfiguration"),
        "launch_ros": stand_in("launch_ros"),
        "launch_ros.actions": stand_in("launch_ros.actions", "Node"),
    }
    share: Any = lambda package: f"/share/{package}"  # noqa: E731
    modules["ament_index_python.packages"].get_package_share_directory = share  # type: ignore[attr-defined]
    configuration: Any = modules["launch.substitutions"].LaunchConfiguration
    configuration.perform = lambda self, context: context.values[self.arguments[0]]
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)
    spec = importlib.util.spec_from_file_location("metric_pose_launch", LAUNCH_FILE)
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


def test_every_value_that_is_used_is_declared_with_a_description(launch_file: Any) -> None:
    (entities,) = launch_file.generate_launch_description().arguments
    declared = {
        entity.arguments[0]: entity.named for entity in entities if type(entity).__name__ == "DeclareLaunchArgument"
    }
    assert {"image", "camera_info", "namespace", "params_file", "rviz", "model", "build_only", "use_sim_time"} <= set(
        declared
    )
    assert all(named["description"].endswith(".") for named in declared.values())
    (node,) = launch_file.people(Context(model="", image_transport="", build_only="false"))
    rviz = next(entity for entity in entities if type(entity).__name__ == "Node")
    used = {value.arguments[0] for value in _configurations([node.named, rviz.named])}
    assert used | {"model", "image_transport", "build_only"} == set(declared)


def test_the_node_gets_its_topics_namespace_and_parameters(launch_file: Any) -> None:
    (node,) = launch_file.people(Context(model="", image_transport="", build_only="false"))
    assert (node.named["package"], node.named["executable"]) == ("metric_pose_ros", "metric_pose_node")
    assert [name for name, _ in node.named["remappings"]] == ["image", "camera_info"]
    assert len(node.named["parameters"]) == 2


def test_a_model_overrides_the_parameters_file_only_when_given(launch_file: Any) -> None:
    (node,) = launch_file.people(Context(model="fast", image_transport="", build_only="false"))
    assert node.named["parameters"][-1] == {"model": "fast"}


def test_compressed_images_are_listened_to_only_when_asked_for(launch_file: Any) -> None:
    (node,) = launch_file.people(Context(model="", image_transport="compressed", build_only="false"))
    assert node.named["parameters"][-1] == {"image_transport": "compressed"}


def test_engines_are_built_only_when_asked_for(launch_file: Any) -> None:
    (node,) = launch_file.people(Context(model="", image_transport="", build_only="true"))
    assert node.named["parameters"][-1] == {"build_only": True}


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


def _configurations(value: Any) -> list[Recorded]:
    """Every LaunchConfiguration within nested values."""
    if type(value).__name__ == "LaunchConfiguration":
        return [value]
    if isinstance(value, Recorded):
        return _configurations([*value.arguments, *value.named.values()])
    if isinstance(value, dict):
        return _configurations(list(value.values()))
    if isinstance(value, (list, tuple)):
        return [found for item in value for found in _configurations(item)]
    return []
