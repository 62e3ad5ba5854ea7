from __future__ import annotations

import pytest

from metric_pose_ros.messages.outgoing import of_camera
from metric_pose_ros.settings import Settings, camera_names


def test_cameras_are_named_with_commas_and_one_needs_no_name() -> None:
    assert camera_names(Settings()) == ("",)
    assert camera_names(Settings(cameras="front, rear_left")) == ("front", "rear_left")


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"cameras": "front,front"}, "expected different names"),
        ({"cameras": "front,,rear"}, "expected different names of letters, digits and _"),
        ({"cameras": "/front"}, "expected different names"),
        ({"cameras": "a,b", "camera_yaml": "c.yaml"}, "camera_yaml is about one camera"),
        ({"cameras": "a,b", "frame_id": "camera"}, "frame_id is about one camera"),
        ({"cameras": "a,b", "detections_topic": "/found"}, "such as detections for a/detections"),
    ],
)
def test_what_several_cameras_cannot_have_is_named(settings: dict[str, str], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        camera_names(Settings(**settings))


def test_each_camera_has_topics_of_its_own_and_all_share_tf() -> None:
    assert of_camera("~/markers", "front") == "~/front/markers"
    assert of_camera("/people", "front") == "/front/people"
    assert of_camera("/humans/bodies/p1/roi", "front") == "/front/humans/bodies/p1/roi"
    assert of_camera("/tf", "front") == "/tf"
    assert of_camera("~/markers", "") == "~/markers"
