from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from metric_pose_ros.messages.people import from_people
from metric_pose_ros.messages.types import MessageTypes
from test.standing import standing

# The camera's frame in one whose x is forward, y left and z up, as on a robot that looks ahead from 1.2 m, at x = 10 m.
ON_ROBOT = np.array([[0.0, 0, 1, 10], [-1, 0, 0, 0], [0, -1, 0, 1.2], [0, 0, 0, 1]])


def numbers(values: Any) -> list[float]:
    return [values.x, values.y, values.z]


def test_people_stand_and_walk_in_the_frame_asked_for(more_types: MessageTypes, header: Any) -> None:
    walking = replace(standing("p4", (1.0, 0.2, 5.0)), velocity=np.array([0.5, 0.0, -1.0]))
    (person,) = from_people(more_types, header, [walking], ON_ROBOT).people
    assert person.name == "p4"
    np.testing.assert_allclose(numbers(person.position), [15.0, -1.0, 1.0])
    np.testing.assert_allclose(numbers(person.velocity), [-1.0, -0.5, 0.0], atol=1e-12)
    assert person.reliability == 0.8
    assert (list(person.tagnames), list(person.tags)) == ([], [])


def test_nobody_is_an_empty_list_with_a_header(more_types: MessageTypes, header: Any) -> None:
    message = from_people(more_types, header, [], np.eye(4))
    assert list(message.people) == []
    assert (message.header.frame_id, message.header.stamp.sec) == ("camera", 12)


def test_somebody_who_is_nowhere_is_left_out(more_types: MessageTypes, header: Any) -> None:
    lost = standing("p1")
    lost.joints3d[lost.skeleton.indices(("pelvis",))] = np.nan
    message = from_people(more_types, header, [lost, standing("p2")], np.eye(4))
    assert [person.name for person in message.people] == ["p2"]
