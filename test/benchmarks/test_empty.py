"""How people are counted where nobody is: every one in every frame, beyond those who are there."""

import numpy as np

from test.benchmarks import empty
from test.benchmarks.places import Place
from test.benchmarks.report import _empty
from test.standing import standing

IMAGE = np.zeros((4, 4, 3), np.uint8)


class Video:
    """Reports, frame by frame, the people that it is told; it suspects somebody for so many frames."""

    def __init__(self, *people: list[str], suspicious: int = 0) -> None:
        self._people, self._left = iter(people), suspicious

    @property
    def suspects(self) -> bool:
        self._left -= 1
        return self._left >= 0

    def show(self, images, camera):
        for _ in images:
            yield [standing(name) for name in next(self._people)]


def place(name: str, kind: str, people: int, frames: int) -> Place:
    return Place(name, kind, people, lambda: iter([IMAGE] * frames))


def test_whoever_is_reported_beyond_those_who_are_there_is_counted_by_kind():
    video = Video([], ["p1"], ["p1", "p2"], ["p3"], ["p3", "p4"])
    shown = [place("wall", "photograph", 0, 3), place("glass", "mirror", 1, 2)]
    assert empty._false(video, shown) == {
        "photograph": {"frames": 3, "reported": 3, "ids": 2, "where": ["wall"]},
        "mirror": {"frames": 2, "reported": 1, "ids": 1, "where": ["glass"]},
    }


def test_the_camera_stays_where_something_is_suspected():
    video = Video([], [], [], ["p1"], suspicious=3)
    (row,) = empty._false(video, [place("lamp", "photograph", 0, 1)]).values()
    assert (row["frames"], row["reported"]) == (4, 1)


def test_somebody_is_found_where_joints_cover_the_same_part_of_the_image():
    person = standing("p1", (0.0, 0.0, 4.0))
    box = np.concatenate([person.joints2d.min(axis=0), person.joints2d.max(axis=0)])
    assert empty._is_found([person], box)
    assert not empty._is_found([person], box + np.array([300, 0, 300, 0]))
    assert not empty._is_found([], box)
    # Half outside the image, as in a truncated render.
    assert empty._is_found([person], np.clip(box, 0, [320, 480, 320, 480]), (320, 480))


def test_the_table_names_where_and_how_many():
    row = {"frames": 2000, "reported": 2, "ids": 1, "where": ["lamp"]}
    result = {
        "places": {"photograph": row},
        "likenesses": {},
        "false_per_1000_frames": 1.0,
        "false_ids_per_1000_frames": 0.5,
        "recall": {"clip cam01": "50/50"},
    }
    text = "\n".join(_empty({"heavy": result}))
    assert "| photograph | 2000 | 2 | 1 | lamp |" in text
    assert "| 50/50 |" in text
