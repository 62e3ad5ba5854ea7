"""The node's parameters: one table of names, defaults, ranges and descriptions."""

from __future__ import annotations

from dataclasses import Field, dataclass, field, fields
from typing import Any

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.node import Node


def _parameter(default: Any, text: str, low: float | None = None, high: float | None = None, live: bool = False) -> Any:
    """A row of the table; `live` ones take effect at the next frame, others when the node is configured."""
    return field(default=default, metadata={"text": text, "low": low, "high": high, "live": live})


@dataclass(frozen=True)
class Settings:
    """Values of the parameters. ``config/metric_pose.yaml`` lists the same with their defaults."""

    autostart: bool = _parameter(True, "Configure and activate at start, without a lifecycle manager.")
    model: str = _parameter("metric_pose_heavy", "Pose model: heavy, fast, a shipped name or a path to an ONNX file.")
    skeleton: str = _parameter("", "Skeleton that people shall have, such as h36m_17; empty takes the model's first.")
    engine: str = _parameter(
        "auto", "What runs the networks: auto, tensorrt, tensorrt_rtx, onnxruntime_cuda or onnxruntime."
    )
    build_only: bool = _parameter(False, "Build the engines that are missing for this GPU, then end.")
    detector: str = _parameter("movenet", "Person detector: movenet, nanodet or a path to a detector file.")
    detections_topic: str = _parameter(
        "", "Topic of 2D detections to take instead of the detector's; needs vision_msgs."
    )
    detections_class: str = _parameter("person", "Class of people among them; empty takes every class.")
    detection_interval: int = _parameter(
        8, "The detector looks at every so-many-th frame; tracks lead in between.", 1, 100, live=True
    )
    background_detection: bool = _parameter(
        True, "While somebody is tracked, the detector looks on a thread of its own, so that no frame waits for it."
    )
    threads: int = _parameter(2, "CPU threads; a detector in the background takes one of them.", 1, 64)
    mirror: bool = _parameter(False, "Average over each person and the mirror image: slower, slightly better.")
    most_people: int = _parameter(16, "Of more detections, so many best ones are looked at.", 1, 100)
    min_confidence: float = _parameter(
        0.1, "Joints below are left out of markers, /tf and the overlay.", 0.0, 1.0, live=True
    )
    marker_lifetime: float = _parameter(
        1.0, "Seconds after which a viewer drops markers that nobody updates; 0 keeps them.", 0.0, 60.0, live=True
    )
    draw_uncertainty: bool = _parameter(
        False, "Markers show each joint's standard deviation as an ellipsoid.", live=True
    )
    draw_body: bool = _parameter(False, "Markers show the body as capsules.", live=True)
    publish_markers: bool = _parameter(True, "Publish markers for RViz.", live=True)
    publish_keypoints: bool = _parameter(True, "Publish every joint as a point of a cloud.", live=True)
    publish_overlay: bool = _parameter(True, "Publish the image with skeletons while somebody listens.", live=True)
    publish_tf: bool = _parameter(True, "Publish a TF frame per body and joint.", live=True)
    publish_poses: bool = _parameter(True, "Publish a pose per body.", live=True)
    publish_people: bool = _parameter(False, "Publish /people for nav2's social layers; needs people_msgs.")
    publish_detections: bool = _parameter(False, "Publish a 3D box per person; needs vision_msgs.")
    publish_humans: bool = _parameter(False, "Publish /humans/bodies as ROS4HRI has it; needs hri_msgs.")
    publish_when_unheard: bool = _parameter(
        True, "Look for people even while nobody subscribes to what is published.", live=True
    )
    fixed_frame: str = _parameter("", "Frame of /people, such as the costmap's; empty takes the camera's.")
    tracking_frame: str = _parameter(
        "", "Frame that stands still, such as odom, in which people are followed; empty takes the camera's."
    )
    transform_patience: float = _parameter(
        0.05,
        "Seconds to wait for the transform of an image's time before an older one is taken.",
        0.0,
        1.0,
        live=True,
    )
    frame_id: str = _parameter("", "The camera's optical frame; empty takes the one in the images.", live=True)
    camera_yaml: str = _parameter("", "Calibration file to use instead of CameraInfo.")
    image_is_rectified: bool = _parameter(
        False, "Images come without distortion (image_rect): CameraInfo's P describes them, not K and D."
    )
    diagnostics_period: float = _parameter(1.0, "Seconds between messages on /diagnostics.", 0.1, 60.0)


LIVE = frozenset(row.name for row in fields(Settings) if row.metadata["live"])
"""Parameters that may change while the node runs."""


def declare(node: Node) -> None:
    """Declares every parameter on the node.

    Raises:
        rclpy.exceptions.ParameterException: if a value from the command line or a file has the wrong type, or is out of
            range.
    """
    for row in fields(Settings):
        node.declare_parameter(row.name, row.default, _descriptor(row))


def read(node: Node) -> Settings:
    """The parameters' values now."""
    return Settings(**{row.name: node.get_parameter(row.name).value for row in fields(Settings)})


def _descriptor(row: Field) -> ParameterDescriptor:
    effect = "at the next frame" if row.metadata["live"] else "when the node is configured"
    descriptor = ParameterDescriptor(description=row.metadata["text"], additional_constraints=f"Takes effect {effect}.")
    low, high = row.metadata["low"], row.metadata["high"]
    if isinstance(row.default, float):
        descriptor.floating_point_range = [FloatingPointRange(from_value=float(low), to_value=float(high))]
    elif low is not None:
        descriptor.integer_range = [IntegerRange(from_value=int(low), to_value=int(high), step=1)]
    return descriptor
