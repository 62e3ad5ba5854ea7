"""Several cameras in one bag: each has topics of its own, and images of about the same time are looked at together."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from metric_pose_ros.bags.job import Job
from metric_pose_ros.bags.processing import Outcome, process
from metric_pose_ros.commands import main
from metric_pose_ros.people import Person
from metric_pose_ros.settings import Settings
from metric_pose_ros.shots import Shot
from test.bags import recorded
from test.people_in_the_image import PeopleInTheImage

REAR_LATER_S = 0.01


def two_cameras(
    front: list[int], rear: list[int], later_s: float = REAR_LATER_S, rear_topic: str = "/rear/image_raw"
) -> list[tuple[str, float, Any]]:
    """Frames with so many people, ten per second; those of the rear a little later."""
    frames: list[tuple[str, float, Any]] = []
    cameras = ("front", "/front/image_raw", front, 100.0), ("rear", rear_topic, rear, 100.0 + later_s)
    for name, topic, counts, first_s in cameras:
        for number, count in enumerate(counts):
            stamp_s = first_s + number / 10
            image = recorded.picture(count, stamp_s)
            info = recorded.info(stamp_s)
            image.header.frame_id = info.header.frame_id = f"{name}_optical"
            beside = topic.rsplit("/", 1)[0] + "/camera_info"
            frames += [(topic, stamp_s, image), (beside, stamp_s, info)]
    return sorted(frames, key=lambda each: each[1])


def through(bag: Path, target: Path, streams: Any = PeopleInTheImage, **values: Any) -> Outcome:
    job = {name: values.pop(name) for name in ("images", "camera_infos") if name in values}
    settings = Settings(**{"background_detection": False, "publish_overlay": False, "cameras": "front,rear", **values})
    return process(Job(bag, target, settings, **job), streams, lambda done, total: None)


def test_each_camera_has_its_topics_and_its_times(tmp_path: Path) -> None:
    bag = recorded.write(tmp_path / "in", two_cameras([1, 0], [3, 2]))
    outcome = through(bag, tmp_path / "out", publish_people=True, publish_humans=True, publish_overlay=True)
    assert outcome == Outcome(images=4)
    for name, people, first_ns in (("front", [1, 0], 0), ("rear", [3, 2], 10_000_000)):
        clouds = recorded.read(tmp_path / "out", f"/metric_pose/{name}/keypoints")
        assert [cloud.width for _, cloud in clouds] == [30 * count for count in people]
        assert [when for when, _ in clouds] == [
            100_000_000_000 + first_ns + recorded.DELAY_NS + number * 100_000_000 for number in range(2)
        ]
        assert {cloud.header.frame_id for _, cloud in clouds} == {f"{name}_optical"}
        listed = recorded.read(tmp_path / "out", f"/{name}/people")
        assert [len(message.people) for _, message in listed] == people
        tracked = recorded.read(tmp_path / "out", f"/{name}/humans/bodies/tracked")
        assert [len(message.ids) for _, message in tracked] == [people[0], people[0]]  # remembered for a while
        assert len(recorded.raw(tmp_path / "out", f"/metric_pose/{name}/overlay/compressed")) == 2
        assert recorded.raw(tmp_path / "out", f"/{name}/image_raw") == recorded.raw(bag, f"/{name}/image_raw")
    bodies = [
        each.header.frame_id for _, message in recorded.read(tmp_path / "out", "/tf") for each in message.transforms
    ]
    assert set(bodies[:1] + bodies[31:32]) == {"front_optical", "rear_optical"}


def test_a_result_of_several_cameras_may_go_through_again(tmp_path: Path) -> None:
    bag = recorded.write(tmp_path / "in", two_cameras([1], [2]))
    options = {"publish_people": True, "publish_humans": True, "publish_overlay": True}
    through(bag, tmp_path / "once", **options)
    through(tmp_path / "once", tmp_path / "twice", **options)
    assert recorded.topics(tmp_path / "once") == recorded.topics(tmp_path / "twice")
    for topic in recorded.topics(tmp_path / "once"):
        assert recorded.raw(tmp_path / "once", topic) == recorded.raw(tmp_path / "twice", topic), topic


class Counting(PeopleInTheImage):
    """Notes which cameras' images come together."""

    calls: list[tuple[str, ...]]

    def __call__(self, shots: Mapping[str, Shot]) -> dict[str, list[Person]]:
        Counting.calls.append(tuple(shots))
        return super().__call__(shots)


@pytest.mark.parametrize(
    ("later_s", "together"),
    [(REAR_LATER_S, [("front", "rear"), ("front", "rear")]), (0.06, [("front",), ("rear", "front"), ("rear",)])],
)
def test_images_of_about_the_same_time_are_looked_at_together(
    tmp_path: Path, later_s: float, together: list[tuple[str, ...]]
) -> None:
    Counting.calls = []
    bag = recorded.write(tmp_path / "in", two_cameras([1, 1], [1, 1], later_s))
    through(bag, tmp_path / "out", Counting)
    assert Counting.calls == together


def test_a_camera_that_ends_or_fails_stops_no_other(tmp_path: Path) -> None:
    frames = two_cameras([1, 1, 1], [2])
    next(message for topic, _, message in frames if topic == "/rear/image_raw").encoding = "rgb9"
    outcome = through(recorded.write(tmp_path / "in", frames), tmp_path / "out")
    assert (outcome.images, outcome.unusable) == (3, 1)
    assert len(recorded.raw(tmp_path / "out", "/metric_pose/front/keypoints")) == 3


def test_topics_that_do_not_tell_the_camera_are_asked_for(tmp_path: Path) -> None:
    frames = two_cameras([1], [2], rear_topic="/backside/image_raw")
    bag = recorded.write(tmp_path / "in", frames)
    with pytest.raises(ValueError, match="has no image topics with /rear/ in them; of /backside/image_raw, /front"):
        through(bag, tmp_path / "out")
    with pytest.raises(ValueError, match="the cameras front and rear both have their images on /front/image_raw"):
        through(bag, tmp_path / "out", images={"rear": "/front/image_raw"})
    assert through(bag, tmp_path / "out", images={"rear": "/backside/image_raw"}).images == 2


def test_detections_of_others_are_taken_with_their_image(tmp_path: Path) -> None:
    frames = two_cameras([0], [0])
    for name, people, stamp_s in (("front", 2, 100.0), ("rear", 1, 100.01)):
        frames.insert(0, (f"/{name}/detections", stamp_s - 0.001, detections(stamp_s, people)))
    through(recorded.write(tmp_path / "in", frames), tmp_path / "out", detections_topic="detections")
    for name, people in (("front", 2), ("rear", 1)):
        ((_, cloud),) = recorded.read(tmp_path / "out", f"/metric_pose/{name}/keypoints")
        assert cloud.width == 30 * people


def detections(stamp_s: float, people: int) -> Any:
    """A Detection2DArray about the image of a time."""
    make = recorded.TYPES.make
    box = make("vision_msgs/msg/BoundingBox2D", size_x=10.0, size_y=20.0)
    sure = make(
        "vision_msgs/msg/ObjectHypothesisWithPose",
        hypothesis=make("vision_msgs/msg/ObjectHypothesis", class_id="person", score=0.9),
    )
    header = recorded.header(stamp_s)
    one = make("vision_msgs/msg/Detection2D", header=header, results=[sure], bbox=box)
    return make("vision_msgs/msg/Detection2DArray", header=header, detections=[one] * people)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--image", "/front/image"], "--image /front/image names one topic for the cameras front, rear, expected"),
        (["--image", "left:=/left/image"], "about a camera that there is not: cameras are front, rear"),
        (["-p", "camera_yaml:=x.yaml"], "the parameter camera_yaml is about one camera"),
    ],
)
def test_wrong_options_are_explained(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], text: str
) -> None:
    bag = recorded.write(tmp_path / "in", two_cameras([1], [2]))
    assert main(["bag", str(bag), str(tmp_path / "out"), "-p", "cameras:=front,rear", *options]) == 2
    assert text in capsys.readouterr().err
