"""One person's body as ROS4HRI (REP-155) has it under ``/humans/bodies/<id>/``, and the list of who is there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from metric_pose_ros.joint_angles import joint_angles
from metric_pose_ros.messages import images
from metric_pose_ros.messages.identity import name
from metric_pose_ros.messages.transforms import body_frame
from metric_pose_ros.messages.types import MessageTypes
from metric_pose_ros.people import Person

SKELETON_2D = (
    "nose", "neck", "right_shoulder", "right_elbow", "right_wrist", "left_shoulder", "left_elbow", "left_wrist",
    "right_hip", "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle", "left_eye", "right_eye",
    "left_ear", "right_ear",
)  # fmt: skip
"""Joints of hri_msgs/Skeleton2D in its order."""
_MARGIN = 0.08
"""Of the person's size, added around the joints so that head, hands and feet are inside."""

LIST = "/humans/bodies/tracked"
KINDS = {
    "roi": "hri_msgs/msg/NormalizedRegionOfInterest2D",
    "cropped": "sensor_msgs/msg/Image",
    "skeleton2d": "hri_msgs/msg/Skeleton2D",
    "joint_states": "sensor_msgs/msg/JointState",
}
"""Types of the messages about one body, by the topic's last part."""
_FORGOTTEN_S = 1.0
"""Seconds for which somebody who is not seen stays on the list, so that listeners need not start anew after a blink."""


class Bodies:
    """Makes the messages about everybody's body, and the list of who is there.

    Args:
        types: source of message classes; it needs hri_msgs.
    """

    def __init__(self, types: MessageTypes) -> None:
        self._types = types
        self._seen_s: dict[str, float] = {}

    def about(
        self,
        header: Any,
        stamp_s: float,
        image_bgr: images.Image,
        people: Sequence[Person],
        wanted: Callable[[str], bool],
        min_confidence: float = 0.0,
    ) -> Iterator[tuple[str, Any]]:
        """Topics and their messages about a frame; the list comes last, and always.

        Args:
            header: std_msgs/Header of the image the people were seen in.
            stamp_s: its stamp in seconds.
            image_bgr: (height, width, 3) the image.
            people: in it.
            wanted: whether anybody wants to have a topic of one body.
            min_confidence: angles that need a joint below are left out.
        """
        named = {name(person, place): person for place, person in enumerate(people)}
        self._seen_s |= dict.fromkeys(named, stamp_s)
        # Time may have started over, so the difference counts either way.
        self._seen_s = {who: when for who, when in self._seen_s.items() if abs(stamp_s - when) <= _FORGOTTEN_S}
        for who, person in named.items():
            topics = {kind: body_topic(who, kind) for kind in KINDS}
            asked = {kind for kind, topic in topics.items() if wanted(topic)}
            for kind, message in _body(self._types, header, person, image_bgr, asked):
                yield topics[kind], message
            if "joint_states" in asked:
                angles = joint_states(self._types, header, person, who, min_confidence)
                if angles is not None:
                    yield topics["joint_states"], angles
        yield LIST, ids(self._types, header, list(self._seen_s))

    def clear(self, header: Any) -> Any:
        """The list that says that nobody is there."""
        self._seen_s = {}
        return ids(self._types, header, [])


def body_topic(who: str, kind: str) -> str:
    """Where messages of a kind of `KINDS` about somebody go."""
    return f"/humans/bodies/{who}/{kind}"


def _body(
    types: MessageTypes, header: Any, person: Person, image_bgr: images.Image, asked: set[str]
) -> Iterator[tuple[str, Any]]:
    height, width = image_bgr.shape[:2]
    if "skeleton2d" in asked:
        yield "skeleton2d", skeleton2d(types, header, person, width, height)
    box = bounds(person, width, height)
    if box is not None and "roi" in asked:
        yield "roi", region(types, header, box, person.score, width, height)
    if box is not None and "cropped" in asked:
        yield "cropped", cropped(types, header, box, image_bgr)


def ids(types: MessageTypes, header: Any, names: Sequence[str]) -> Any:
    """The IdsList for ``/humans/bodies/tracked`` of people's names, such as ``p3``."""
    return types.make("hri_msgs/msg/IdsList", header=header, ids=list(names))


def bounds(person: Person, width: int, height: int) -> npt.NDArray | None:
    """(4,) whole px xyxy, the person's part of the image, the last ones outside; None if there is none.

    Args:
        person: whose ``joints2d`` are px of the image.
        width: of the image, px.
        height: of the image, px.
    """
    points = np.asarray(person.joints2d, float)
    points = points[np.isfinite(points).all(axis=1)]
    if not len(points):
        return None
    low, high = points.min(axis=0), points.max(axis=0)
    margin = _MARGIN * (high - low).max()
    corners = np.concatenate([np.floor(low - margin), np.ceil(high + margin)])
    corners = np.clip(corners, 0, [width, height, width, height])
    return corners.astype(int) if (corners[2:] > corners[:2]).all() else None


def region(types: MessageTypes, header: Any, box: npt.NDArray, score: float, width: int, height: int) -> Any:
    """The NormalizedRegionOfInterest2D of a box as `bounds` gives it, in parts of the image's width and height."""
    x1, y1, x2, y2 = (box / [width, height, width, height]).tolist()
    return types.make(
        "hri_msgs/msg/NormalizedRegionOfInterest2D", header=header, xmin=x1, ymin=y1, xmax=x2, ymax=y2, c=float(score)
    )


def cropped(types: MessageTypes, header: Any, box: npt.NDArray, image_bgr: images.Image) -> Any:
    """The Image of what is inside a box as `bounds` gives it."""
    x1, y1, x2, y2 = box.tolist()
    return images.from_bgr(types, header, image_bgr[y1:y2, x1:x2])


def joint_states(types: MessageTypes, header: Any, person: Person, who: str, min_confidence: float = 0.0) -> Any:
    """The JointState that moves ROS4HRI's human description of somebody; None if the body's direction is not known.

    Args:
        types: source of message classes.
        header: std_msgs/Header of the image the person was seen in.
        person: whose joints are taken.
        who: its id, with which the URDF's joints' names end.
        min_confidence: angles that need a joint below are left out.
    """
    frame = body_frame(person)
    if frame is None:
        return None
    angles = joint_angles(person, frame[1], min_confidence)
    return types.make(
        "sensor_msgs/msg/JointState",
        header=header,
        name=[f"{joint}_{who}" for joint in angles],
        position=types.pack(np.array(list(angles.values()))),
    )


def skeleton2d(types: MessageTypes, header: Any, person: Person, width: int, height: int) -> Any:
    """The Skeleton2D: 18 points in parts of the image's width and height.

    A joint outside the image, or one that the person's skeleton does not have, is a point of confidence 0.
    """
    names = person.skeleton.names
    skeleton = []
    for joint in SKELETON_2D:
        # Skeletons without a neck joint have it between the shoulders.
        sources = ("left_shoulder", "right_shoulder") if joint == "neck" and joint not in names else (joint,)
        x, y, sure = 0.0, 0.0, 0.0
        if set(sources) <= set(names):
            where = person.skeleton.indices(sources)
            # The image's border is half a pixel beyond the middle of the first one.
            place = (np.asarray(person.joints2d, float)[where].mean(axis=0) + 0.5) / [width, height]
            if ((place >= 0) & (place <= 1)).all():
                (x, y), sure = place.tolist(), float(np.asarray(person.confidence)[where].min())
        skeleton.append(types.make("hri_msgs/msg/NormalizedPointOfInterest2D", x=x, y=y, c=sure))
    return types.make("hri_msgs/msg/Skeleton2D", header=header, skeleton=skeleton)
