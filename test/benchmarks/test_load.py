"""What the load benchmark shows, and how it is told."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from metric_pose_ros.boxes import overlap
from test.benchmarks import load
from test.benchmarks.load_pictures import crowd, places
from test.benchmarks.report import markdown


@pytest.mark.parametrize("people", load.PEOPLE)
def test_everybody_has_a_place_of_their_own_in_the_picture(people: int) -> None:
    boxes = places(people, 1280, 720)
    assert boxes.shape == (people, 4)
    assert boxes.min() >= 0
    assert (boxes[:, 2:] <= [1280, 720]).all()
    assert (overlap(boxes, boxes) - np.eye(people)).max() == 0
    np.testing.assert_allclose(places(people, 1920, 1080), boxes * 1.5)


def test_the_first_pixel_says_how_many_there_are() -> None:
    image = crowd(np.full((90, 40, 3), 200, np.uint8), 20, 1280, 720)
    assert image[0, 0].tolist() == [20, 20, 20]
    assert image.shape == (720, 1280, 3)


def row(people: int, cameras: int, size: str, most: int) -> dict:
    return {
        "people": people, "cameras": cameras, "size": size, "max_people": most, "sent": 40, "answered": 30,
        "seen": float(people), "latency_ms": {"median": 30.0 * people, "p95": 50.0 * people, "max": 60.0 * people},
        "answers_per_second_and_camera": 7.5, "people_per_second": 7.5 * people * cameras,
    }  # fmt: skip


def test_curves_and_table_show_every_scene(tmp_path: Path) -> None:
    rows = [row(people, cameras, size, 80) for cameras in (1, 4) for size in load.SIZES for people in load.PEOPLE]
    silent = {"people": 20, "cameras": 4, "size": "720p", "sent": 40, "answered": 0, "max_people": 5}
    result = {"model": "fast", "camera_hz": 10.0, "cores": 2, "rows": [*rows, silent]}
    load.draw(result, tmp_path / "load.png")
    picture = cv2.imread(str(tmp_path / "load.png"))
    assert picture is not None
    assert picture.shape[1] > 1000
    machine = {"date": "today", "processor": "a", "cores": 2, "load_average_1_min": 0.1, "models": {}}
    table = markdown({"load": result | {"machine": machine}})
    assert "| 4 | 1080p | 20 | 80 | 20.0 | 600.0 / 1000.0 | 1200 | 7.5 | 600.0 |" in table
    assert "| 4 | 720p | 20 | 5 | - | - | - | - | - |" in table
