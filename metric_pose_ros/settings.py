"""The parameters of node and bag command: one table of names, defaults, ranges and descriptions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any


def parameter(
    default: Any,
    text: str,
    low: float | None = None,
    high: float | None = None,
    live: bool = False,
    node_only: bool = False,
    read_only: bool = False,
    any_type: bool = False,
) -> Any:
    """A row of the table.

    `live` ones take effect at the next frame, `read_only` ones only when the process starts, others when the node is
    configured; `node_only` ones say nothing about the frames of a bag; `any_type` ones are given as whatever comes.
    """
    marks = {"live": live, "node": node_only, "read_only": read_only, "any_type": any_type}
    return field(default=default, metadata={"text": text, "low": low, "high": high, **marks})


@dataclass(frozen=True)
class Settings:
    """Values of the parameters. ``config/metric_pose.yaml`` lists the same with their defaults."""

    autostart: bool = parameter(
        True, "Configure and activate at start, without a lifecycle manager.", node_only=True, read_only=True
    )
    model: str = parameter("metric_pose_heavy", "Pose model: heavy, fast, a shipped name or a path to an ONNX file.")
    skeleton: str = parameter("", "Skeleton that people shall have, such as h36m_17; empty takes the model's first.")
    engine: str = parameter(
        "auto", "What runs the networks: auto, tensorrt, tensorrt_rtx, onnxruntime_cuda or onnxruntime."
    )
    build_only: bool = parameter(
        False, "Build the engines that are missing for this GPU, then end.", node_only=True, read_only=True
    )
    detector: str = parameter("movenet", "Person detector: movenet, nanodet or a path to a detector file.")
    detections_topic: str = parameter(
        "", "Topic of 2D detections to take instead of the detector's; needs vision_msgs."
    )
    detections_class: str = parameter("person", "Class of people among them; empty takes every class.")
    detection_interval: int = parameter(
        8, "The detector looks at every so-many-th frame; tracks lead in between.", 1, 100, live=True
    )
    background_detection: bool = parameter(
        True,
        "While somebody is tracked, the detector looks on a thread of its own, so that no frame waits for it.",
        node_only=True,
    )
    threads: int = parameter(2, "CPU threads; a detector in the background takes one of them.", 1, 64)
    mirror: bool = parameter(False, "Average over each person and the mirror image: slower, slightly better.")
    max_people: int = parameter(16, "Of more people, in all cameras, the nearest ones are looked at.", 1, 100)
    min_confidence: float = parameter(
        0.1, "Joints below are left out of markers, /tf and the overlay.", 0.0, 1.0, live=True
    )
    smoothing_cutoff: float = parameter(
        1.5, "Hz of poses' motion that smoothing lets through at rest; lower is smoother.", 0.1, 100.0, live=True
    )
    smoothing_beta: float = parameter(
        2.0, "Hz more of it per m/s; higher lags less behind fast motion.", 0.0, 100.0, live=True
    )
    max_rate: float = parameter(
        0.0,
        "Images per second that are looked at, at most; 0 takes as many as can be.",
        0.0,
        1000.0,
        live=True,
        node_only=True,
    )
    hang_timeout: float = parameter(
        20.0,
        "Seconds after which a frame that does not end is given up and the networks are loaded again; 0 waits.",
        0.0,
        3600.0,
        live=True,
        node_only=True,
    )
    marker_lifetime: float = parameter(
        1.0, "Seconds after which a viewer drops markers that nobody updates; 0 keeps them.", 0.0, 60.0, live=True
    )
    draw_uncertainty: bool = parameter(
        False, "Markers show each joint's standard deviation as an ellipsoid.", live=True
    )
    draw_body: bool = parameter(False, "Markers show the body as capsules.", live=True)
    publish_markers: bool = parameter(True, "Publish markers for RViz.", live=True)
    publish_keypoints: bool = parameter(True, "Publish every joint as a point of a cloud.", live=True)
    publish_overlay: bool = parameter(True, "Publish the image with skeletons while somebody listens.", live=True)
    publish_tf: bool = parameter(True, "Publish a TF frame per body and joint.", live=True)
    publish_poses: bool = parameter(True, "Publish a pose per body.", live=True)
    publish_people: bool = parameter(False, "Publish /people for nav2's social layers; needs people_msgs.", live=True)
    publish_detections: bool = parameter(False, "Publish a 3D box per person; needs vision_msgs.", live=True)
    publish_humans: bool = parameter(False, "Publish /humans/bodies as ROS4HRI has it; needs hri_msgs.", live=True)
    publish_when_unheard: bool = parameter(
        True, "Look for people even while nobody subscribes to what is published.", live=True, node_only=True
    )
    fixed_frame: str = parameter("", "Frame of /people, such as the costmap's; empty takes the camera's.")
    tracking_frame: str = parameter(
        "", "Frame that stands still, such as odom, in which people are followed; empty takes the camera's."
    )
    transform_patience: float = parameter(
        0.05,
        "Seconds to wait for the transform of an image's time before an older one is taken.",
        0.0,
        1.0,
        live=True,
        node_only=True,
    )
    frame_id: str = parameter("", "The camera's optical frame; empty takes the one in the images.", live=True)
    cameras: str = parameter(
        "", "Names of several cameras, such as front,rear, each with topics of its own; empty for one."
    )
    image_transport: str = parameter("raw", "How images come: raw, or compressed (JPEG or PNG on image/compressed).")
    camera_yaml: str = parameter("", "Calibration file to use instead of CameraInfo.")
    image_is_rectified: bool = parameter(
        False, "Images come without distortion (image_rect): CameraInfo's P describes them, not K and D."
    )
    default_fov: float = parameter(
        0.0,
        "Degrees that the longer image side is taken to span as long as there is no calibration; 0 waits for one.",
        0.0,
        179.0,
    )
    image_is_resized: bool = parameter(
        False, "Images are scaled (not cropped) to another size than their calibration is for: it is scaled as well."
    )
    diagnostics_period: float = parameter(
        1.0, "Seconds between messages on /diagnostics.", 0.1, 60.0, node_only=True, read_only=True
    )


LIVE = frozenset(row.name for row in fields(Settings) if row.metadata["live"])
"""Parameters that may change while the node runs."""
READ_ONLY = frozenset(row.name for row in fields(Settings) if row.metadata["read_only"])
"""Parameters that count only when the process starts."""
NODE_ONLY = frozenset(row.name for row in fields(Settings) if row.metadata["node"])
"""Parameters that mean nothing for a bag."""


def camera_names(settings: Settings) -> tuple[str, ...]:
    """Names of the cameras; one that is empty where there is but one camera.

    Raises:
        ValueError: if a name cannot be part of a topic or comes twice, or one calibration or frame is given for all.
    """
    if not settings.cameras.strip():
        return ("",)
    names = tuple(name.strip() for name in settings.cameras.split(","))
    wrong = [name for name in names if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name)]
    if wrong or len(set(names)) < len(names):
        raise ValueError(
            f"the parameter cameras is {settings.cameras!r}, expected different names of letters, digits and _, with "
            "commas in between, such as front,rear"
        )
    for parameter in ("camera_yaml", "frame_id"):
        if getattr(settings, parameter):
            raise ValueError(f"the parameter {parameter} is about one camera: leave it empty, or the parameter cameras")
    if settings.detections_topic.startswith("/"):
        raise ValueError(
            f"the parameter detections_topic is {settings.detections_topic}; with several cameras, expected a name "
            f"below each camera's own, such as detections for {names[0]}/detections"
        )
    return names


def changed(settings: Settings, values: Mapping[str, Any]) -> Settings:
    """Settings with other values, checked as ROS checks a node's parameters.

    Raises:
        ValueError: if there is no such parameter, or a value is of another type or out of range.
    """
    rows = {row.name: row for row in fields(Settings)}
    for name, value in values.items():
        row = rows.get(name)
        if row is None:
            raise ValueError(f"there is no parameter {name!r}; known are {', '.join(rows)}")
        if type(value) is not type(row.default):
            wanted = {bool: "true or false", int: "a whole number", float: "a number with a point", str: "a text"}
            raise ValueError(f"the parameter {name} is {value!r}, expected {wanted[type(row.default)]}")
        low, high = row.metadata["low"], row.metadata["high"]
        if low is not None and not low <= value <= high:
            raise ValueError(f"the parameter {name} is {value}, expected {low} to {high}")
    return replace(settings, **values)
