from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from metric_pose_ros.messages.markers import (
    ADD,
    CYLINDER,
    DELETE,
    LINE_LIST,
    SPHERE,
    SPHERE_LIST,
    TEXT,
    Look,
    PersonMarkers,
    person_colour,
)
from metric_pose_ros.messages.types import MessageTypes
from metric_pose_ros.people import Person
from test.standing import standing


def keys(array: Any, action: int) -> set[tuple[str, int]]:
    return {(marker.ns, marker.id) for marker in array.markers if marker.action == action}


def positions(marker: Any) -> np.ndarray:
    return np.array([[point.x, point.y, point.z] for point in marker.points])


def of_namespace(array: Any, namespace: str) -> Any:
    return next(marker for marker in array.markers if marker.ns == namespace)


def with_confidence(person: Person, low: list[str], value: float = 0.05) -> Person:
    confidence = person.confidence.copy()
    confidence[person.skeleton.indices(tuple(low))] = value
    return replace(person, confidence=confidence)


@pytest.fixture
def markers(types: MessageTypes) -> PersonMarkers:
    return PersonMarkers(types, Look(min_confidence=0.3, lifetime=1.25))


def test_a_person_is_bones_joints_and_a_label(markers: PersonMarkers, header: Any) -> None:
    person = standing("p3")
    array = markers.update(header, [person])
    assert keys(array, ADD) == {("bones", 3), ("joints", 3), ("labels", 3)}
    bones, joints, label = (of_namespace(array, name) for name in ("bones", "joints", "labels"))
    assert (bones.type, joints.type, label.type) == (LINE_LIST, SPHERE_LIST, TEXT)
    np.testing.assert_allclose(positions(joints), person.joints3d)
    np.testing.assert_allclose(positions(bones), person.joints3d[np.array(person.skeleton.edges).ravel()])
    assert {marker.header.frame_id for marker in array.markers} == {"camera"}
    assert (bones.lifetime.sec, bones.lifetime.nanosec) == (1, 250_000_000)


def test_the_label_says_who_and_how_far_above_the_head(markers: PersonMarkers, header: Any) -> None:
    person = standing("p3", (3.0, 0.0, 4.0))
    label = of_namespace(markers.update(header, [person]), "labels")
    assert label.text == "p3  5.00 m"
    assert label.pose.position.y < person.joints3d[:, 1].min()


def test_markers_of_who_vanished_are_deleted_once(markers: PersonMarkers, header: Any) -> None:
    markers.update(header, [standing("p1"), standing("p2")])
    second = markers.update(header, [standing("p2")])
    assert keys(second, DELETE) == {("bones", 1), ("joints", 1), ("labels", 1)}
    assert keys(second, ADD) == {("bones", 2), ("joints", 2), ("labels", 2)}
    assert keys(markers.update(header, [standing("p2")]), DELETE) == set()


def test_clearing_deletes_everybody(markers: PersonMarkers, header: Any) -> None:
    markers.update(header, [standing("p1"), standing("p2")])
    cleared = markers.clear(header)
    assert len(keys(cleared, DELETE)) == 6
    assert keys(cleared, ADD) == set()


def test_nobody_makes_no_markers(markers: PersonMarkers, header: Any) -> None:
    assert list(markers.update(header, []).markers) == []


def test_unsure_joints_and_their_bones_are_left_out(markers: PersonMarkers, header: Any) -> None:
    person = with_confidence(standing(), ["left_wrist", "left_hand"])
    array = markers.update(header, [person])
    drawn = positions(of_namespace(array, "joints"))
    wrist = person.joints3d[person.skeleton.indices(("left_wrist",))[0]]
    assert len(drawn) == 28
    assert np.linalg.norm(drawn - wrist, axis=1).min() > 0.05
    assert len(of_namespace(array, "bones").points) == 2 * (len(person.skeleton.edges) - 2)


def test_somebody_unsure_altogether_is_deleted_like_one_who_left(markers: PersonMarkers, header: Any) -> None:
    markers.update(header, [standing("p1")])
    array = markers.update(header, [standing("p1", confidence=0.1)])
    assert keys(array, ADD) == set()
    assert len(keys(array, DELETE)) == 3


def test_no_number_in_a_marker_is_ever_nan(markers: PersonMarkers, header: Any) -> None:
    person = standing()
    person.joints3d[4:9] = np.nan
    array = markers.update(header, [person])
    for marker in array.markers:
        assert np.isfinite(positions(marker)).all()
        assert np.isfinite([marker.pose.position.x, marker.pose.position.y, marker.pose.position.z]).all()
    assert len(of_namespace(array, "joints").points) == 25


def test_neighbours_in_number_differ_in_colour() -> None:
    colours = np.array([person_colour(number) for number in range(1, 8)])
    apart = np.abs(colours[:, None] - colours[None]).max(axis=-1) + np.eye(len(colours))
    assert apart.min() > 0.15
    assert colours.min() >= 0
    assert colours.max() <= 1


def test_an_ellipsoid_per_joint_shows_one_standard_deviation(types: MessageTypes, header: Any) -> None:
    person = with_confidence(standing("p3"), ["left_hand"])
    array = PersonMarkers(types, Look(min_confidence=0.3, uncertainty=True)).update(header, [person])
    ellipsoids = {marker.id: marker for marker in array.markers if marker.ns == "uncertainty"}
    joint = person.skeleton.names.index
    assert set(ellipsoids) == {3000 + index for index in range(30)} - {3000 + joint("left_hand")}
    nose = ellipsoids[3000 + joint("nose")]
    assert nose.type == SPHERE
    place = nose.pose.position
    np.testing.assert_allclose([place.x, place.y, place.z], person.joints3d[joint("nose")])
    # 3, 4 and 5 cm to each side.
    np.testing.assert_allclose([nose.scale.x, nose.scale.y, nose.scale.z], [0.06, 0.08, 0.10])


def test_the_body_is_a_cylinder_along_each_bone_with_round_ends(types: MessageTypes, header: Any) -> None:
    person = standing("p3")
    array = PersonMarkers(types, Look(body=True)).update(header, [person])
    parts = [marker for marker in array.markers if marker.ns == "body"]
    cylinders = {marker.id - 3000: marker for marker in parts if marker.type == CYLINDER}
    assert set(cylinders) == set(range(len(person.skeleton.edges)))
    for index, (start, end) in enumerate(person.skeleton.edges):
        turn, place, size = cylinders[index].pose.orientation, cylinders[index].pose.position, cylinders[index].scale
        half = Rotation.from_quat([turn.x, turn.y, turn.z, turn.w]).apply([0, 0, size.z / 2])
        np.testing.assert_allclose(np.array([place.x, place.y, place.z]) - half, person.joints3d[start], atol=1e-9)
        np.testing.assert_allclose(np.array([place.x, place.y, place.z]) + half, person.joints3d[end], atol=1e-9)
        assert 0.05 < size.x == size.y < 0.3
    balls = [marker for marker in parts if marker.type == SPHERE_LIST]
    assert sum(len(marker.points) for marker in balls) == 2 * len(cylinders)
    assert len({marker.id for marker in parts}) == len(parts)


def test_what_is_switched_off_is_deleted(types: MessageTypes, header: Any) -> None:
    markers = PersonMarkers(types, Look(uncertainty=True, body=True))
    shown = keys(markers.update(header, [standing("p3")]), ADD)
    markers.look = Look()
    gone = keys(markers.update(header, [standing("p3")]), DELETE)
    assert gone == {key for key in shown if key[0] in ("uncertainty", "body")}
    assert len(gone) > 50
