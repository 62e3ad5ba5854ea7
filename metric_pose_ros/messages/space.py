"""Points, vectors, rotations and poses as geometry_msgs has them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.spatial.transform import Rotation

from metric_pose_ros.messages.types import MessageTypes


def point(types: MessageTypes, position: npt.NDArray) -> Any:
    """The Point of (3,) metres."""
    x, y, z = position.tolist()
    return types.make("geometry_msgs/msg/Point", x=x, y=y, z=z)


def vector(types: MessageTypes, values: npt.NDArray) -> Any:
    """The Vector3 of (3,) values."""
    x, y, z = values.tolist()
    return types.make("geometry_msgs/msg/Vector3", x=x, y=y, z=z)


def quaternion(types: MessageTypes, rotation: npt.NDArray | None = None) -> Any:
    """The Quaternion of a (3, 3) rotation; none given is no rotation."""
    return types.make("geometry_msgs/msg/Quaternion", w=1.0) if rotation is None else quaternions(types, [rotation])[0]


def quaternions(types: MessageTypes, rotations: Sequence[npt.NDArray]) -> list[Any]:
    """The Quaternions of (3, 3) rotations, w not negative; at once, since each on its own takes ten times longer."""
    if not len(rotations):
        return []
    turned = Rotation.from_matrix(np.stack(rotations)).as_quat()
    turned *= np.where(turned[:, 3:] < 0, -1.0, 1.0)  # as_quat does so itself since SciPy 1.11
    return [types.make("geometry_msgs/msg/Quaternion", x=x, y=y, z=z, w=w) for x, y, z, w in turned.tolist()]


def pose(types: MessageTypes, position: npt.NDArray, rotation: npt.NDArray | None = None) -> Any:
    """The Pose at (3,) metres, turned by a (3, 3) rotation."""
    return types.make(
        "geometry_msgs/msg/Pose", position=point(types, position), orientation=quaternion(types, rotation)
    )
