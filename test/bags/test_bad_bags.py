"""Bags that cannot be used: the error says what to do, and nothing is left behind."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rosbags.rosbag2 import StoragePlugin

from metric_pose_ros.bags.job import Job
from metric_pose_ros.bags.processing import process
from metric_pose_ros.settings import Settings
from test.bags import recorded
from test.people_in_the_image import PeopleInTheImage

SETTINGS = Settings(background_detection=False, publish_overlay=False)


def refused(source: Path, target: Path, **options: Any) -> str:
    """Why the bag is not taken."""
    with pytest.raises((ValueError, OSError)) as caught:
        process(Job(source, target, SETTINGS, **options), PeopleInTheImage, lambda done, total: None)
    assert not target.with_name(f"{target.name}.part").exists()
    return str(caught.value)


def without(topic: str) -> list[tuple[str, float, Any]]:
    return [each for each in recorded.camera_bag([1, 1]) if each[0] != topic]


def test_a_bag_without_images_lists_what_it_holds(tmp_path: Path) -> None:
    text = refused(recorded.write(tmp_path / "in", without("/camera/image_raw")), tmp_path / "out")
    assert "has no images, expected a topic of sensor_msgs/msg/Image or sensor_msgs/msg/CompressedImage" in text
    assert "/chatter (std_msgs/msg/String)" in text
    assert not (tmp_path / "out").exists()


def test_of_several_image_topics_one_must_be_chosen(tmp_path: Path) -> None:
    frames = [*recorded.camera_bag([1]), ("/left/image", 100.0, recorded.picture(1, 100.0))]
    bag = recorded.write(tmp_path / "in", frames)
    text = refused(bag, tmp_path / "out")
    assert "has several image topics: /camera/image_raw, /left/image. Choose one, such as --image" in text
    text = refused(bag, tmp_path / "out", images={"": "/right/image"})
    assert "has no images on /right/image; image topics are: /camera/image_raw, /left/image" in text
    job = Job(bag, tmp_path / "out", SETTINGS, images={"": "/left/image"})
    assert process(job, PeopleInTheImage, lambda done, total: None).images == 1


def test_without_camera_info_a_calibration_is_asked_for(tmp_path: Path) -> None:
    text = refused(recorded.write(tmp_path / "in", without("/camera/camera_info")), tmp_path / "out")
    assert "has no CameraInfo: give the calibration with -p camera_yaml:=FILE" in text


def test_of_several_cameras_elsewhere_none_is_guessed(tmp_path: Path) -> None:
    frames = without("/camera/camera_info")
    frames += [(f"/{side}/camera_info", 100.0, recorded.info()) for side in ("left", "right")]
    text = refused(recorded.write(tmp_path / "in", frames), tmp_path / "out")
    assert "has no CameraInfo on /camera/camera_info, but on /left/camera_info, /right/camera_info" in text
    assert "--camera-info /left/camera_info" in text


def test_images_of_an_unknown_encoding_are_an_error_when_all_are(tmp_path: Path) -> None:
    frames = recorded.camera_bag([1, 1])
    for message in (frames[0][2], frames[3][2]):
        message.encoding = "rgb9"
    text = refused(recorded.write(tmp_path / "in", frames), tmp_path / "out")
    assert "none of the 2 images could be used; the first: image on /camera/image_raw: unknown image encoding" in text
    assert not (tmp_path / "out").exists()


def cut_mcap(bag: Path) -> None:
    file = bag / "in.mcap"
    file.write_bytes(file.read_bytes()[:-400])


def cut_database(bag: Path) -> None:
    file = bag / "in.db3"
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


@pytest.mark.parametrize(
    ("storage", "cut"), [(StoragePlugin.MCAP, cut_mcap), (StoragePlugin.SQLITE3, cut_database)], ids=["mcap", "sqlite3"]
)
def test_a_truncated_bag_is_named_with_what_mends_it(
    tmp_path: Path, storage: StoragePlugin, cut: Callable[[Path], None]
) -> None:
    bag = recorded.write(tmp_path / "in", recorded.camera_bag([1] * 40), storage)
    cut(bag)
    text = refused(bag, tmp_path / "out")
    assert f"{bag} cannot be read" in text
    assert "truncated or damaged" in text
    assert "recover" in text
    assert not (tmp_path / "out").exists()


def test_a_bag_whose_recorder_was_killed_can_be_mended(tmp_path: Path) -> None:
    bag = recorded.write(tmp_path / "in", recorded.camera_bag([1]))
    (bag / "metadata.yaml").unlink()
    assert f"`ros2 bag reindex {bag}` mends it" in refused(bag, tmp_path / "out")


def test_a_file_that_cannot_be_looked_for_is_named_with_the_bag(tmp_path: Path) -> None:
    bag = recorded.write(tmp_path / "in", recorded.camera_bag([1]))
    metadata = bag / "metadata.yaml"
    metadata.write_text(metadata.read_text().replace("in.mcap", f"{'long' * 100}.mcap"))
    assert f"{bag} cannot be read: File name too long" in refused(bag, tmp_path / "out")


def test_what_is_no_bag_is_named(tmp_path: Path) -> None:
    assert refused(tmp_path / "nothing", tmp_path / "out") == f"no bag {tmp_path / 'nothing'}"
    (tmp_path / "old.bag").touch()
    assert "is a bag of ROS 1" in refused(tmp_path / "old.bag", tmp_path / "out")
    (tmp_path / "empty.mcap").touch()
    assert "cannot be read" in refused(tmp_path / "empty.mcap", tmp_path / "out")


def test_what_is_there_stays_unless_it_may_be_replaced(tmp_path: Path) -> None:
    bag = recorded.write(tmp_path / "in", recorded.camera_bag([1]))
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("dear to me")
    assert f"{tmp_path / 'out'} exists already: give another name, or --overwrite" in refused(bag, tmp_path / "out")
    assert (tmp_path / "out" / "mine.txt").read_text() == "dear to me"
    assert "is the bag to read" in refused(bag, bag, overwrite=True)
    process(Job(bag, tmp_path / "out", SETTINGS, overwrite=True), PeopleInTheImage, lambda done, total: None)
    assert {file.name for file in (tmp_path / "out").iterdir()} == {"metadata.yaml", "out.mcap"}


def test_what_a_killed_run_left_beside_a_bag_that_stays_is_cleared(tmp_path: Path) -> None:
    bag = recorded.write(tmp_path / "in", recorded.camera_bag([1]))
    (tmp_path / "out").mkdir()
    left = tmp_path / "out.part" / "out" / "out.mcap"
    left.parent.mkdir(parents=True)
    left.touch()
    assert f"{tmp_path / 'out'} exists already: give another name, or --overwrite" in refused(bag, tmp_path / "out")


def test_a_result_of_the_same_is_not_made_again(tmp_path: Path) -> None:
    bag = recorded.write(tmp_path / "in", recorded.camera_bag([1]))
    job = Job(bag, tmp_path / "out", SETTINGS)
    process(job, PeopleInTheImage, lambda done, total: None)
    before = recorded.files(tmp_path / "out")
    assert process(job, PeopleInTheImage, lambda done, total: None).done_before
    assert recorded.files(tmp_path / "out") == before
    assert process(replace(job, storage="mcap"), PeopleInTheImage, lambda done, total: None).done_before
    for options in ({"left_out": ("/chatter",)}, {"storage": "sqlite3"}):  # it would be another bag
        assert "exists already: give another name, or --overwrite" in refused(bag, tmp_path / "out", **options)


def test_two_at_once_do_not_write_the_same_bag(tmp_path: Path) -> None:
    bag = recorded.write(tmp_path / "in", recorded.camera_bag([1]))
    part = tmp_path / "out.part"
    part.mkdir()
    other = os.open(part, os.O_RDONLY)
    fcntl.flock(other, fcntl.LOCK_EX)
    with pytest.raises(ValueError, match="is being written by another process"):
        process(Job(bag, tmp_path / "out", SETTINGS), PeopleInTheImage, lambda done, total: None)
    os.close(other)
    assert process(Job(bag, tmp_path / "out", SETTINGS), PeopleInTheImage, lambda done, total: None).images == 1
