from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from metric_pose_ros.messages.keypoints import from_people, to_points
from metric_pose_ros.messages.types import MessageTypes
from test.standing import standing


def test_every_joint_is_a_point_with_who_what_and_how_sure(types: MessageTypes, header: Any) -> None:
    people = [standing("p2", (0.0, 0.0, 4.0), confidence=0.9), standing("p5", (1.0, 0.1, 6.0), confidence=0.1)]
    people = [replace(person, distance_std=std) for person, std in zip(people, (0.4, 0.9), strict=True)]
    points = to_points(from_people(types, header, people))
    assert len(points) == 60
    np.testing.assert_allclose(points["distance_std"], [0.4] * 30 + [0.9] * 30, rtol=1e-6)
    assert list(points["person"]) == [2] * 30 + [5] * 30
    assert list(points["joint"]) == [*range(30), *range(30)]
    expected = np.concatenate([person.joints3d for person in people])
    np.testing.assert_allclose(np.stack([points["x"], points["y"], points["z"]], axis=1), expected, rtol=1e-6)
    np.testing.assert_allclose(points["confidence"][[0, 59]], [0.9, 0.1], rtol=1e-6)
    # 3, 4 and 5 cm along the axes.
    np.testing.assert_allclose(points["std"], np.sqrt((0.03**2 + 0.04**2 + 0.05**2) / 3), rtol=1e-6)


def test_the_fields_say_where_the_numbers_are(types: MessageTypes, header: Any) -> None:
    message = from_people(types, header, [standing()])
    described = {field.name: (field.offset, field.datatype, field.count) for field in message.fields}
    assert described == {
        "x": (0, 7, 1),
        "y": (4, 7, 1),
        "z": (8, 7, 1),
        "person": (12, 6, 1),
        "joint": (16, 6, 1),
        "confidence": (20, 7, 1),
        "std": (24, 7, 1),
        "distance_std": (28, 7, 1),
    }
    assert (message.point_step, message.row_step, message.width, message.height) == (32, 960, 30, 1)
    assert len(message.data) == 960


def test_nobody_is_an_empty_cloud(types: MessageTypes, header: Any) -> None:
    message = from_people(types, header, [])
    assert (message.width, len(message.data), message.is_dense) == (0, 0, True)
    assert len(message.fields) == 8


def test_an_id_without_a_number_is_refused(types: MessageTypes, header: Any) -> None:
    with pytest.raises(ValueError, match=r"the id 'anna', expected letters followed by a number"):
        from_people(types, header, [standing("anna")])
