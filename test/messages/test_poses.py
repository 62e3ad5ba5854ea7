from __future__ import annotations

from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from metric_pose_ros.messages.poses import from_people
from metric_pose_ros.messages.transforms import body_frame
from metric_pose_ros.messages.types import MessageTypes
from test.standing import standing


def test_everybody_is_a_pose_between_the_hips_turned_as_the_body(types: MessageTypes, header: Any) -> None:
    people = [standing("p1"), standing("p2", (1.0, 0.0, 6.0))]
    message = from_people(types, header, people)
    assert message.header.frame_id == "camera"
    assert len(message.poses) == 2
    for person, pose in zip(people, message.poses, strict=True):
        frame = body_frame(person)
        assert frame is not None
        np.testing.assert_allclose([pose.position.x, pose.position.y, pose.position.z], frame[0])
        turn = pose.orientation
        rotation = Rotation.from_quat([turn.x, turn.y, turn.z, turn.w]).as_matrix()
        np.testing.assert_allclose(rotation, frame[1], atol=1e-12)


def test_somebody_without_hips_has_no_pose(types: MessageTypes, header: Any) -> None:
    lost = standing()
    lost.joints3d[lost.skeleton.indices(("left_hip",))] = np.nan
    assert len(from_people(types, header, [lost, standing("p2")]).poses) == 1
