"""People come out of the node over real topics, with the image's stamp and frame."""

from __future__ import annotations

import numpy as np
import pytest
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy

from metric_pose_ros.messages.images import to_bgr
from metric_pose_ros.messages.keypoints import to_points
from test.ros.graph import TOPICS, Bench, Running
from test.standing import standing

ADD, DELETE = 0, 2


@pytest.fixture(scope="module", autouse=True)
def listener(bench: Bench, node: Running) -> Bench:
    for name in ("markers", "keypoints", "tf", "diagnostics"):
        bench.listen(name)
    return bench


def test_markers_stand_where_the_people_are(bench: Bench) -> None:
    (array,) = bench.see(2, "markers")
    shown = {(marker.ns, marker.id): marker for marker in array.markers if marker.action == ADD}
    assert set(shown) == {(name, number) for name in ("bones", "joints", "labels") for number in (1, 2)}
    spheres = np.array([[point.x, point.y, point.z] for point in shown["joints", 2].points])
    np.testing.assert_allclose(spheres, standing("p2", (1.0, 0.0, 5.0)).joints3d, atol=1e-9)
    assert {marker.header.frame_id for marker in array.markers} == {"camera"}


def test_keypoints_carry_every_joint_in_metres(bench: Bench) -> None:
    (cloud,) = bench.see(1, "keypoints")
    points = to_points(cloud)
    expected = standing("p1", (0.5, 0.0, 4.0)).joints3d
    np.testing.assert_allclose(np.stack([points["x"], points["y"], points["z"]], axis=1), expected, rtol=1e-6)
    assert set(points["person"]) == {1}
    assert cloud.header.frame_id == "camera"


def test_tf_has_a_body_under_the_camera_and_the_joints_under_the_body(bench: Bench) -> None:
    (message,) = bench.see(1, "tf")
    parents = {transform.child_frame_id: transform.header.frame_id for transform in message.transforms}
    assert parents["body_p1"] == "camera"
    assert parents["left_wrist_p1"] == "body_p1"
    assert len(parents) == 31
    body = next(transform for transform in message.transforms if transform.child_frame_id == "body_p1")
    place = body.transform.translation
    np.testing.assert_allclose([place.x, place.y, place.z], [0.5, 0.02, 4.0], atol=1e-6)


def test_who_leaves_is_deleted(bench: Bench) -> None:
    bench.see(3, "markers")
    bench.heard["markers"].clear()
    bench.see(1, "keypoints")
    array = bench.wait_for("markers", lambda array: any(marker.action == DELETE for marker in array.markers))
    deleted = {(marker.ns, marker.id) for marker in array.markers if marker.action == DELETE}
    assert deleted == {(name, number) for name in ("bones", "joints", "labels") for number in (2, 3)}


def test_an_image_without_people_gives_empty_keypoints_and_the_node_goes_on(bench: Bench, node: Running) -> None:
    (cloud,) = bench.see(0, "keypoints")
    assert cloud.width == 0
    (cloud,) = bench.see(1, "keypoints")
    assert cloud.width == 30
    assert node.alive


def test_the_overlay_is_published_only_while_somebody_looks(bench: Bench) -> None:
    bench.listen("overlay", ReliabilityPolicy.BEST_EFFORT)
    (overlay,) = bench.see(1, "overlay")
    picture = to_bgr(overlay)
    assert picture.shape == (48, 64, 3)
    assert np.count_nonzero(picture) > 20  # the camera's image is black but for one pixel
    bench.deafen("overlay")
    seen = len(bench.heard["overlay"])
    bench.see(1, "keypoints")
    bench.see(1, "keypoints")
    assert len(bench.heard["overlay"]) == seen


def test_diagnostics_tell_rates_latencies_and_what_runs(bench: Bench) -> None:
    bench.see(1, "keypoints")
    bench.see(1, "keypoints")
    status = bench.status()
    assert status["model"] == "PeopleInTheImage"
    assert status["state"] == "active"
    assert int(status["frames"]) >= 1
    assert int(status["images received"]) >= int(status["frames"])
    for stage in ("conversion", "network", "publishing", "cyclic time p95", "processing time median"):
        assert status[stage].endswith(" ms"), stage
    # Of this machine's clock, as the images' stamps are: since the epoch, it would be years.
    assert 0 < float(status["pipeline latency median"].removesuffix(" ms")) < 60e3


def test_a_best_effort_listener_hears_as_well(bench: Bench) -> None:
    bench.deafen("keypoints")
    bench.listen("keypoints", ReliabilityPolicy.BEST_EFFORT)
    (cloud,) = bench.see(1, "keypoints")
    assert cloud.width == 30


def test_a_listener_who_asks_for_too_much_is_explained_in_the_log(bench: Bench, node: Running) -> None:
    topic, kind = TOPICS["markers"]
    latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    subscription = bench.node.create_subscription(kind, topic, lambda message: None, latched)
    line = node.wait_for_log("a subscriber of /metric_pose/markers gets nothing")
    assert "another durability" in line
    assert "Change its QoS settings" in line
    bench.node.destroy_subscription(subscription)


def test_an_output_that_was_off_is_switched_on_while_the_node_runs(bench: Bench) -> None:
    vision_msgs = pytest.importorskip("vision_msgs.msg")
    topic = "/metric_pose/detections"
    assert bench.node.count_publishers(topic) == 0
    assert bench.set_parameter("publish_detections", True) == (True, "")
    TOPICS["detections"] = (topic, vision_msgs.Detection3DArray)
    bench.listen("detections")
    (message,) = bench.see(2, "detections")
    assert [found.id for found in message.detections] == ["p1", "p2"]


def test_what_counts_at_start_is_read_only(bench: Bench) -> None:
    taken, reason = bench.set_parameter("diagnostics_period", 2.0)
    assert not taken
    assert "read-only" in reason
