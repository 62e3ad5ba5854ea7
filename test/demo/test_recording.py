from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from matplotlib.image import imread
from rosbags.highlevel import AnyReader
from rosbags.typesys import Stores, get_typestore

from metric_pose_ros import Camera
from metric_pose_ros.demo import picture
from metric_pose_ros.demo.recording import Bag, Video
from metric_pose_ros.messages.markers import Look, PersonMarkers
from metric_pose_ros.messages.types import RosbagsTypes
from test.standing import standing

TYPESTORE = get_typestore(Stores.ROS2_JAZZY)
CAMERA = Camera.from_fov(640, 480, 60)


def walk(steps: int) -> dict[float, Any]:
    """MarkerArrays by time: somebody who walks past at 4 m, and leaves before the last."""
    types = RosbagsTypes(TYPESTORE)
    markers = PersonMarkers(types, Look())
    header = types.make("std_msgs/msg/Header", frame_id="camera")
    people = [[standing(at=(0.3 * step - 1.0, 0.1, 4.0))] for step in range(steps - 1)] + [[]]
    return {float(step): markers.update(header, seen) for step, seen in enumerate(people)}


def test_a_bag_opens_in_rosbags_with_what_was_written(tmp_path: Path) -> None:
    bag = Bag(tmp_path / "demo.mcap")
    for step, message in walk(4).items():
        name = "visualization_msgs/msg/MarkerArray"
        bag.write("/markers", name, int(step * 1e9) + 5, bytes(TYPESTORE.serialize_cdr(message, name)))
    bag.close()
    assert [file.name for file in tmp_path.iterdir()] == ["demo.mcap"]
    with AnyReader([tmp_path / "demo.mcap"]) as reader:
        read = [(stamp, reader.deserialize(raw, by.msgtype)) for by, stamp, raw in reader.messages()]
    assert [stamp for stamp, _ in read] == [5, 1_000_000_005, 2_000_000_005, 3_000_000_005]
    first = read[1][1].markers[1].points[0]
    # The pelvis, one step from the start.
    assert (first.x, first.y, first.z) == pytest.approx((-0.7, 0.1, 4.0))


def test_a_video_holds_every_frame_in_a_codec_that_plays_anywhere(tmp_path: Path) -> None:
    video = Video(tmp_path / "overlay.mp4", 15.0)
    for level in range(0, 250, 10):
        video.write(np.full((101, 201, 3), level, np.uint8))
    video.close()
    with av.open(str(tmp_path / "overlay.mp4")) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        levels = [frame.to_ndarray(format="bgr24").mean() for frame in container.decode(stream)]
    np.testing.assert_allclose(levels, range(0, 250, 10), atol=5)


def test_the_picture_shows_the_walk_in_the_persons_colour(tmp_path: Path) -> None:
    picture.draw(tmp_path / "skeletons.png", walk(12), CAMERA)
    seen = imread(tmp_path / "skeletons.png")[..., :3]
    assert min(seen.shape[:2]) >= 700
    with_colour = np.ptp(seen, axis=2) > 0.4
    assert with_colour.mean() > 0.001
    rows, columns = np.nonzero(with_colour)
    # A walk of 3 m at 4 m is wider than a standing body, and does not fill the picture.
    assert 0.1 < np.ptp(columns) / seen.shape[1] < 0.95
    assert 0.1 < np.ptp(rows) / seen.shape[0] < 0.95


def test_a_run_without_people_is_a_picture_too(tmp_path: Path) -> None:
    picture.draw(tmp_path / "skeletons.png", {}, CAMERA, title="nobody")
    assert cv2.imread(str(tmp_path / "skeletons.png")) is not None


def test_up_is_read_off_people_where_nobody_says_it() -> None:
    tilt = np.radians(20)
    turn = np.array([[1, 0, 0], [0, np.cos(tilt), -np.sin(tilt)], [0, np.sin(tilt), np.cos(tilt)]])
    people = [standing(at=(x, 0.0, 4.0)).joints3d @ turn.T for x in (-1.0, 0.0, 1.0)]
    known = picture.upwards(turn @ [0.0, -1.0, 0.0], [])
    guessed = picture.upwards(None, people)
    assert np.degrees(np.arccos(known[2] @ guessed[2])) < 8
    np.testing.assert_allclose(known @ known.T, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(known @ turn @ [0.0, -1.0, 0.0], [0, 0, 1], atol=1e-12)
