"""Which topics of a bag are the camera's."""

from __future__ import annotations

from typing import NamedTuple

from metric_pose_ros.bags.source import BagError, Source
from metric_pose_ros.settings import Settings

IMAGE, COMPRESSED, INFO = "sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage", "sensor_msgs/msg/CameraInfo"
NODE = "/metric_pose"
"""Name of the node whose topics are written."""


class CameraTopics(NamedTuple):
    """Where a camera's messages are.

    Attributes:
        image: topic of Image or CompressedImage.
        info: topic of CameraInfo; empty if the settings name a calibration file.
    """

    image: str
    info: str


def resolve(topic: str) -> str:
    """A topic of `metric_pose_ros.messages.outgoing.TOPICS` as the node has it."""
    return NODE + topic[1:] if topic.startswith("~") else topic


def camera_topics(
    source: Source, settings: Settings, image: str = "", info: str = "", camera: str = ""
) -> CameraTopics:
    """A camera's topics.

    Args:
        source: the bag.
        settings: ``camera_yaml`` makes CameraInfo needless, ``image_transport`` chooses where there are both raw and
            compressed images.
        image: asked for; empty takes the only one.
        info: asked for; empty takes the one beside the images, or the only one.
        camera: its name if there are several; then only topics with that name in them are looked through, as
            ``/front/image_raw`` for ``front``.

    Raises:
        BagError: if there is none, or several and none was asked for.
    """
    image = _image(source, settings.image_transport, image, camera)
    return CameraTopics(image, "" if settings.camera_yaml else _info(source, image, info, camera))


def _image(source: Source, transport: str, asked: str, camera: str) -> str:
    raw = [topic for topic in source.topics(IMAGE) if not _is_ours(topic)]
    packed = [
        topic for topic in source.topics(COMPRESSED) if not _is_ours(topic) and not topic.endswith("/compressedDepth")
    ]
    if asked:
        if asked in raw or asked in packed:
            return asked
        listed = ", ".join([*raw, *packed]) or "none"
        raise BagError(f"{source.path} has no images on {asked}; image topics are: {listed}")
    if transport == "compressed":
        raw = [topic for topic in raw if f"{topic}/compressed" not in packed]
    else:
        packed = [topic for topic in packed if topic.removesuffix("/compressed") not in raw]
    everywhere = [*raw, *packed]
    found = [topic for topic in everywhere if _is_about(topic, camera)]
    if not everywhere:
        held = ", ".join(sorted({f"{each.topic} ({each.msgtype})" for each in source.connections})) or "nothing"
        raise BagError(f"{source.path} has no images, expected a topic of {IMAGE} or {COMPRESSED}; it holds {held}")
    if camera and len(found) != 1:
        raise BagError(
            f"{source.path} has {len(found) or 'no'} image topics with /{camera}/ in them; of {', '.join(everywhere)} "
            f"choose one, such as --image {camera}:={(found or everywhere)[0]}"
        )
    if len(found) > 1:
        raise BagError(
            f"{source.path} has several image topics: {', '.join(found)}. Choose one, such as --image {found[0]}, or "
            "name several cameras with -p cameras:=NAME,NAME"
        )
    return found[0]


def _info(source: Source, image: str, asked: str, camera: str) -> str:
    found = source.topics(INFO)
    if asked:
        if asked in found:
            return asked
        raise BagError(
            f"{source.path} has no CameraInfo on {asked}; CameraInfo topics are: {', '.join(found) or 'none'}"
        )
    # As image_transport has it: beside the raw images' topic.
    beside = image.removesuffix("/compressed").rsplit("/", 1)[0] + "/camera_info"
    if beside in found:
        return beside
    if not found:
        raise BagError(
            f"{source.path} has no CameraInfo: give the calibration with -p camera_yaml:=FILE, a file as ROS' "
            "camera_calibration writes it"
        )
    about = [topic for topic in found if _is_about(topic, camera)]
    if len(about) != 1:
        named = f"{camera}:=" if camera else ""
        raise BagError(
            f"{source.path} has no CameraInfo on {beside}, but on {', '.join(found)}. Choose one, such as "
            f"--camera-info {named}{(about or found)[0]}"
        )
    return about[0]


def _is_ours(topic: str) -> bool:
    """Whether an image topic is one that the node writes."""
    return topic.startswith(f"{NODE}/") or "/humans/bodies/" in topic


def _is_about(topic: str, camera: str) -> bool:
    return not camera or f"/{camera}/" in topic
