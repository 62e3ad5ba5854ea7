"""What goes out: markers, keypoints, overlay, TF and people in other packages' messages, each only where asked for."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from geometry_msgs.msg import PoseArray
from rclpy.lifecycle import LifecycleNode
from rclpy.qos import QoSProfile, qos_policy_name_from_kind
from sensor_msgs.msg import Image, PointCloud2
from std_msgs.msg import Header
from tf2_msgs.msg import TFMessage
from visualization_msgs.msg import MarkerArray

from metric_pose_ros import overlay
from metric_pose_ros.messages import detections, images, keypoints, poses, transforms
from metric_pose_ros.messages import people as people_messages
from metric_pose_ros.messages.markers import Look, PersonMarkers
from metric_pose_ros.messages.types import InstalledTypes
from metric_pose_ros.people import Person
from metric_pose_ros.ros import packages
from metric_pose_ros.ros.distribution import PublisherEventCallbacks
from metric_pose_ros.ros.frames import FrameListener
from metric_pose_ros.ros.humans import HumansOutput
from metric_pose_ros.ros.input import Frame
from metric_pose_ros.ros.parameters import Settings


class PeopleOutput:
    """The node's publishers.

    All are reliable, which best-effort subscribers understand too.

    Args:
        node: that publishes.
        settings: of the node, as it is configured.
        frames: where the camera is.

    Raises:
        ValueError: if the parameters ask for messages whose package is not installed.
    """

    def __init__(self, node: LifecycleNode, settings: Settings, frames: FrameListener) -> None:
        packages.check(settings)
        self._node = node
        self._frames = frames
        self._types = InstalledTypes()
        self._markers = PersonMarkers(self._types, Look())
        self._to: dict[str, Any] = {
            "markers": self._publisher(MarkerArray, "~/markers", 10),
            "keypoints": self._publisher(PointCloud2, "~/keypoints", 10),
            "overlay": self._publisher(Image, "~/overlay", 1),
            "tf": self._publisher(TFMessage, "/tf", 100),
            "poses": self._publisher(PoseArray, "~/poses", 10),
        }
        if settings.publish_people:
            self._to["people"] = self._publisher(_class("people_msgs", "People"), "/people", 10)
        if settings.publish_detections:
            self._to["detections"] = self._publisher(_class("vision_msgs", "Detection3DArray"), "~/detections", 10)
        self._humans = HumansOutput(node) if settings.publish_humans else None
        self._header = Header()
        self._people_header = Header()

    def listened(self) -> bool:
        """Whether anybody subscribes to anything that is published."""
        return any(map(_listened, self._to.values())) or (self._humans is not None and self._humans.listened)

    def publish(self, frame: Frame, people: Sequence[Person], settings: Settings) -> None:
        """Publishes what was found in a frame, with the frame's stamp."""
        self._header = frame.header
        self._publish_markers(people, settings)
        if settings.publish_tf:
            self._to["tf"].publish(transforms.from_people(self._types, frame.header, people, settings.min_confidence))
        if settings.publish_keypoints and _listened(self._to["keypoints"]):
            self._to["keypoints"].publish(keypoints.from_people(self._types, frame.header, people))
        if settings.publish_poses and _listened(self._to["poses"]):
            self._to["poses"].publish(poses.from_people(self._types, frame.header, people))
        if settings.publish_overlay and _listened(self._to["overlay"]):
            drawn = overlay.draw(frame.image_bgr, list(people), settings.min_confidence)
            self._to["overlay"].publish(images.from_bgr(self._types, frame.header, drawn))
        if "people" in self._to:
            self._publish_people(frame, people, settings)
        if "detections" in self._to and _listened(self._to["detections"]):
            boxes = detections.from_people(self._types, frame.header, people, settings.min_confidence)
            self._to["detections"].publish(boxes)
        if self._humans is not None:
            self._humans.publish(frame, people)

    def clear(self) -> None:
        """Deletes every marker that is shown, and says that nobody is there."""
        self._to["markers"].publish(self._markers.clear(self._header))
        if "people" in self._to and self._people_header.frame_id:
            self._to["people"].publish(people_messages.from_people(self._types, self._people_header, [], np.eye(4)))
        if self._humans is not None:
            self._humans.clear(self._header)

    def close(self) -> None:
        """Takes the publishers away."""
        for publisher in self._to.values():
            self._node.destroy_lifecycle_publisher(publisher)
        if self._humans is not None:
            self._humans.close()

    def _publish_markers(self, people: Sequence[Person], settings: Settings) -> None:
        self._markers.look = replace(
            self._markers.look,
            min_confidence=settings.min_confidence,
            lifetime=settings.marker_lifetime,
            uncertainty=settings.draw_uncertainty,
            body=settings.draw_body,
        )
        # Markers are always worked out: what must be deleted is known only to who saw it.
        markers = self._markers.update(self._header, people if settings.publish_markers else ())
        if _listened(self._to["markers"]) and (settings.publish_markers or markers.markers):
            self._to["markers"].publish(markers)

    def _publish_people(self, frame: Frame, people: Sequence[Person], settings: Settings) -> None:
        """Costmaps drop a list that they cannot transform, so it is put into their frame here, or not published."""
        camera, target = frame.header.frame_id, settings.fixed_frame or frame.header.frame_id
        patience = settings.transform_patience
        pose = np.eye(4) if target == camera else self._frames.at(target, camera, frame.stamp_s, patience)
        if pose is None:
            return
        self._people_header = Header(stamp=frame.header.stamp, frame_id=target)
        self._to["people"].publish(people_messages.from_people(self._types, self._people_header, people, pose))

    def _publisher(self, kind: type, topic: str, depth: int) -> Any:
        return self._node.create_lifecycle_publisher(
            kind,
            topic,
            QoSProfile(depth=depth),
            event_callbacks=PublisherEventCallbacks(incompatible_qos=self._mismatch(topic)),
        )

    def _mismatch(self, topic: str) -> Callable[[Any], None]:
        name = self._node.resolve_topic_name(topic)

        def explain(event: Any) -> None:
            policy = qos_policy_name_from_kind(event.last_policy_kind).lower()
            self._node.get_logger().warning(
                f"a subscriber of {name} gets nothing: it asks for another {policy} than this node offers "
                "(reliable, volatile). Change its QoS settings"
            )

        return explain


def _class(package: str, message: str) -> type:
    return getattr(importlib.import_module(f"{package}.msg"), message)


def _listened(publisher: Any) -> bool:
    return publisher.get_subscription_count() > 0
