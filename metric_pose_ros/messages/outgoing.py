"""What goes out about a frame: each message under its topic, and only if somebody wants it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from metric_pose_ros import overlay
from metric_pose_ros.geometry.moving_camera import Transforms
from metric_pose_ros.messages import compressed_images, detections, images, keypoints, poses, transforms
from metric_pose_ros.messages import people as people_messages
from metric_pose_ros.messages.humans import LIST, Bodies
from metric_pose_ros.messages.incoming import Frame
from metric_pose_ros.messages.markers import Look, PersonMarkers
from metric_pose_ros.messages.types import MessageTypes
from metric_pose_ros.people import Person
from metric_pose_ros.settings import Settings

MARKERS, KEYPOINTS, POSES, TF = "~/markers", "~/keypoints", "~/poses", "/tf"
OVERLAY, COMPRESSED_OVERLAY = "~/overlay", "~/overlay/compressed"
PEOPLE, DETECTIONS = "/people", "~/detections"


class Topic(NamedTuple):
    """A topic that there is.

    Attributes:
        name: ``~`` stands for the node's name.
        kind: type of its messages.
        depth: how many of them are kept for who is slow.
        text: what is in them.
        switch: parameter that switches it on and off.
        optional: whether it is there at all only where the switch was on.
    """

    name: str
    kind: str
    depth: int
    text: str
    switch: str
    optional: bool = False

    def is_offered(self, settings: Settings) -> bool:
        """Whether the parameters ask for it to be there."""
        return not self.optional or getattr(settings, self.switch)


TOPICS = (
    Topic(
        MARKERS,
        "visualization_msgs/msg/MarkerArray",
        10,
        "Bones, joints and a label with the distance per person, on demand uncertainty and body; deleted when somebody "
        "leaves.",
        "publish_markers",
    ),
    Topic(
        KEYPOINTS,
        "sensor_msgs/msg/PointCloud2",
        10,
        "x, y, z, person, joint, confidence, std and distance_std of every joint; joint_names has their names.",
        "publish_keypoints",
    ),
    Topic(
        OVERLAY,
        "sensor_msgs/msg/Image",
        1,
        "The image with skeletons; made only while somebody listens.",
        "publish_overlay",
    ),
    Topic(COMPRESSED_OVERLAY, "sensor_msgs/msg/CompressedImage", 1, "The same as JPEG.", "publish_overlay"),
    Topic(
        TF,
        "tf2_msgs/msg/TFMessage",
        100,
        "A frame body_<id> per person in the camera's (REP-155), with <joint>_<id> as its children.",
        "publish_tf",
    ),
    Topic(POSES, "geometry_msgs/msg/PoseArray", 10, "A pose per body, turned as body_<id>.", "publish_poses"),
    Topic(
        PEOPLE,
        "people_msgs/msg/People",
        10,
        "Positions and velocities in fixed_frame, for nav2's social layers; empty lists too.",
        "publish_people",
        optional=True,
    ),
    Topic(
        DETECTIONS,
        "vision_msgs/msg/Detection3DArray",
        10,
        "A box along each body, and the pelvis with its covariance.",
        "publish_detections",
        optional=True,
    ),
    Topic(
        LIST,
        "hri_msgs/msg/IdsList",
        1,
        "Who has topics below /humans/bodies (ROS4HRI, REP-155).",
        "publish_humans",
        optional=True,
    ),
)
"""All but those under ``/humans/bodies/<id>/``, which come and go with the ids of `LIST`."""


class Outgoing(NamedTuple):
    """A message and where it goes.

    Attributes:
        topic: a name of `TOPICS`, or one under ``/humans/bodies/<id>/``.
        message: of that topic's type.
    """

    topic: str
    message: Any


def of_camera(topic: str, camera: str) -> str:
    """Where one of several cameras has a topic; an empty name has it as it is.

    All share `TF`, where people's ids keep them apart.
    """
    if not camera or topic == TF:
        return topic
    return f"~/{camera}/{topic[2:]}" if topic.startswith("~/") else f"/{camera}{topic}"


class PeopleMessages:
    """Makes the messages about one frame after the other.

    Args:
        types: source of message classes.
        frames: says where the camera is.
        camera: its name if there are several.
    """

    def __init__(self, types: MessageTypes, frames: Transforms, camera: str = "") -> None:
        self._types = types
        self._camera = camera
        self._frames = frames
        self._markers = PersonMarkers(types, Look())
        self._bodies = Bodies(types)
        self._header = types.make("std_msgs/msg/Header")
        self._people_header: Any = None
        self._has_listed = False

    def about(
        self, frame: Frame, people: Sequence[Person], settings: Settings, wanted: Callable[[str], bool]
    ) -> Iterator[Outgoing]:
        """The messages about a frame, with its stamp.

        Args:
            frame: of the camera.
            people: in it.
            settings: of now; those that need a message package count as they are.
            wanted: whether anybody wants to have a topic. It is asked only of what can be left out: `TF`, `PEOPLE` and
                `LIST` always come.
        """

        def own(topic: str) -> bool:
            return wanted(of_camera(topic, self._camera))

        for topic, message in self._about(frame, people, settings, own):
            yield Outgoing(of_camera(topic, self._camera), message)

    def clear(self, settings: Settings) -> Iterator[Outgoing]:
        """Deletes every marker that is shown, and says that nobody is there any more."""
        for topic, message in self._clear(settings):
            yield Outgoing(of_camera(topic, self._camera), message)

    def _about(
        self, frame: Frame, people: Sequence[Person], settings: Settings, wanted: Callable[[str], bool]
    ) -> Iterator[Outgoing]:
        self._header = header = frame.header
        least = settings.min_confidence
        yield from self._draw(people, settings, wanted)
        if settings.publish_tf:
            yield Outgoing(TF, transforms.from_people(self._types, header, people, least))
        if settings.publish_keypoints and wanted(KEYPOINTS):
            yield Outgoing(KEYPOINTS, keypoints.from_people(self._types, header, people))
        if settings.publish_poses and wanted(POSES):
            yield Outgoing(POSES, poses.from_people(self._types, header, people))
        if settings.publish_overlay:
            yield from self._overlays(frame, people, least, wanted)
        yield from self._last_words(not settings.publish_people, not settings.publish_humans)
        if settings.publish_people:
            yield from self._people(frame, people, settings)
        if settings.publish_detections and wanted(DETECTIONS):
            yield Outgoing(DETECTIONS, detections.from_people(self._types, header, people, least))
        if settings.publish_humans:
            self._has_listed = True
            yield from (
                Outgoing(*named)
                for named in self._bodies.about(header, frame.stamp_s, frame.image_bgr, people, wanted, least)
            )

    def _clear(self, settings: Settings) -> Iterator[Outgoing]:
        yield Outgoing(MARKERS, self._markers.clear(self._header))
        yield from self._last_words(settings.publish_people, settings.publish_humans)

    def _last_words(self, of_people: bool, of_humans: bool) -> Iterator[Outgoing]:
        """Says once that nobody is there, where something was said before; markers know for themselves."""
        if of_people and self._people_header is not None:
            nobody = people_messages.from_people(self._types, self._people_header, [], np.eye(4))
            self._people_header = None
            yield Outgoing(PEOPLE, nobody)
        if of_humans and self._has_listed:
            self._has_listed = False
            yield Outgoing(LIST, self._bodies.clear(self._header))

    def _draw(self, people: Sequence[Person], settings: Settings, wanted: Callable[[str], bool]) -> Iterator[Outgoing]:
        self._markers.look = replace(
            self._markers.look,
            min_confidence=settings.min_confidence,
            lifetime=settings.marker_lifetime,
            uncertainty=settings.draw_uncertainty,
            body=settings.draw_body,
        )
        # Markers are always worked out: what must be deleted is known only to who saw it.
        markers = self._markers.update(self._header, people if settings.publish_markers else ())
        if wanted(MARKERS) and (settings.publish_markers or markers.markers):
            yield Outgoing(MARKERS, markers)

    def _overlays(
        self, frame: Frame, people: Sequence[Person], least: float, wanted: Callable[[str], bool]
    ) -> Iterator[Outgoing]:
        raw, compressed = wanted(OVERLAY), wanted(COMPRESSED_OVERLAY)
        if not (raw or compressed):
            return
        drawn = overlay.draw(frame.image_bgr, list(people), least)
        if raw:
            yield Outgoing(OVERLAY, images.from_bgr(self._types, frame.header, drawn))
        if compressed:
            yield Outgoing(COMPRESSED_OVERLAY, compressed_images.from_bgr(self._types, frame.header, drawn))

    def _people(self, frame: Frame, people: Sequence[Person], settings: Settings) -> Iterator[Outgoing]:
        """Costmaps drop a list that they cannot transform, so it is put into their frame here, or does not come."""
        camera, target = frame.header.frame_id, settings.fixed_frame or frame.header.frame_id
        patience = settings.transform_patience
        pose = np.eye(4) if target == camera else self._frames.at(target, camera, frame.stamp_s, patience)
        if pose is None:
            return
        self._people_header = self._types.make("std_msgs/msg/Header", stamp=frame.header.stamp, frame_id=target)
        yield Outgoing(PEOPLE, people_messages.from_people(self._types, self._people_header, people, pose))
