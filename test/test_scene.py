"""Scenes, read back by Rerun itself, and served to a browser."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from urllib.request import urlopen

import numpy as np
import pytest

from metric_pose_ros.geometry.camera import Camera
from metric_pose_ros.messages.compressed_images import to_jpeg
from metric_pose_ros.messages.markers import Look, PersonMarkers
from metric_pose_ros.scene import Scene
from test.bags.recorded import TYPES
from test.standing import standing

CAMERA = Camera.from_fov(640, 480, 60)


def said_of(path: Path) -> str:
    """What the viewer's own command line says of a file."""
    command = [sys.executable, "-m", "rerun", "rrd", "print", "-vvv", str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_a_scene_holds_camera_image_people_and_their_leaving(tmp_path: Path) -> None:
    scene = Scene.saved(tmp_path / "scene.rrd")
    scene.camera(CAMERA)
    header = TYPES.make("std_msgs/msg/Header", frame_id="camera")
    markers = PersonMarkers(TYPES, Look(uncertainty=True, body=True))
    for second, people in enumerate(([standing()], [standing(at=(0.5, 0.0, 4.0))], [])):
        scene.image(second, to_jpeg(np.full((480, 640, 3), 90, np.uint8)))
        scene.markers(second, markers.update(header, people))
    scene.close()
    said = said_of(tmp_path / "scene.rrd")
    for held in ("/camera/bones/p1", "/camera/labels/p1", "LineStrips3D", "Ellipsoids3D", "Cylinders3D", "Pinhole",
                 "EncodedImage", "Clear", "p1  4.00 m"):  # fmt: skip
        assert held in said, held


def test_a_browser_gets_the_page_and_is_told_where_the_data_is(unused_ports: tuple[int, int]) -> None:
    page, data = unused_ports
    scene, address = Scene.in_browser(page, data)
    try:
        assert address == f"http://localhost:{page}/?url=rerun%2Bhttp://127.0.0.1:{data}/proxy"
        with urlopen(address, timeout=60) as answer:
            assert b"<html" in answer.read().lower()
    finally:
        scene.close()


@pytest.fixture
def unused_ports() -> tuple[int, int]:
    import socket

    with socket.socket() as first, socket.socket() as second:
        first.bind(("127.0.0.1", 0))
        second.bind(("127.0.0.1", 0))
        return first.getsockname()[1], second.getsockname()[1]
