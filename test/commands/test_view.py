"""`metric-pose view` with bags: what is shown of them, and what is said of those that cannot be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from metric_pose_ros.bags.showing import show
from metric_pose_ros.bags.source import BagError
from metric_pose_ros.commands import main
from metric_pose_ros.messages.markers import Look, PersonMarkers
from metric_pose_ros.viewing import Asked
from test.bags.recorded import CAMERA, FIRST_S, TYPES, camera_bag, compressed, header, picture, write
from test.seen import Seen
from test.standing import standing


def with_people(counts: tuple[int, ...], topic: str = "/metric_pose/markers") -> list[tuple[str, float, Any]]:
    """A camera's messages and the node's markers."""
    markers, found = PersonMarkers(TYPES, Look()), []
    for number, count in enumerate(counts):
        stamp_s = FIRST_S + number / 10
        people = [standing(f"p{each + 1}") for each in range(count)]
        found.append((topic, stamp_s, markers.update(header(stamp_s), people)))
    return sorted([*camera_bag(counts), *found], key=lambda message: message[1])


def test_a_bag_is_shown_by_its_stamps(tmp_path: Path) -> None:
    seen = Seen()
    bag = write(tmp_path / "bag", with_people((2, 1, 0, 0)))
    # In the last one there is nobody to delete either.
    assert show(bag, lambda: seen, Asked()) == 3
    assert seen.people == [(pytest.approx(0.0), 2), (pytest.approx(0.1), 1), (pytest.approx(0.2), 0)]
    np.testing.assert_allclose([seconds for seconds, _ in seen.images], [0, 0.1, 0.2, 0.3], atol=1e-6)
    assert cv2.imdecode(np.frombuffer(seen.images[0][1], np.uint8), cv2.IMREAD_COLOR).shape == (48, 64, 3)
    (camera,) = seen.cameras
    np.testing.assert_allclose(camera.K, CAMERA.K)


def test_compressed_images_are_shown_as_they_are_and_a_camera_need_not_be_known(tmp_path: Path) -> None:
    seen, message = Seen(), compressed(picture(1, FIRST_S))
    markers = [entry for entry in with_people((1,)) if entry[0] == "/metric_pose/markers"]
    bag = write(tmp_path / "bag", [("/camera/image_raw/compressed", FIRST_S, message), *markers])
    show(bag, lambda: seen, Asked())
    assert seen.images == [(0.0, bytes(message.data))]
    assert seen.cameras == []


def test_a_bag_without_images_is_shown_as_well(tmp_path: Path) -> None:
    seen = Seen()
    markers = [entry for entry in with_people((1, 1)) if entry[0] == "/metric_pose/markers"]
    assert show(write(tmp_path / "bag", markers), lambda: seen, Asked()) == 2
    assert seen.images == []


def test_the_command_writes_a_file_for_the_viewer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bag, file = write(tmp_path / "bag", with_people((1, 0))), tmp_path / "people.rrd"
    assert main(["view", str(bag), "--save", str(file)]) == 0
    assert file.read_bytes().startswith(b"RRF")
    assert f"2 moments with people or their leaving in {file}" in capsys.readouterr().out


def test_a_bag_without_people_says_how_to_get_some_and_opens_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bag, file = write(tmp_path / "bag", camera_bag((1,))), tmp_path / "people.rrd"
    assert main(["view", str(bag), "--save", str(file)]) == 2
    assert f"has no markers: look for people with `metric-pose bag {bag} NEW_NAME` first" in capsys.readouterr().err
    assert not file.exists()


def test_markers_of_several_nodes_must_be_chosen(tmp_path: Path) -> None:
    two = [
        *with_people((1,)),
        *(entry for entry in with_people((2,), "/other/markers") if entry[0] == "/other/markers"),
    ]
    bag = write(tmp_path / "bag", two)
    with pytest.raises(BagError, match=r"several topics of markers: /metric_pose/markers, /other/markers\. Choose one"):
        show(bag, Seen, Asked())
    seen = Seen()
    show(bag, lambda: seen, Asked(markers="/other/markers"))
    assert seen.people == [(0.0, 2)]
    with pytest.raises(BagError, match="no markers on /nowhere"):
        show(bag, Seen, Asked(markers="/nowhere"))
