"""Bags as recorders leave them, split and compressed, and results as other tools read them."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from mcap.reader import make_reader
from mcap.writer import CompressionType
from mcap.writer import Writer as McapWriter
from mcap_ros2.decoder import DecoderFactory
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer

from metric_pose_ros.bags.job import Job
from metric_pose_ros.bags.processing import Outcome, process
from metric_pose_ros.bags.types import own, typestore
from metric_pose_ros.messages.keypoints import to_points
from metric_pose_ros.settings import Settings
from test.bags import recorded
from test.people_in_the_image import PeopleInTheImage
from test.standing import standing

Messages = Sequence[tuple[str, float, Any]]
PEOPLE = [1, 2, 0, 3]
MCAP, SQLITE3 = StoragePlugin.MCAP, StoragePlugin.SQLITE3


def through(source: Path, target: Path) -> Outcome:
    settings = Settings(background_detection=False, publish_overlay=False)
    return process(Job(source, target, settings), PeopleInTheImage, lambda done, total: None)


def assert_same(first: Path, second: Path) -> None:
    """The same messages at the same times on the same topics."""
    assert recorded.topics(first) == recorded.topics(second) >= {"/metric_pose/keypoints", "/chatter"}
    for topic in recorded.topics(first):
        assert recorded.raw(first, topic) == recorded.raw(second, topic), topic


def split(folder: Path, parts: Sequence[Path]) -> Path:
    """One bag of the files of several, as ``ros2 bag record --max-bag-duration`` leaves it."""
    folder.mkdir()
    whole: dict[str, Any] = {}
    for number, part in enumerate(parts):
        held = yaml.safe_load((part / "metadata.yaml").read_text())["rosbag2_bagfile_information"]
        (name,) = held["relative_file_paths"]
        name, former = f"{folder.name}_{number}{Path(name).suffix}", name
        shutil.copy(part / former, folder / name)
        if not whole:
            whole = {**held, "relative_file_paths": [], "message_count": 0, "files": []}
        whole["relative_file_paths"].append(name)
        whole["message_count"] += held["message_count"]
        begun = whole["starting_time"]["nanoseconds_since_epoch"]
        ends = held["starting_time"]["nanoseconds_since_epoch"] + held["duration"]["nanoseconds"]
        whole["duration"] = {"nanoseconds": ends - begun}
        if number:
            for mine, theirs in zip(whole["topics_with_message_count"], held["topics_with_message_count"], strict=True):
                assert mine["topic_metadata"] == theirs["topic_metadata"]
                mine["message_count"] += theirs["message_count"]
    (folder / "metadata.yaml").write_text(yaml.safe_dump({"rosbag2_bagfile_information": whole}))
    return folder


@pytest.mark.parametrize("storage", [MCAP, SQLITE3])
def test_a_split_bag_is_one(tmp_path: Path, storage: StoragePlugin) -> None:
    frames = recorded.camera_bag(PEOPLE)
    half = len(frames) // 2
    parts = [recorded.write(tmp_path / str(half), frames[:half], storage)]
    parts.append(recorded.write(tmp_path / "rest", frames[half:], storage))
    assert through(split(tmp_path / "split", parts), tmp_path / "out_of_split").images == len(PEOPLE)
    through(recorded.write(tmp_path / "whole", frames, storage), tmp_path / "out_of_whole")
    assert_same(tmp_path / "out_of_split", tmp_path / "out_of_whole")


@pytest.mark.parametrize(
    ("storage", "mode"),
    [
        (MCAP, CompressionMode.FILE),
        (MCAP, CompressionMode.MESSAGE),
        (MCAP, CompressionMode.STORAGE),
        (SQLITE3, CompressionMode.FILE),
        (SQLITE3, CompressionMode.MESSAGE),
    ],
)
def test_a_compressed_bag_holds_the_same(tmp_path: Path, storage: StoragePlugin, mode: CompressionMode) -> None:
    frames = recorded.camera_bag(PEOPLE)
    with_compression = Writer(tmp_path / "compressed", version=8, storage_plugin=storage)
    with_compression.set_compression(mode, CompressionFormat.ZSTD)
    recorded.fill(with_compression, frames)
    plain = recorded.write(tmp_path / "plain", frames, storage)
    assert size(tmp_path / "compressed") < size(plain) / 2  # the images are nearly black
    assert through(tmp_path / "compressed", tmp_path / "out_of_compressed") == Outcome(images=len(PEOPLE))
    through(plain, tmp_path / "out_of_plain")
    assert_same(tmp_path / "out_of_compressed", tmp_path / "out_of_plain")


def size(bag: Path) -> int:
    return sum(file.stat().st_size for file in bag.iterdir() if file.suffix != ".yaml")


@pytest.mark.parametrize("compression", [CompressionType.ZSTD, CompressionType.LZ4])
def test_a_file_by_mcaps_own_writer_is_read(tmp_path: Path, compression: CompressionType) -> None:
    frames = recorded.camera_bag(PEOPLE)
    with (tmp_path / "in.mcap").open("wb") as file:
        writer = McapWriter(file, compression=compression, chunk_size=20_000)
        writer.start("ros2")
        channels: dict[str, int] = {}
        for topic, stamp_s, message in frames:
            kind = message.__msgtype__
            if topic not in channels:
                schema = writer.register_schema(kind, "ros2msg", own(kind).text.encode())
                channels[topic] = writer.register_channel(topic, "cdr", schema)
            when = round(stamp_s * 1e9) + recorded.DELAY_NS
            writer.add_message(channels[topic], when, bytes(typestore().serialize_cdr(message, kind)), when)
        writer.finish()
    assert through(tmp_path / "in.mcap", tmp_path / "out_of_file").images == len(PEOPLE)
    through(recorded.write(tmp_path / "whole", frames), tmp_path / "out_of_whole")
    assert_same(tmp_path / "out_of_file", tmp_path / "out_of_whole")


def test_mcaps_own_reader_decodes_what_is_written(tmp_path: Path) -> None:
    through(recorded.write(tmp_path / "in", recorded.camera_bag(PEOPLE)), tmp_path / "out")
    found: dict[str, list[Any]] = {}
    with (tmp_path / "out" / "out.mcap").open("rb") as file:
        for _, channel, message, decoded in make_reader(
            file, decoder_factories=[DecoderFactory()]
        ).iter_decoded_messages():
            found.setdefault(channel.topic, []).append((message.log_time, decoded))
    assert {topic: len(messages) for topic, messages in found.items()} == dict.fromkeys(
        recorded.topics(tmp_path / "out"), len(PEOPLE)
    )
    when, cloud = found["/metric_pose/keypoints"][1]
    assert when == 100_100_000_000 + recorded.DELAY_NS
    points = to_points(cloud)[30:]
    expected = standing("p2", (1.0, 0.0, 5.0)).joints3d
    np.testing.assert_allclose(np.stack([points["x"], points["y"], points["z"]], axis=1), expected, rtol=1e-6)
    body = found["/tf"][0][1].transforms[0]
    assert (body.header.frame_id, body.child_frame_id) == ("camera", "body_p1")
    assert body.transform.translation.z == pytest.approx(4.0)
    markers = found["/metric_pose/markers"][3][1].markers
    assert {marker.id for marker in markers if marker.action == 0} == {1, 2, 3}
