from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, fields
from pathlib import Path

import numpy as np
import pytest
import rclpy
import yaml
from rclpy.exceptions import InvalidParameterTypeException, InvalidParameterValueException
from rclpy.node import Node
from rclpy.parameter import Parameter

from metric_pose_ros.complaints import Complaints
from metric_pose_ros.pipeline import open_streams
from metric_pose_ros.ros import parameters
from metric_pose_ros.ros.input import CameraInput
from metric_pose_ros.ros.latest import Latest
from metric_pose_ros.settings import LIVE, READ_ONLY, Settings
from test.fake_models import save_detector, save_pose_model
from test.ros.graph import Running

CONFIGURATION = Path(__file__).parents[2] / "config" / "metric_pose.yaml"


@pytest.fixture(scope="module", autouse=True)
def context() -> Iterator[None]:
    rclpy.init()
    yield
    rclpy.shutdown()


def declared(**values: object) -> Node:
    overrides = [Parameter(name, value=value) for name, value in values.items()]
    node = Node("parameters", parameter_overrides=overrides, start_parameter_services=False)
    parameters.declare(node)
    return node


def test_the_configuration_file_lists_every_parameter_with_its_default() -> None:
    content = yaml.safe_load(CONFIGURATION.read_text())
    assert content == {"/**/metric_pose": {"ros__parameters": asdict(Settings())}}


def test_the_configuration_file_describes_every_parameter_as_the_node_does() -> None:
    text = CONFIGURATION.read_text()
    for row in fields(Settings):
        mark = "(live) " if row.name in LIVE else "(read-only) " if row.name in READ_ONLY else ""
        assert f"# {mark}{row.metadata['text'].rstrip('.')}" in text, row.name


def test_what_is_declared_reads_back_as_the_defaults() -> None:
    node = declared()
    assert parameters.read(node) == Settings()
    for row in fields(Settings):
        described = node.describe_parameter(row.name)
        assert described.description == row.metadata["text"]
        assert described.read_only == (row.name in READ_ONLY)


def test_values_from_outside_replace_defaults() -> None:
    settings = parameters.read(declared(min_confidence=0.7, model="fast", detection_interval=3))
    assert (settings.min_confidence, settings.model, settings.detection_interval) == (0.7, "fast", 3)


def test_the_skeleton_reaches_the_estimator(tmp_path: Path) -> None:
    detector = save_detector(tmp_path / "detector.onnx", "movenet_multipose", {"people": np.zeros((1, 6, 56))})
    model = save_pose_model(tmp_path / "pose.onnx")
    for asked, found in (("", "body_30"), ("coco_17", "coco_17")):
        stream = open_streams(Settings(model=str(model), detector=str(detector), skeleton=asked))
        assert stream.estimator.skeleton.name == found
        stream.close()


def test_an_unknown_image_transport_is_named_with_those_that_are_known() -> None:
    node = declared(image_transport="theora")
    with pytest.raises(ValueError, match="unknown image_transport 'theora', expected raw or compressed"):
        CameraInput(node, parameters.read(node), Complaints(node.get_logger()), Latest())


@pytest.mark.parametrize(
    ("name", "value"), [("min_confidence", 1.1), ("detection_interval", 0), ("threads", 65), ("marker_lifetime", -1.0)]
)
def test_values_out_of_range_are_refused(name: str, value: object) -> None:
    with pytest.raises(InvalidParameterValueException, match=name):
        declared(**{name: value})


def test_values_of_another_type_are_refused() -> None:
    with pytest.raises(InvalidParameterTypeException, match="threads"):
        declared(threads="two")


def test_the_node_refuses_to_start_with_a_value_out_of_range_and_names_it() -> None:
    with Running.people_in_the_image("--ros-args", "-p", "detection_interval:=0") as running:
        assert running.wait() == 1
        assert "detection_interval" in running.log
        assert "Traceback" not in running.log


def test_the_node_takes_the_configuration_file() -> None:
    with Running.people_in_the_image("--ros-args", "--params-file", str(CONFIGURATION)) as running:
        assert "active: listening to /image" in running.wait_for_log("active: listening to /image")
        assert "Traceback" not in running.log
