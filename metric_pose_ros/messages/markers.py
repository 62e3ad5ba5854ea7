"""People as RViz markers: bones, joints and a label each, updated in place and deleted when they vanish.

On demand with an ellipsoid per joint, one standard deviation to each side, and with the body as capsules.
"""

from __future__ import annotations

import colorsys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from metric_pose_ros.messages.identity import name, number
from metric_pose_ros.messages.space import point, pose, quaternion, vector
from metric_pose_ros.messages.types import MessageTypes
from metric_pose_ros.people import Person

ADD, DELETE = 0, 2
SPHERE, CYLINDER, LINE_LIST, SPHERE_LIST, TEXT = 2, 3, 5, 7, 9
"""Values of visualization_msgs/Marker."""

_RADII_M = {"hip": 0.08, "knee": 0.06, "ankle": 0.045, "foot": 0.035, "elbow": 0.045, "wrist": 0.035, "hand": 0.03,
            "spine1": 0.13, "spine2": 0.13, "spine3": 0.13, "neck": 0.06, "head": 0.06, "head_top": 0.09}  # fmt: skip
"""Of an adult's body around the bone that ends in a joint, roughly."""
_OTHER_RADIUS_M = 0.05
_PARTS = 1000
"""Numbers that a person has for markers of a kind of which there are several; skeletons of many data sets have 555
joints."""


@dataclass(frozen=True)
class Look:
    """How people are drawn.

    Attributes:
        min_confidence: joints below are left out.
        bone_width: metres.
        joint_size: metres.
        label_height: metres.
        uncertainty: whether to draw the ellipsoids.
        body: whether to draw the capsules.
        lifetime: seconds after which a viewer drops a marker that nobody updated; 0 keeps it for ever.
    """

    min_confidence: float = 0.1
    bone_width: float = 0.03
    joint_size: float = 0.06
    label_height: float = 0.15
    uncertainty: bool = False
    body: bool = False
    lifetime: float = 1.0


class PersonMarkers:
    """Builds the markers of one frame after the other, and remembers what must be deleted.

    Namespaces are ``bones``, ``joints`` and ``labels``; a marker's id is the number in the person's id. All bones of a
    person are one marker, and so are the joints, so that a viewer's work does not grow with their number. In the
    namespaces ``uncertainty`` and ``body`` the id is a hundred times that number, and the joint or part.
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
        points = [point(self._types, joint) if seen else None for joint, seen in zip(joints, drawn, strict=True)]
        bones = [points[end] for bone in person.skeleton.edges if drawn[list(bone)].all() for end in bone]
        if bones:
            width = self._scale(self.look.bone_width, 0.0, 0.0)
            yield self._marker(header, ("bones", identity), LINE_LIST, scale=width, color=colour, points=bones)
        size = self._scale(*[self.look.joint_size] * 3)
        spheres = [each for each in points if each is not None]
        yield self._marker(header, ("joints", identity), SPHERE_LIST, scale=size, color=colour, points=spheres)
        yield self._label(header, person, place, joints[drawn])
        if self.look.uncertainty:
            yield from self._ellipsoids(header, person, identity, drawn)
        if self.look.body:
            yield from self._capsules(header, person, identity, drawn)

    def _label(self, header: Any, person: Person, place: int, joints: npt.NDArray) -> Any:
        """The person's id and distance, above the topmost joint (the camera's y points down)."""
        middle = joints.mean(axis=0)
        top = np.array([middle[0], joints[:, 1].min() - 1.5 * self.look.label_height, middle[2]])
        return self._marker(
            header,
            ("labels", number(person, place)),
            TEXT,
            pose=pose(self._types, top),
            scale=self._scale(0.0, 0.0, self.look.label_height),
            color=self._types.make("std_msgs/msg/ColorRGBA", r=1.0, g=1.0, b=1.0, a=1.0),
            text=f"{name(person, place)}  {np.linalg.norm(person.position):.2f} m",
        )

    def _ellipsoids(self, header: Any, person: Person, identity: int, drawn: npt.NDArray) -> Iterable[Any]:
        """One per drawn joint; its half axes are one standard deviation along the header's axes."""
        colour = self._colour(identity, 0.25)
        for joint in np.flatnonzero(drawn & np.isfinite(person.std).all(axis=1)).tolist():
            yield self._marker(
                header,
                ("uncertainty", _PARTS * identity + joint),
                SPHERE,
                pose=pose(self._types, np.asarray(person.joints3d[joint], float)),
                scale=vector(self._types, 2 * np.asarray(person.std[joint], float)),
                color=colour,
            )

    def _capsules(self, header: Any, person: Person, identity: int, drawn: npt.NDArray) -> Iterable[Any]:
        """A cylinder per bone, and the balls at both ends of bones of one radius as one marker."""
        colour = self._colour(identity, 0.4)
        joints = np.asarray(person.joints3d, float)
        balls: dict[float, list[Any]] = {}
        for part, (start, end) in enumerate(person.skeleton.edges):
            along = joints[end] - joints[start]
            length = float(np.linalg.norm(along))
            if not drawn[[start, end]].all() or length < 1e-3:
                continue
            radius = _RADII_M.get(person.skeleton.names[end].removeprefix("left_").removeprefix("right_"))
            radius = _OTHER_RADIUS_M if radius is None else radius
            balls.setdefault(radius, []).extend(point(self._types, joint) for joint in joints[[start, end]])
            yield self._marker(
                header,
                ("body", _PARTS * identity + part),
                CYLINDER,
                pose=pose(self._types, (joints[start] + joints[end]) / 2, _with_z_along(along / length)),
                scale=self._scale(2 * radius, 2 * radius, length),
                color=colour,
            )
        for part, (radius, points) in enumerate(balls.items(), len(person.skeleton.edges)):
            size = self._scale(*[2 * radius] * 3)
            key = ("body", _PARTS * identity + part)
            yield self._marker(header, key, SPHERE_LIST, scale=size, color=colour, points=points)

    def _marker(self, header: Any, key: tuple[str, int], kind: int, action: int = ADD, **fields: Any) -> Any:
        lifetime = self.look.lifetime if action == ADD else 0.0
        if "pose" not in fields:  # all zero is no rotation, and viewers warn about it
            fields["pose"] = self._types.make("geometry_msgs/msg/Pose", orientation=quaternion(self._types))
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

    def _scale(self, x: float, y: float, z: float) -> Any:
        return self._types.make("geometry_msgs/msg/Vector3", x=x, y=y, z=z)

    def _colour(self, identity: int, opacity: float = 1.0) -> Any:
        red, green, blue = person_colour(identity)
        return self._types.make("std_msgs/msg/ColorRGBA", r=red, g=green, b=blue, a=opacity)


def points_of(marker: Any) -> npt.NDArray[np.floating]:
    """(N, 3) metres: the points of a marker."""
    return np.array([(each.x, each.y, each.z) for each in marker.points], float).reshape(-1, 3)


def _with_z_along(direction: npt.NDArray) -> npt.NDArray:
    """(3, 3) rotation whose z axis is a (3,) unit vector."""
    across = np.eye(3)[np.abs(direction).argmin()]
    x = np.cross(across, direction)
    x /= np.linalg.norm(x)
    return np.stack([x, np.cross(direction, x), direction], axis=1)


def person_colour(identity: int) -> tuple[float, float, float]:
    """RGB in 0..1 for the person of this number; steps of the golden angle keep neighbours apart."""
    red, green, blue = colorsys.hsv_to_rgb((0.33 + 0.381966 * (identity - 1)) % 1, 0.75, 1.0)
    return red, green, blue
