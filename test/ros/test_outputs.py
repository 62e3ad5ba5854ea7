"""What goes out for other stacks, over real topics: nav2's people, vision_msgs, ROS4HRI, poses; each by parameter."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from rclpy.qos import QoSProfile
from sensor_msgs.msg import Image, JointState

from metric_pose_ros.geometry.camera import Camera
from metric_pose_ros.messages.images import to_bgr
from test.ros.graph import TOPICS, Bench, Running, wait_until
from test.standing import standing

people_msgs = pytest.importorskip("people_msgs.msg")
vision_msgs = pytest.importorskip("vision_msgs.msg")
hri_msgs = pytest.importorskip("hri_msgs.msg")

CAMERA = Camera.from_fov(640, 480, 60)
"""Of the size that the people's 2D joints are for."""
# The camera 1.2 m above the map's origin, looking along the map's x.
ON_ROBOT = np.array([[0.0, 0, 1, 0], [-1, 0, 0, 0], [0, -1, 0, 1.2], [0, 0, 0, 1]])


@pytest.fixture(scope="module", autouse=True)
def node(bench: Bench) -> Iterator[Running]:
    arguments = ("publish_people", "publish_detections", "publish_humans")
    options = [part for name in arguments for part in ("-p", f"{name}:=true")]
    with Running.people_in_the_image("--ros-args", *options, "-p", "fixed_frame:=map") as running:
        bench.wait_for_node()
        for name, topic, kind in (
            ("people", "/people", people_msgs.People),
            ("detections", "/metric_pose/detections", vision_msgs.Detection3DArray),
            ("tracked", "/humans/bodies/tracked", hri_msgs.IdsList),
        ):
            TOPICS[name] = (topic, kind)
            bench.listen(name)
        for name in ("poses", "markers", "keypoints"):
            bench.listen(name)
        yield running


def see_with_transform(bench: Bench, people: int, *topics: str) -> list[Any]:
    """Sees people while /tf says where the camera is."""
    wait_until(lambda: bench.node.count_subscribers("/tf") > 0, "a listener of /tf")
    bench.send_transform("map", "camera", ON_ROBOT)
    timer = bench.node.create_timer(0.02, lambda: bench.send_transform("map", "camera", ON_ROBOT))
    try:
        return bench.see(people, *topics)
    finally:
        bench.node.destroy_timer(timer)


def test_without_transforms_no_people_are_published_and_the_log_says_why(bench: Bench, node: Running) -> None:
    bench.see(1, "keypoints")
    line = node.wait_for_log("no transforms connect 'camera' with 'map'")
    assert "is /tf complete?" in line
    assert not bench.heard["people"]


def test_people_stand_in_the_map(bench: Bench) -> None:
    (message,) = see_with_transform(bench, 2, "people")
    assert message.header.frame_id == "map"
    first, second = message.people
    assert (first.name, second.name) == ("p1", "p2")
    np.testing.assert_allclose([first.position.x, first.position.y, first.position.z], [4.0, -0.5, 1.2], atol=1e-6)


def test_nobody_is_published_as_an_empty_list(bench: Bench) -> None:
    (message,) = see_with_transform(bench, 0, "people")
    assert list(message.people) == []
    assert message.header.frame_id == "map"


def test_detections_are_boxes_by_id(bench: Bench) -> None:
    (message,) = bench.see(2, "detections")
    assert [found.id for found in message.detections] == ["p1", "p2"]
    assert message.detections[1].bbox.center.position.z == pytest.approx(5.0, abs=0.1)
    assert message.header.frame_id == "camera"


def test_poses_are_where_the_bodies_are(bench: Bench) -> None:
    (message,) = bench.see(2, "poses")
    assert [round(pose.position.z, 3) for pose in message.poses] == [4.0, 5.0]


def test_bodies_have_topics_that_come_and_go_with_them(bench: Bench) -> None:
    (message,) = bench.see(2, "tracked")
    assert list(message.ids) == ["p1", "p2"]
    heard: dict[str, Any] = {}
    kinds = {
        "roi": hri_msgs.NormalizedRegionOfInterest2D,
        "skeleton2d": hri_msgs.Skeleton2D,
        "cropped": Image,
        "joint_states": JointState,
    }
    for topic, kind in kinds.items():
        bench.node.create_subscription(
            kind,
            f"/humans/bodies/p2/{topic}",
            lambda message, topic=topic: heard.update({topic: message}),
            QoSProfile(depth=1),
        )

    def all_heard() -> bool:
        bench.see(2, "tracked", camera=CAMERA)
        return len(heard) == 4

    wait_until(all_heard, "a body's topics")
    assert len(heard["skeleton2d"].skeleton) == 18
    assert "l_knee_p2" in heard["joint_states"].name
    region, crop = heard["roi"], to_bgr(heard["cropped"])
    assert crop.shape[:2] == (round((region.ymax - region.ymin) * 480), round((region.xmax - region.xmin) * 640))

    def gone() -> bool:
        (message,) = bench.see(1, "tracked", camera=CAMERA)
        return "p2" not in message.ids and bench.node.count_publishers("/humans/bodies/p2/roi") == 0

    wait_until(gone, "the body's topics to go")
    assert bench.node.count_publishers("/humans/bodies/p1/roi") == 1


def test_markers_switched_off_are_deleted_and_come_back(bench: Bench) -> None:
    bench.see(1, "markers")
    bench.heard["markers"].clear()
    assert bench.set_parameter("publish_markers", False) == (True, "")
    bench.see(1, "keypoints")
    array = bench.wait_for("markers", lambda array: all(marker.action == 2 for marker in array.markers))
    assert {marker.ns for marker in array.markers} == {"bones", "joints", "labels"}
    quiet = len(bench.heard["markers"])
    bench.see(1, "keypoints")
    assert len(bench.heard["markers"]) == quiet
    assert bench.set_parameter("publish_markers", True) == (True, "")
    assert bench.set_parameter("draw_uncertainty", True) == (True, "")
    bench.see(1, "keypoints")
    bench.wait_for("markers", lambda array: any(marker.ns == "uncertainty" for marker in array.markers))


def test_an_output_switched_off_says_that_nobody_is_there_and_falls_silent(bench: Bench) -> None:
    see_with_transform(bench, 2, "people", "tracked")
    for name in ("publish_people", "publish_humans"):
        assert bench.set_parameter(name, False) == (True, "")
    bench.see(2, "poses")
    bench.wait_for("people", lambda message: message is bench.heard["people"][-1] and not message.people)
    bench.wait_for("tracked", lambda message: message is bench.heard["tracked"][-1] and not message.ids)
    quiet = len(bench.heard["people"]), len(bench.heard["tracked"])
    bench.see(2, "poses")
    assert (len(bench.heard["people"]), len(bench.heard["tracked"])) == quiet
    for name in ("publish_people", "publish_humans"):
        assert bench.set_parameter(name, True) == (True, "")
    people, tracked = see_with_transform(bench, 2, "people", "tracked")
    assert (len(people.people), len(tracked.ids)) == (2, 2)


def test_a_disabled_node_leaves_images_alone_and_starts_again(bench: Bench, node: Running) -> None:
    bench.listen("diagnostics")
    (cloud,) = bench.see(1, "keypoints")
    assert cloud.width == len(standing().skeleton)
    bench.heard["people"].clear()
    assert bench.enable(False) == (True, "disabled")
    assert bench.node.count_subscribers("image") == 0
    assert bench.enable(False) == (True, "disabled")
    wait_until(lambda: bench.status()["state"] == "active, disabled", "diagnostics that say so")
    assert list(bench.heard["tracked"][-1].ids) == []
    assert bench.enable(True) == (True, "enabled")
    bench.wait_for_node()
    bench.see(1, "keypoints")
    wait_until(lambda: bench.status()["state"] == "active", "diagnostics that say so")


def test_with_nobody_to_hear_it_nothing_is_computed(bench: Bench) -> None:
    with Running.people_in_the_image(
        "--ros-args", "-r", "__ns:=/quiet", "-r", "/tf:=/quiet/tf", "-r", "image:=/image",
        "-r", "camera_info:=/camera_info",        "-p", "publish_when_unheard:=false", "-p", "diagnostics_period:=0.1",
    ) as quiet:  # fmt: skip
        quiet.wait_for_log("active: listening")

        def status() -> dict[str, str]:
            bench.send(bench.picture(1))
            bench.send_info()
            found = next(
                (
                    message.status[0]
                    for message in reversed(bench.heard["diagnostics"])
                    if message.status[0].name.startswith("/quiet")
                ),
                None,
            )
            return {value.key: value.value for value in found.values} | {"message": found.message} if found else {}

        wait_until(lambda: int(status().get("images received", 0)) >= 3, "images", every_s=0.05)
        assert status()["message"] == "idle: nobody subscribes"
        assert status()["frames"] == "0"
        TOPICS["quiet"] = ("/quiet/metric_pose/keypoints", TOPICS["keypoints"][1])
        bench.listen("quiet")
        bench.see(1, "quiet")
