"""Recorded bags: single messages' bytes, and whole files of both kinds."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from rosbags.rosbag2 import StoragePlugin

from metric_pose_ros.bags.job import Job
from metric_pose_ros.bags.processing import process
from metric_pose_ros.bags.source import Recorded, Source
from metric_pose_ros.bags.types import typestore
from metric_pose_ros.complaints import Complaints
from metric_pose_ros.detection import OutsideDetections
from metric_pose_ros.geometry.frames import Frames
from metric_pose_ros.messages import transforms
from metric_pose_ros.messages.incoming import CameraMessages, DetectionMessages, NotReadyError
from metric_pose_ros.settings import Settings
from test import fake_models
from test.bags import recorded
from test.fuzz.door import Check, Door
from test.fuzz.doors.detections import detections, moved
from test.fuzz.doors.images import Silent
from test.fuzz.draw import Draw
from test.fuzz.finite import assert_finite
from test.people_in_the_image import PeopleInTheImage

FRAMES = 3


def open_message(folder: Path) -> Check:
    """Messages as bytes (CDR), through the readers of their types."""
    image = recorded.picture(2, 100.0)
    usual = [image, recorded.compressed(image), recorded.info(), detections(), moved()]
    kinds = [message.__msgtype__ for message in usual]
    contents = [bytes(typestore().serialize_cdr(message, message.__msgtype__)) for message in usual]
    texts = (b"rgb8", b"bgr8", b"nv12", b"\xff\xff\xff\xff", b"\x00" * 8, b"\x00\x00\x00\x00\x00\x00\xf8\x7f")

    def check(draw: Draw) -> None:
        kind = draw.choice(kinds)
        connection: Any = type("Topic", (), {"topic": "/topic", "msgtype": kind})
        message = Recorded(connection, 0, draw.mutated(contents[kinds.index(kind)], texts)).message()
        _take(message)

    return check


def _take(message: Any) -> None:
    kind = message.__msgtype__.rpartition("/")[2]
    if kind == "TFMessage":
        frames = Frames()
        for known in transforms.known(message, static=False):
            frames.add(*known)
        return
    if kind == "Detection2DArray":
        outside = OutsideDetections()
        DetectionMessages(Settings(), "/topic", outside, Complaints(Silent())).keep(message)
        return
    camera = CameraMessages(
        recorded.TYPES, Settings(), "/image", "/info", Complaints(Silent()), lambda: recorded.header(100.0).stamp
    )
    if kind == "CameraInfo":
        camera.keep_camera_info(message)
        message = recorded.picture(1, 100.0)
    else:
        camera.keep_camera_info(recorded.info())
    try:
        frame = camera.frame(message, "")
    except NotReadyError as reason:
        raise ValueError(str(reason)) from reason
    assert frame.image_bgr.shape == (recorded.CAMERA.height, recorded.CAMERA.width, 3)


def _open_bag(storage: StoragePlugin, ending: str) -> Any:
    def open_bag(folder: Path) -> Check:
        frames = recorded.camera_bag([1] * FRAMES)
        frames += [("/tf", 100.0, moved()), ("/detections", 100.0, detections())]
        bag = recorded.write(folder / "in", frames, storage)
        data, about = bag / f"in.{ending}", bag / "metadata.yaml"
        good = {path: path.read_bytes() for path in (data, about)}
        model = fake_models.save_pose_model(folder / "pose.onnx")
        plain = Settings(background_detection=False, publish_overlay=False, model=str(model), detector=str(model))
        tokens = (b"sensor_msgs/msg/Image", b"cdr", b"lz4", b"zstd", b"/tf", b"\x89MCAP0\r\n", b"[" * 500, b"\t", b": ")

        def check(draw: Draw) -> None:
            which = draw.choice((data, data, data, data, data, data, about))
            which.write_bytes(draw.mutated(good[which], tokens))
            try:
                # A folder's metadata.yaml takes ten times as long to read as a small bag.
                whole = which is about or draw.sometimes(8)
                _read(draw, bag if whole else data, folder / "out", plain)
            finally:
                which.write_bytes(good[which])
                for left in (folder / "out", folder / "out.part"):
                    shutil.rmtree(left, ignore_errors=True)

        return check

    return open_bag


def _read(draw: Draw, bag: Path, target: Path, settings: Settings) -> None:
    """Reads all of a bag, or adds people to it."""
    if not draw.sometimes(16):
        with Source(bag) as source:
            for each in source.messages():
                each.message()
        return
    odd = draw.choice((settings, Settings(**{**vars(settings), "tracking_frame": "odom", "fixed_frame": "odom"})))
    process(Job(bag, target, odd), PeopleInTheImage, lambda done, total: None)
    assert not target.with_name("out.part").exists()
    for topic in ("/metric_pose/poses", "/metric_pose/markers"):
        for _, message in recorded.read(target, topic):
            assert_finite(message, topic)


DOORS = {
    "bag_message": Door(open_message),
    "bag_mcap": Door(_open_bag(StoragePlugin.MCAP, "mcap"), (ValueError, OSError)),
    "bag_sqlite": Door(_open_bag(StoragePlugin.SQLITE3, "db3"), (ValueError, OSError)),
}
