"""People as RViz markers: bones, joints and a label each, updated in place and deleted when they vanish."""

from __future__ import annotations

import colorsys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from metric_pose_ros.messages.identity import name, number
from metric_pose_ros.messages.types import MessageTypes
from metric_pose_ros.people import Person

ADD, DELETE = 0, 2
LINE_LIST, SPHERE_LIST, TEXT = 5, 7, 9
"""Values of visualization_msgs/Marker."""


@dataclass(frozen=True)
class Look:
    """How people are drawn.

    Attributes:
        min_confidence: joints below are left out.
        bone_width: metres.
        joint_size: metres.
        label_height: metres.
        lifetime: seconds after which a viewer drops a marker that nobody updated; 0 keeps it for ever.
    """

    min_confidence: float = 0.1
    bone_width: float = 0.03
    joint_size: float = 0.06
    label_height: float = 0.15
    lifetime: float = 1.0


class PersonMarkers:
    """Builds the markers of one frame after the other, and remembers what must be deleted.

    Namespaces are ``bones``, ``joints`` and ``labels``; a marker's id is the number in the person's id. All bones of a
    person are one marker, and so are the joints, so that a viewer's work does not grow with their number.
    """

    def __init__(self, types: MessageTypes, look: Look) -> None:
        self.look = look
        self._types = types
        self._shown: dict[tuple[str, int], None] = {}

    def update(self, header: Any, people: Sequence[Person]) -> Any:
        """The MarkerArray that turns the previous frame's picture into this one's.

        Args:
            header: std_msgs/Header of the image the people were seen in.
            people: in the header's frame; joints that are not finite are never drawn.
        """
        markers = [marker for place, person in enumerate(people) for marker in self._person(header, person, place)]
        shown = {(marker.ns, marker.id): None for marker in markers}
        markers += [self._marker(header, key, LINE_LIST, action=DELETE) for key in self._shown if key not in shown]
        self._shown = shown
        return self._types.make("visualization_msgs/msg/MarkerArray", markers=markers)

    def clear(self, header: Any) -> Any:
        """The MarkerArray that deletes everything shown."""
        return self.update(header, ())

    def _person(self, header: Any, person: Person, place: int) -> Iterable[Any]:
        identity = number(person, place)
        joints = np.asarray(person.joints3d, float)
        drawn = np.isfinite(joints).all(axis=1) & (np.asarray(person.confidence) >= self.look.min_confidence)
        if not drawn.any():
            return
        colour = self._colour(identity)
        points = [self._point(joint) if seen else None for joint, seen in zip(joints, drawn, strict=True)]
        bones = [points[end] for bone in person.skeleton.edges if drawn[list(bone)].all() for end in bone]
        if bones:
            width = self._vector(self.look.bone_width)
            yield self._marker(header, ("bones", identity), LINE_LIST, scale=width, color=colour, points=bones)
        size = self._vector(*[self.look.joint_size] * 3)
        spheres = [point for point in points if point is not None]
        yield self._marker(header, ("joints", identity), SPHERE_LIST, scale=size, color=colour, points=spheres)
        yield self._label(header, person, place, joints[drawn])

    def _label(self, header: Any, person: Person, place: int, joints: npt.NDArray) -> Any:
        """The person's id and distance, above the topmost joint (the camera's y points down)."""
        middle = joints.mean(axis=0)
        top = np.array([middle[0], joints[:, 1].min() - 1.5 * self.look.label_height, middle[2]])
        return self._marker(
            header,
            ("labels", number(person, place)),
            TEXT,
            pose=self._types.make(
                "geometry_msgs/msg/Pose",
                position=self._point(top),
                orientation=self._types.make("geometry_msgs/msg/Quaternion", x=0.0, y=0.0, z=0.0, w=1.0),
            ),
            scale=self._vector(0.0, 0.0, self.look.label_height),
            color=self._types.make("std_msgs/msg/ColorRGBA", r=1.0, g=1.0, b=1.0, a=1.0),
            text=f"{name(person, place)}  {np.linalg.norm(person.position):.2f} m",
        )

    def _marker(self, header: Any, key: tuple[str, int], kind: int, action: int = ADD, **fields: Any) -> Any:
        lifetime = self.look.lifetime if action == ADD else 0.0
        if "pose" not in fields:  # all zero is no rotation, and viewers warn about it
            upright = self._types.make("geometry_msgs/msg/Quaternion", x=0.0, y=0.0, z=0.0, w=1.0)
            fields["pose"] = self._types.make("geometry_msgs/msg/Pose", orientation=upright)
        return self._types.make(
            "visualization_msgs/msg/Marker",
            header=header,
            ns=key[0],
            id=key[1],
            type=kind,
            action=action,
            lifetime=self._types.make(
                "builtin_interfaces/msg/Duration", sec=int(lifetime), nanosec=int(lifetime % 1 * 1e9)
            ),
            **fields,
        )

    def _point(self, position: npt.NDArray) -> Any:
        x, y, z = position.tolist()
        return self._types.make("geometry_msgs/msg/Point", x=x, y=y, z=z)

    def _vector(self, x: float, y: float = 0.0, z: float = 0.0) -> Any:
        return self._types.make("geometry_msgs/msg/Vector3", x=x, y=y, z=z)

    def _colour(self, identity: int) -> Any:
        red, green, blue = person_colour(identity)
        return self._types.make("std_msgs/msg/ColorRGBA", r=red, g=green, b=blue, a=1.0)


def person_colour(identity: int) -> tuple[float, float, float]:
    """RGB in 0..1 for the person of this number; steps of the golden angle keep neighbours apart."""
    red, green, blue = colorsys.hsv_to_rgb((0.33 + 0.381966 * (identity - 1)) % 1, 0.75, 1.0)
    return red, green, blue
