from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from metric_pose_ros.demo import clip

# Looks down from 2 m: the file's frame has the optical axis along -z, so no rotation there is "down" in the room.
QCA = """<?xml version='1.0'?>
<calibration><cameras>
  <camera serial="above">
    <fov_video left="0" top="0" right="1087" bottom="1919"/>
    <transform x="500.0" y="-1000.0" z="2000.0"
      r11="1" r12="0" r13="0" r21="0" r22="1" r23="0" r31="0" r32="0" r33="1"/>
    <intrinsic focalLengthU="64000" focalLengthV="70400" centerPointU="34816" centerPointV="61440"
      radialDistortion1="0.1" radialDistortion2="-0.2" radialDistortion3="0.3"
      tangentalDistortion1="0.001" tangentalDistortion2="-0.002"/>
  </camera>
</cameras></calibration>"""


def test_a_qualisys_camera_is_read_in_pixels_and_metres() -> None:
    view = clip.views(QCA)["above"]
    np.testing.assert_allclose(view.camera.K, [[1000, 0, 544], [0, 1100, 960], [0, 0, 1]])
    np.testing.assert_allclose(view.camera.distortion, [0.1, -0.2, 0.001, -0.002, 0.3])
    assert (view.camera.model, view.camera.width, view.camera.height) == ("plumb_bob", 1088, 1920)
    np.testing.assert_allclose(view.centre, [0.5, -1.0, 2.0])


def test_a_point_in_the_room_lands_where_geometry_says() -> None:
    view = clip.views(QCA.replace('Distortion1="0.1"', 'Distortion1="0"'))["above"]
    # 0.2 m beside and 0.1 m behind the spot under the camera, on the floor.
    seen = view.rotation @ np.array([0.7, -1.1, 0.0]) + view.translation
    np.testing.assert_allclose(seen, [0.2, 0.1, 2.0], atol=1e-12)
    np.testing.assert_allclose(view.rotation @ view.centre + view.translation, 0, atol=1e-12)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("no xml", "no Qualisys XML file"),
        ("<calibration/>", "names no camera"),
        (QCA.replace('r22="1"', ""), "camera above of the calibration has no r22 in <transform>"),
        (QCA.replace("fov_video", "fov_other"), "camera above of the calibration has no right in <fov_video>"),
    ],
)
def test_a_broken_calibration_says_what_is_wrong(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        clip.views(text)


def test_what_was_fetched_before_is_not_fetched_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("cam01.mp4", "cam02.mp4", "cam03.mp4", "cam04.mp4", "Calib.qca.txt"):
        (tmp_path / name).write_bytes(b"here")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    files = clip.fetch(tmp_path)
    assert set(files) == {"cam01", "cam02", "cam03", "cam04", "calibration"}
    assert files["cam02"] == tmp_path / "cam02.mp4"


def test_without_network_the_error_says_what_to_do_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(clip.ClipUnavailableError, match=r"could not fetch(.|\n)*--video FILE"):
        clip.fetch(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_another_file_than_the_pinned_one_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheel = tmp_path / "shop" / "pose2sim-0.10.49-py3-none-any.whl"
    wheel.parent.mkdir()
    wheel.write_bytes(b"something else")
    assert hashlib.sha256(wheel.read_bytes()).hexdigest() != clip.SHA256
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheel.parent))
    with pytest.raises(clip.ClipUnavailableError):
        clip.fetch(tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []
