"""Joints as data: a PointCloud2 with one point per person and joint.

Fields: x, y, z (float32, metres, in the header's frame), person (uint32, the number in the person's id), joint (uint32,
index into the skeleton's names), confidence (float32, 0..1), std (float32, metres, one standard deviation per axis
about the body's place), distance_std (float32, metres, one standard deviation of the body's distance from the camera,
which all its joints share).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from metric_pose_ros.messages.identity import number
from metric_pose_ros.messages.types import MessageTypes
from metric_pose_ros.people import Person

POINT = np.dtype(
    {
        "names": ["x", "y", "z", "person", "joint", "confidence", "std", "distance_std"],
        "formats": ["<f4", "<f4", "<f4", "<u4", "<u4", "<f4", "<f4", "<f4"],
    }
)
_FLOAT32, _UINT32 = 7, 6


def from_people(types: MessageTypes, header: Any, people: Sequence[Person]) -> Any:
    """The PointCloud2 of every joint of every person, whatever its confidence."""
    points = np.concatenate([np.zeros(0, POINT), *(_points(person, place) for place, person in enumerate(people))])
    fields = [
        types.make(
            "sensor_msgs/msg/PointField",
            name=name,
            offset=POINT.fields[name][1],  # type: ignore[index]
            datatype=_FLOAT32 if POINT[name].kind == "f" else _UINT32,
            count=1,
        )
        for name in POINT.names or ()
    ]
    return types.make(
        "sensor_msgs/msg/PointCloud2",
        header=header,
        height=1,
        width=len(points),
        fields=fields,
        is_bigendian=False,
        point_step=POINT.itemsize,
        row_step=POINT.itemsize * len(points),
        data=types.pack(points.view(np.uint8)),
        is_dense=bool(np.isfinite(points["x"]).all()),
    )


def to_points(message: Any) -> npt.NDArray:
    """(N,) records with the fields above, as a view of a message that `from_people` built."""
    return np.frombuffer(message.data, POINT)


def _points(person: Person, place: int) -> npt.NDArray:
    points = np.zeros(len(person.skeleton), POINT)
    points["x"], points["y"], points["z"] = person.joints3d.T
    points["person"] = number(person, place)
    points["joint"] = np.arange(len(points))
    points["confidence"] = person.confidence
    points["std"] = np.sqrt(np.mean(np.square(person.std), axis=1))
    points["distance_std"] = person.distance_std
    return points
