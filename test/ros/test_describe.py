"""The page about the nodes says what the nodes are, as a running graph has them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from rcl_interfaces.msg import ParameterDescriptor, ParameterType
from rcl_interfaces.srv import DescribeParameters, ListParameters

from metric_pose_ros.ros import describe
from metric_pose_ros.ros.describe import METRIC_POSE, VIDEO_PLAYER, VIEW, NodeTables, Way
from metric_pose_ros.ros.live_scene import LiveScene
from metric_pose_ros.viewing import Asked
from test.ros.graph import Bench, Running, wait_until

PAGE = Path(__file__).parents[2] / "docs" / "nodes.md"
OF_EVERY_NODE = ("/rosout", "/parameter_events", "/clock")
OF_THE_LIFE_CYCLE = "/metric_pose/transition_event"
TYPES = {
    bool: ParameterType.PARAMETER_BOOL,
    int: ParameterType.PARAMETER_INTEGER,
    float: ParameterType.PARAMETER_DOUBLE,
    str: ParameterType.PARAMETER_STRING,
}
Named = list[tuple[str, list[str]]]


def test_the_page_is_as_the_tables_are() -> None:
    assert PAGE.read_text(encoding="utf-8") == describe.document(), (
        f"{PAGE} is out of date: python -m metric_pose_ros.ros.describe docs/nodes.md"
    )


@pytest.fixture(scope="module")
def node(bench: Bench) -> Iterator[Running]:
    """The node with everything that can be there."""
    pytest.importorskip("vision_msgs.msg")
    pytest.importorskip("people_msgs.msg")
    pytest.importorskip("hri_msgs.msg")
    options = ("publish_people", "publish_detections", "publish_humans")
    arguments = [part for name in options for part in ("-p", f"{name}:=true")]
    arguments += ["-p", "fixed_frame:=camera", "-p", "detections_topic:=boxes"]
    with Running.people_in_the_image("--ros-args", *arguments) as running:
        bench.wait_for_node()
        bench.listen("keypoints")
        yield running


def expected(ways: tuple[Way, ...], node: str, **replaced: str) -> dict[str, str]:
    """Full names and types."""
    found = {}
    for way in ways:
        name = way.name
        for old, new in replaced.items():
            name = name.replace(f"<{old}>", new)
        name = f"/{node}{name[1:]}" if name.startswith("~") else name if name.startswith("/") else f"/{name}"
        found[name] = way.kind
    return found


def seen(ask: Callable[[str, str], Named], node: str) -> dict[str, str]:
    return {topic: kinds[0] for topic, kinds in ask(node, "/") if topic not in (*OF_EVERY_NODE, OF_THE_LIFE_CYCLE)}


def test_the_node_publishes_what_the_page_says(bench: Bench, node: Running) -> None:
    wanted = expected(METRIC_POSE.published, "metric_pose", id="p1")

    def published() -> dict[str, str]:
        bench.see(1, "keypoints")
        return seen(bench.node.get_publisher_names_and_types_by_node, "metric_pose")

    wait_until(lambda: published() == wanted, "everything", lambda: f"{published()}", every_s=0.2)


def test_the_node_listens_to_what_the_page_says(bench: Bench, node: Running) -> None:
    wanted = expected(METRIC_POSE.subscribed, "metric_pose", detections_topic="boxes")
    del wanted["/image/compressed"]  # instead of /image
    assert seen(bench.node.get_subscriber_names_and_types_by_node, "metric_pose") == wanted


def test_compressed_images_come_as_the_page_says(bench: Bench) -> None:
    with Running.people_in_the_image(
        "--ros-args", "-r", "__node:=packed", "-p", "image_transport:=compressed"
    ) as other:
        other.wait_for_log("active: listening")
        wanted = expected(METRIC_POSE.subscribed, "packed")
        wanted = {topic: wanted[topic] for topic in ("/image/compressed", "/camera_info")}
        heard = bench.node.get_subscriber_names_and_types_by_node
        wait_until(lambda: "packed" in bench.node.get_node_names(), "the node")
        wait_until(lambda: seen(heard, "packed") == wanted, "its topics")


def test_the_node_serves_what_the_page_says(bench: Bench, node: Running) -> None:
    services = seen(bench.node.get_service_names_and_types_by_node, "metric_pose")
    assert expected(METRIC_POSE.services, "metric_pose").items() <= services.items()
    about_us = {name for name in services if services[name].startswith("std_srvs")}
    assert about_us == {"/metric_pose/enable"}


def test_the_node_has_the_parameters_of_the_page(bench: Bench, node: Running) -> None:
    assert_parameters(bench, METRIC_POSE)


def test_the_player_is_as_the_page_says(bench: Bench, tmp_path: Path) -> None:
    clip = tmp_path / "clip.avi"
    writer = cv2.VideoWriter(str(clip), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*"MJPG"), 20.0, (64, 48))
    writer.write(np.zeros((48, 64, 3), np.uint8))
    writer.release()
    # In a namespace nobody listens, so that it waits.
    arguments = ("-r", "__ns:=/", "-r", "image:=/shown", "-p", f"video:={clip}", "-p", "wait_for_subscribers:=9")
    with Running("metric_pose_ros.ros.video_player", "--ros-args", *arguments) as running:
        running.wait_for_log("playing")
        wanted = expected(VIDEO_PLAYER.published, "video_player")
        wanted["/shown"] = wanted.pop("/image")
        wait_until(lambda: "video_player" in bench.node.get_node_names(), "the player")
        published = bench.node.get_publisher_names_and_types_by_node
        wait_until(lambda: seen(published, "video_player") == wanted, "its topics")
        heard = seen(bench.node.get_subscriber_names_and_types_by_node, "video_player")
        assert heard == expected(VIDEO_PLAYER.subscribed, "video_player")
        assert_parameters(bench, VIDEO_PLAYER)


def test_the_viewer_listens_to_what_the_page_says(bench: Bench) -> None:
    viewer = LiveScene(None, Asked("/metric_pose/markers", "image", "camera_info"))  # type: ignore[arg-type]
    try:
        heard = seen(viewer.get_subscriber_names_and_types_by_node, "metric_pose_view")
        assert heard == expected(VIEW.subscribed, "metric_pose_view")
    finally:
        viewer.destroy_node()


def assert_parameters(bench: Bench, tables: NodeTables) -> None:
    """Names, types, ranges and marks, as the node's own services tell them."""
    assert tables.table is not None
    rows = {row.name: row for row in fields(tables.table)}
    listed = bench.call(ListParameters, f"/{tables.name}/list_parameters", ListParameters.Request()).result.names
    ours = {name for name in listed if "." not in name} - {"use_sim_time", "start_type_description_service"}
    assert ours == rows.keys()
    request = DescribeParameters.Request(names=list(rows))
    described = bench.call(DescribeParameters, f"/{tables.name}/describe_parameters", request).descriptors
    for each in described:
        row = rows[each.name]
        assert each.description == row.metadata["text"]
        assert each.read_only == row.metadata["read_only"]
        assert row.metadata["any_type"] or each.type == TYPES[type(row.default)]
        assert limits(each) == (row.metadata["low"], row.metadata["high"])


def limits(described: ParameterDescriptor) -> tuple[Any, Any]:
    ranges = [*described.integer_range, *described.floating_point_range]
    return (ranges[0].from_value, ranges[0].to_value) if ranges else (None, None)
