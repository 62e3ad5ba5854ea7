"""Shows what a bag holds of people."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from metric_pose_ros.bags.source import BagError, Source
from metric_pose_ros.bags.topics import COMPRESSED, IMAGE, INFO, CameraTopics, camera_topics
from metric_pose_ros.messages import camera_info
from metric_pose_ros.messages.compressed_images import to_file
from metric_pose_ros.messages.stamps import seconds
from metric_pose_ros.settings import Settings
from metric_pose_ros.viewing import Asked, Shown

MARKERS = "visualization_msgs/msg/MarkerArray"


def show(path: Path, open_scene: Callable[[], Shown], asked: Asked) -> int:
    """Shows a bag's images and markers, and returns of how many moments there are markers.

    Args:
        path: of a bag that `metric-pose bag` or `./run demo` wrote, or that was recorded beside the node.
        open_scene: makes where it is shown; not called if the bag cannot be used.
        asked: topics.

    Raises:
        FileNotFoundError: if there is no bag.
        BagError: if it cannot be used, or holds no markers.
    """
    with Source(path) as source:
        markers = _markers(source, asked.markers)
        camera = _camera(source, asked)
        scene = open_scene()
        known, start_s, shown = False, None, 0
        for recorded in source.messages(lambda each: each.topic in (markers, *camera)):
            message, topic = recorded.message(), recorded.connection.topic
            if topic == camera.info:
                if not known:
                    scene.camera(camera_info.to_camera(message, camera.info))
                known = True
                continue
            if topic == markers and not message.markers:
                continue
            header = message.markers[0].header if topic == markers else message.header
            stamp_s = seconds(header.stamp)
            start_s = stamp_s if start_s is None else start_s
            if topic == markers:
                scene.markers(stamp_s - start_s, message)
                shown += 1
            else:
                scene.image(stamp_s - start_s, to_file(message))
        return shown


def _markers(source: Source, asked: str) -> str:
    found = source.topics(MARKERS)
    if asked and asked not in found:
        raise BagError(
            f"{source.path} has no markers on {asked}; topics of {MARKERS} are: {', '.join(found) or 'none'}"
        )
    if not found:
        raise BagError(
            f"{source.path} has no markers: look for people with `metric-pose bag {source.path} NEW_NAME` first"
        )
    own = [topic for topic in found if topic.endswith("/markers")]
    if not asked and len(own or found) > 1:
        raise BagError(
            f"{source.path} has several topics of markers: {', '.join(found)}. Choose one, such as --markers "
            f"{(own or found)[0]}"
        )
    return asked or (own or found)[0]


def _camera(source: Source, asked: Asked) -> CameraTopics:
    """Where the pictures are; nowhere if the bag has none and none were asked for."""
    if not asked.image and not source.topics(IMAGE, COMPRESSED):
        return CameraTopics("", "")
    without_info = not asked.info and not source.topics(INFO)
    return camera_topics(source, Settings(camera_yaml="none" if without_info else ""), asked.image, asked.info)
