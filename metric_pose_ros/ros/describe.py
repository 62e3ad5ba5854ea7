"""Tables of what each node listens to, publishes and can be told, for ``docs/nodes.md``:

python -m metric_pose_ros.ros.describe docs/nodes.md
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import Field, dataclass, fields
from pathlib import Path
from typing import Any

from metric_pose_ros.messages.humans import KINDS, body_topic
from metric_pose_ros.messages.outgoing import TOPICS
from metric_pose_ros.ros import parameters
from metric_pose_ros.ros.packages import NEEDED
from metric_pose_ros.ros.video_player import PlayerSettings
from metric_pose_ros.settings import Settings

_TYPES = {bool: "bool", int: "int", float: "double", str: "string"}
"""What ROS calls the types of parameters."""


@dataclass(frozen=True)
class Way:
    """A topic or a service of a node.

    Attributes:
        name: as the node has it before remapping; ``~`` stands for the node's name.
        kind: type of the messages.
        text: what it is for, and when it is there.
        qos: quality of service, in words.
        switch: parameter that must be set for it to be there, or to be served; empty if none.
    """

    name: str
    kind: str
    text: str
    qos: str = ""
    switch: str = ""


@dataclass(frozen=True)
class NodeTables:
    """All about a node.

    Attributes:
        name: of the node.
        text: how it is started, and what it does.
        subscribed: topics.
        published: topics.
        services: those of every node aside.
        table: of the parameters; see `metric_pose_ros.settings.parameter`. None if there are none.
    """

    name: str
    text: str
    subscribed: Sequence[Way]
    published: Sequence[Way]
    services: Sequence[Way] = ()
    table: type[Any] | None = None


_BODY_TEXTS = {
    "roi": "Where the body is in the image, 0 to 1.",
    "cropped": "That part of the image.",
    "skeleton2d": "18 points in the image, 0 to 1, with confidences.",
    "joint_states": "Angles for the human URDF of human_description.",
}
_MATCHED = "as its publishers offer"
_TRANSFORMS = "tf2_msgs/msg/TFMessage"


def _published() -> Iterator[Way]:
    for topic in TOPICS:
        yield Way(topic.name, topic.kind, topic.text, f"reliable, {topic.depth}", topic.switch)
    for part, kind in KINDS.items():
        yield Way(body_topic("<id>", part), kind, _BODY_TEXTS[part], "reliable, 1", "publish_humans")
    yield Way(
        "/diagnostics",
        "diagnostic_msgs/msg/DiagnosticArray",
        "Rates, latencies, time per stage, drops, model and engine, what is wrong; every diagnostics_period.",
        "reliable, 10",
    )


METRIC_POSE = NodeTables(
    "metric_pose",
    "`ros2 run metric_pose_ros metric_pose_node` finds people in images. It is a lifecycle node. Of several cameras "
    "(`cameras`), each has its topics: `front/image`, `~/front/markers`, `/front/people`; /tf and /diagnostics are "
    "shared ([cameras.md](cameras.md)). What is on the topics: [outputs.md](outputs.md). While a model is loaded "
    "there is one more parameter, `joint_names` (string array, read-only): the joints in the order of the keypoints.",
    (
        Way("image", "sensor_msgs/msg/Image", "By image_transport raw.", _MATCHED),
        Way(
            "image/compressed", "sensor_msgs/msg/CompressedImage", "By image_transport compressed: JPEG, PNG.", _MATCHED
        ),
        Way("camera_info", "sensor_msgs/msg/CameraInfo", "Unless camera_yaml is set.", _MATCHED),
        Way(
            "<detections_topic>",
            "vision_msgs/msg/Detection2DArray",
            "People's boxes, on the topic that the parameter holds.",
            _MATCHED,
            "detections_topic",
        ),
        Way("/tf", _TRANSFORMS, "If fixed_frame or tracking_frame is set.", "reliable, 100"),
        Way("/tf_static", _TRANSFORMS, "Likewise.", "reliable, transient local, 100"),
    ),
    tuple(_published()),
    (
        Way("~/enable", "std_srvs/srv/SetBool", "Rest (no subscriptions, nothing computed) and work again."),
        Way("~/change_state", "lifecycle_msgs/srv/ChangeState", "Transitions, as every lifecycle node has them."),
    ),
    Settings,
)
VIDEO_PLAYER = NodeTables(
    "video_player",
    "`ros2 run metric_pose_ros video_player` plays a video file or a webcam. It ends with the file.",
    (Way("~/next", "std_msgs/msg/Empty", "Asks for the next frame, if step is set.", "reliable, 10"),),
    (
        Way("image", "sensor_msgs/msg/Image", "bgr8, stamped with the time of publishing.", "reliable, 2"),
        Way("camera_info", "sensor_msgs/msg/CameraInfo", "With every image.", "reliable, 2"),
    ),
    table=PlayerSettings,
)
VIEW = NodeTables(
    "metric_pose_view",
    "`metric-pose view` without a bag shows in Rerun what is published; `--image`, `--camera-info` and `--markers` "
    "choose topics.",
    (
        Way("image", "sensor_msgs/msg/Image", "CompressedImage if the topic's name ends in /compressed.", _MATCHED),
        Way("camera_info", "sensor_msgs/msg/CameraInfo", "Until the first one has come.", _MATCHED),
        Way(
            "/metric_pose/markers", "visualization_msgs/msg/MarkerArray", "Drawn as lines, points and texts.", _MATCHED
        ),
    ),
    (),
)
NODES = (METRIC_POSE, VIDEO_PLAYER, VIEW)


def document() -> str:
    """The whole page, Markdown."""
    parts = [
        "# Nodes: topics, services, parameters",
        "Written by `python -m metric_pose_ros.ros.describe docs/nodes.md` from the tables that the nodes are made of: "
        "change those, not this page.",
        *(_section(node) for node in NODES),
    ]
    return "\n\n".join(parts) + "\n"


def _section(node: NodeTables) -> str:
    parts = [f"## {node.name}", node.text]
    for title, ways in (("subscribed", node.subscribed), ("published", node.published)):
        if ways:
            lines = [(_code(way.name), way.kind, way.qos, _code(way.switch), way.text) for way in ways]
            parts.append(_table((title, "type", "quality of service", "parameter", ""), lines))
    if node.services:
        parts.append(_table(("service", "type", ""), [(_code(way.name), way.kind, way.text) for way in node.services]))
    if node.table is not None:
        rows = [_row(each) for each in fields(node.table)]
        parts.append(_table(("parameter", "type", "default", "range", "takes effect", ""), rows))
    return "\n\n".join(parts)


def _row(row: Field) -> tuple[str, ...]:
    low, high = row.metadata["low"], row.metadata["high"]
    default = str(row.default).lower() if isinstance(row.default, bool) else str(row.default)
    package = NEEDED.get(row.name)
    text = row.metadata["text"]
    if package and package not in text:
        text += f" Needs {package}."
    return (
        _code(row.name),
        _TYPES[type(row.default)],
        _code(default) if default else "empty",
        "" if low is None else f"{low:g} to {high:g}",
        parameters.effect(row),
        text,
    )


def _code(text: str) -> str:
    return f"`{text}`" if text else ""


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(document(), encoding="utf-8")
