"""People as people_msgs/People, which nav2's social costmap layers take."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from metric_pose_ros.messages.identity import name
from metric_pose_ros.messages.space import point
from metric_pose_ros.messages.types import MessageTypes
from metric_pose_ros.people import Person


def from_people(types: MessageTypes, header: Any, people: Sequence[Person], pose: npt.NDArray) -> Any:
    """The People message; an empty list is a message, too, since a costmap forgets people only when told.

    Args:
        types: source of message classes.
        header: std_msgs/Header with the image's stamp and the frame that the people are put into.
        people: in the camera's frame. Who stands at no finite place is left out.
        pose: (4, 4), from the camera's frame to the header's.
    """
    turn, move = pose[:3, :3], pose[:3, 3]
    return types.make(
        "people_msgs/msg/People",
        header=header,
        people=[
            types.make(
                "people_msgs/msg/Person",
                name=name(person, place),
                position=point(types, turn @ person.position + move),
                velocity=point(types, turn @ person.velocity),
                reliability=float(person.score),
            )
            for place, person in enumerate(people)
            if np.isfinite(person.position).all()
        ],
    )
