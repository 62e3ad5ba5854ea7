"""People come out of a bag as they come out of the node: where they are, when they were, and nothing else is lost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rosbags.interfaces import Connection
from rosbags.rosbag2 import StoragePlugin

from metric_pose_ros.bags.job import Job
from metric_pose_ros.bags.processing import Outcome, process
from metric_pose_ros.geometry.camera import Camera
from metric_pose_ros.messages.images import to_bgr
from metric_pose_ros.messages.keypoints import to_points
from metric_pose_ros.pipeline import open_streams
from metric_pose_ros.settings import Settings
from test.bags import recorded
from test.fake_models import save_detector, save_pose_model
from test.people_in_the_image import PeopleInTheImage
from test.standing import standing

OURS = {"/metric_pose/markers", "/metric_pose/keypoints", "/metric_pose/poses", "/tf"}
THEIRS = {"/camera/image_raw", "/camera/camera_info", "/chatter"}


def settings(**values: Any) -> Settings:
    return Settings(background_detection=False, **{"publish_overlay": False, **values})


def through(source: Path, target: Path, options: dict[str, Any] | None = None, **parameters: Any) -> Outcome:
    return process(
        Job(source, target, settings(**parameters), **(options or {})), PeopleInTheImage, lambda done, total: None
    )


@pytest.mark.parametrize("storage", [StoragePlugin.MCAP, StoragePlugin.SQLITE3])
def test_people_stand_where_they_are_at_the_images_time(tmp_path: Path, storage: StoragePlugin) -> None:
    bag = recorded.write(tmp_path / "in", recorded.camera_bag([1, 2, 0]), storage)
    assert through(bag, tmp_path / "out") == Outcome(images=3)
    assert recorded.topics(tmp_path / "out") == OURS | THEIRS
    clouds = recorded.read(tmp_path / "out", "/metric_pose/keypoints")
    assert [cloud.width for _, cloud in clouds] == [30, 60, 0]
    when, cloud = clouds[1]
    assert when == 100_100_000_000 + recorded.DELAY_NS
    assert (cloud.header.stamp.sec, cloud.header.stamp.nanosec) == (100, 100_000_000)
    assert cloud.header.frame_id == "camera"
    points = to_points(cloud)[30:]
    expected = standing("p2", (1.0, 0.0, 5.0)).joints3d
    np.testing.assert_allclose(np.stack([points["x"], points["y"], points["z"]], axis=1), expected, rtol=1e-6)
    (_, message) = recorded.read(tmp_path / "out", "/tf")[0]
    place = message.transforms[0].transform.translation
    assert message.transforms[0].child_frame_id == "body_p1"
    np.testing.assert_allclose([place.x, place.y, place.z], [0.5, 0.02, 4.0], atol=1e-6)
    markers = [
        [marker.action for marker in array.markers]
        for _, array in recorded.read(tmp_path / "out", "/metric_pose/markers")
    ]
    assert markers == [[0] * 3, [0] * 6, [2] * 6]
    assert {file.suffix for file in (tmp_path / "out").iterdir()} == {
        ".yaml",
        ".mcap" if storage is StoragePlugin.MCAP else ".db3",
    }


def test_what_was_recorded_stays_as_it_was(tmp_path: Path) -> None:
    bag = recorded.write(tmp_path / "in", recorded.camera_bag([1, 0]))
    through(bag, tmp_path / "out")

    for topic in THEIRS:
        assert recorded.raw(tmp_path / "out", topic) == recorded.raw(bag, topic)
        assert len(recorded.raw(bag, topic)) == 2


def test_topics_are_left_out_by_pattern(tmp_path: Path) -> None:
    bag = recorded.write(tmp_path / "in", recorded.camera_bag([1]))
    through(bag, tmp_path / "out", {"left_out": ("/camera/*",)})
    assert recorded.topics(tmp_path / "out") == OURS | {"/chatter"}
    through(bag, tmp_path / "bare", {"left_out": ("*",)}, publish_markers=False, publish_poses=False, publish_tf=False)
    assert recorded.topics(tmp_path / "bare") == {"/metric_pose/keypoints"}


def test_outputs_are_switched_as_in_the_node(tmp_path: Path) -> None:
    bag = recorded.write(tmp_path / "in", recorded.camera_bag([2]))
    outputs = ("publish_people", "publish_detections", "publish_humans", "publish_overlay")
    through(bag, tmp_path / "out", {"left_out": ("*",)}, **dict.fromkeys(outputs, True))
    bodies = {f"/humans/bodies/p{number}/skeleton2d" for number in (1, 2)}
    more = {"/people", "/metric_pose/detections", "/humans/bodies/tracked", "/metric_pose/overlay/compressed"}
    assert OURS | more | bodies <= recorded.topics(tmp_path / "out")
    ((_, people),) = recorded.read(tmp_path / "out", "/people")
    assert [(each.name, each.position.z) for each in people.people] == [("p1", 4.0), ("p2", 5.0)]
    ((_, tracked),) = recorded.read(tmp_path / "out", "/humans/bodies/tracked")
    assert tracked.ids == ["p1", "p2"]


def test_compressed_images_give_the_same_as_raw_ones(tmp_path: Path) -> None:
    frames = recorded.camera_bag([1, 3])
    packed = [
        (f"{topic}/compressed", when, recorded.compressed(message))
        if topic.endswith("image_raw")
        else (topic, when, message)
        for topic, when, message in frames
    ]
    through(recorded.write(tmp_path / "raw", frames), tmp_path / "of_raw")
    through(recorded.write(tmp_path / "packed", packed), tmp_path / "of_packed")
    for topic in OURS:
        assert recorded.raw(tmp_path / "of_raw", topic) == recorded.raw(tmp_path / "of_packed", topic), topic


def test_a_result_may_go_through_again(tmp_path: Path) -> None:
    frames = [*recorded.camera_bag([1, 2]), ("/tf", 100.2, recorded.moved(100.2, 0.0))]
    bag = recorded.write(tmp_path / "in", frames)
    through(bag, tmp_path / "once")
    outcome = through(tmp_path / "once", tmp_path / "twice")
    assert "/metric_pose/keypoints was in the bag already: it is replaced" in outcome.complaints
    assert "people's frames were on /tf already: they are replaced" in outcome.complaints
    for topic in OURS | THEIRS:
        assert recorded.raw(tmp_path / "once", topic) == recorded.raw(tmp_path / "twice", topic), topic


def test_people_are_put_into_a_fixed_frame_by_the_recorded_transforms(tmp_path: Path) -> None:
    # Transforms are recorded after the images of their time; the camera moves a metre per second.
    frames = recorded.camera_bag([1, 1])
    frames += [("/tf", 100.3 + step / 10, recorded.moved(100.0 + step / 10, step / 10)) for step in range(3)]
    bag = recorded.write(tmp_path / "in", frames)
    through(bag, tmp_path / "out", publish_people=True, fixed_frame="odom")
    people = [message for _, message in recorded.read(tmp_path / "out", "/people")]
    assert [message.header.frame_id for message in people] == ["odom", "odom"]
    np.testing.assert_allclose([message.people[0].position.x for message in people], [0.5, 0.6], atol=1e-9)


def test_an_image_that_cannot_be_used_is_counted_and_the_others_are_looked_at(tmp_path: Path) -> None:
    frames = recorded.camera_bag([1, 1, 1])
    frames[3][2].encoding = "rgb9"
    outcome = through(recorded.write(tmp_path / "in", frames), tmp_path / "out")
    assert (outcome.images, outcome.unusable) == (2, 1)
    assert (
        "1 of 3 images could not be used; the first: image on /camera/image_raw: unknown image encoding 'rgb9'"
        in (outcome.complaints[-1])
    )
    assert len(recorded.read(tmp_path / "out", "/metric_pose/keypoints")) == 2


def test_a_topic_of_a_type_that_nobody_knows_is_left_out_with_a_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bag = recorded.write(tmp_path / "in", recorded.camera_bag([1]))
    monkeypatch.setattr("metric_pose_ros.bags.types.of_connection", lambda each: nothing_of_strings(each))
    outcome = through(bag, tmp_path / "out")
    assert any("/chatter is left out" in line and "std_msgs/msg/String" in line for line in outcome.complaints)
    assert recorded.topics(tmp_path / "out") == OURS | THEIRS - {"/chatter"}


def nothing_of_strings(connection: Connection) -> Any:
    from metric_pose_ros.bags.types import own

    return None if connection.msgtype == "std_msgs/msg/String" else own(connection.msgtype)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A detector that always sees one person in the middle of the image, and a pose model that sees one standing."""
    folder = tmp_path_factory.mktemp("models")
    people = np.zeros((1, 6, 56), np.float32)
    people[0, 0, 51:56] = [0.25, 0.34, 0.75, 0.66, 0.9]
    detector = save_detector(folder / "detector.onnx", "movenet_multipose", {"people": people})
    return {"model": str(save_pose_model(folder / "pose.onnx")), "detector": str(detector)}


def test_equal_bags_give_equal_bytes_and_time_that_jumps_back_gives_new_people(
    tmp_path: Path, models: dict[str, str]
) -> None:
    camera = Camera.from_fov(640, 480, 60)
    noise = np.random.default_rng(0).integers(0, 255, (480, 640, 3), np.uint8)
    stamps = [100.0, 100.1, 100.2, 50.0, 50.1]  # a bag that was played in a loop while it was recorded
    frames: list[tuple[str, float, Any]] = [("/camera_info", 99.9, recorded.info(camera=camera))]
    for number, stamp_s in enumerate(stamps):
        image = recorded.picture(0, stamp_s, camera)
        image.data = noise.ravel()
        frames.append(("/image", 100 + number / 10, image))
    bag = recorded.write(tmp_path / "in", frames)
    results = []
    for folder in ("first", "second"):
        job = Job(bag, tmp_path / folder / "out", settings(**models, threads=1, publish_overlay=True))
        assert process(job, open_streams, lambda done, total: None).images == len(stamps)
        results.append(recorded.files(tmp_path / folder / "out"))
    assert results[0] == results[1]
    clouds = [to_points(cloud) for _, cloud in recorded.read(tmp_path / "first" / "out", "/metric_pose/keypoints")]
    names = [set(cloud["person"].tolist()) for cloud in clouds]
    assert names[0] == names[1] == names[2] == {1}
    assert names[3] == names[4] == {2}
    (_, drawn) = recorded.read(tmp_path / "first" / "out", "/metric_pose/overlay/compressed")[0]
    assert bytes(drawn.data[:2]) == b"\xff\xd8"
    np.testing.assert_array_equal(to_bgr(recorded.read(tmp_path / "first" / "out", "/image")[0][1]), noise)
