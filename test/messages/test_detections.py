from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from metric_pose_ros.messages.detections import from_people, to_detections
from metric_pose_ros.messages.transforms import body_frame
from metric_pose_ros.messages.types import MessageTypes
from metric_pose_ros.people import Person
from test.standing import standing


def turned(person: Person, degrees: float) -> Person:
    turn = Rotation.from_euler("y", degrees, degrees=True)
    return replace(person, joints3d=turn.apply(person.joints3d - person.position) + person.position)


def detection(types: MessageTypes, box: tuple[float, ...], *classes: tuple[str, float], theta: float = 0.0) -> Any:
    """A Detection2D; the box is x and y of the centre, width and height."""
    x, y, width, height = box
    centre = types.make("vision_msgs/msg/Pose2D", position=types.make("vision_msgs/msg/Point2D", x=x, y=y), theta=theta)
    results = [
        types.make(
            "vision_msgs/msg/ObjectHypothesisWithPose",
            hypothesis=types.make("vision_msgs/msg/ObjectHypothesis", class_id=name, score=score),
        )
        for name, score in classes
    ]
    bounds = types.make("vision_msgs/msg/BoundingBox2D", center=centre, size_x=width, size_y=height)
    return types.make("vision_msgs/msg/Detection2D", bbox=bounds, results=results)


def message(types: MessageTypes, *detections: Any) -> Any:
    return types.make("vision_msgs/msg/Detection2DArray", detections=list(detections))


def test_the_box_holds_every_joint_and_little_more_however_the_body_is_turned(
    more_types: MessageTypes, header: Any
) -> None:
    for degrees in (0, 30, 90):
        person = turned(standing("p3", (0.5, 0.0, 4.0)), degrees)
        (found,) = from_people(more_types, header, [person], 0.3).detections
        centre, size = found.bbox.center, np.array([found.bbox.size.x, found.bbox.size.y, found.bbox.size.z])
        turn = centre.orientation
        axes = Rotation.from_quat([turn.x, turn.y, turn.z, turn.w])
        local = axes.inv().apply(person.joints3d - [centre.position.x, centre.position.y, centre.position.z])
        np.testing.assert_allclose(np.abs(local).max(axis=0), size / 2 - 0.08, atol=1e-9)
        # Some 1.7 m tall along z, 1.1 m from hand to hand along y.
        assert size[2] == pytest.approx(1.68 + 0.16, abs=0.02)
        assert size[1] == pytest.approx(1.12 + 0.16, abs=0.02)
        assert found.id == "p3"
        assert found.results[0].hypothesis.class_id == "person"
        assert found.results[0].hypothesis.score == 0.8


def test_the_pose_is_the_bodys_with_the_variance_of_its_hips(more_types: MessageTypes, header: Any) -> None:
    person = standing("p1", (0.5, 0.0, 4.0))
    (found,) = from_people(more_types, header, [person], 0.3).detections
    frame = body_frame(person)
    assert frame is not None
    place = found.results[0].pose.pose.position
    np.testing.assert_allclose([place.x, place.y, place.z], frame[0])
    covariance = np.array(found.results[0].pose.covariance).reshape(6, 6)
    np.testing.assert_allclose(np.diag(covariance)[:3], [0.03**2, 0.04**2, 0.05**2])
    # Forward is the camera's -z, where each hip is off by 5 cm; they are 18 cm apart.
    np.testing.assert_allclose(np.diag(covariance)[3:], 2 * 0.05**2 / 0.18**2, rtol=0.02)


def test_an_unsure_distance_stretches_the_covariance_along_the_line_of_sight(more_types, header) -> None:
    unsure = replace(standing("p1", (3.0, 0.0, 4.0)), distance_std=1.0)
    (found,) = from_people(more_types, header, [unsure], 0.3).detections
    covariance = np.array(found.results[0].pose.covariance).reshape(6, 6)[:3, :3]
    along, across = np.array([0.6, 0.0, 0.8]), np.array([0.8, 0.0, -0.6])
    assert along @ covariance @ along == pytest.approx(1.0 + 0.36 * 0.03**2 + 0.64 * 0.05**2)
    assert across @ covariance @ across == pytest.approx(0.64 * 0.03**2 + 0.36 * 0.05**2)


def test_unsure_joints_do_not_stretch_the_box(more_types: MessageTypes, header: Any) -> None:
    person = standing()
    wide = person.skeleton.indices(("left_elbow", "left_wrist", "left_hand"))
    person.joints3d[wide, 0] += 5.0
    person.confidence[wide] = 0.1
    (found,) = from_people(more_types, header, [person], 0.3).detections
    assert found.bbox.size.y < 1.3


def test_boxes_of_people_are_taken_with_their_best_score(more_types: MessageTypes) -> None:
    array = message(
        more_types,
        detection(more_types, (100.0, 200.0, 40.0, 120.0), ("dog", 0.9), ("person", 0.6)),
        detection(more_types, (300.0, 200.0, 40.0, 120.0), ("dog", 0.9)),
        detection(more_types, (400.0, 200.0, 40.0, 120.0)),
    )
    first, unnamed = to_detections(array, ("person", "0"))
    np.testing.assert_allclose(first.box, [80, 140, 120, 260])
    assert first.score == 0.6
    np.testing.assert_allclose(unnamed.box, [380, 140, 420, 260])
    assert unnamed.score == 1.0
    assert len(to_detections(array, ())) == 3


def test_a_rotated_box_is_taken_with_its_upright_bounds(more_types: MessageTypes) -> None:
    array = message(more_types, detection(more_types, (100.0, 100.0, 60.0, 20.0), theta=np.pi / 2))
    np.testing.assert_allclose(to_detections(array, ())[0].box, [90, 70, 110, 130])


def test_a_box_that_is_not_finite_is_named(more_types: MessageTypes) -> None:
    with pytest.raises(ValueError, match="detection 0 holds values that are not finite"):
        to_detections(message(more_types, detection(more_types, (np.nan, 1.0, 2.0, 3.0))), ())
