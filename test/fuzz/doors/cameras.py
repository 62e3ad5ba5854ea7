"""CameraInfo and calibration files: whatever camera comes out, its geometry must hold."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from metric_pose_ros.geometry.camera import Camera
from metric_pose_ros.geometry.distortion import SIZES
from metric_pose_ros.messages import camera_info
from metric_pose_ros.messages.incoming import NotReadyError
from metric_pose_ros.settings import Settings
from test.fuzz import fake_network
from test.fuzz.door import Check, Door
from test.fuzz.doors.images import TYPES, camera_messages, header, image
from test.fuzz.draw import Draw
from test.fuzz.finite import assert_real
from test.fuzz.hostile_messages import hostile

_SMALL = 64
"""px; an image is made for cameras no larger."""
_LENSES = {
    "plumb_bob": (-0.3, 0.1, 0.001, -0.001, -0.02),
    "rational_polynomial": (0.4, -0.2, 0.001, 0.0, 0.01, 0.7, -0.1, 0.02),
    "equidistant": (-0.01, 0.003, -0.002, 0.0005),
    "pinhole": (),
}
TEXT = b"""\
image_width: 24
image_height: 16
camera_name: narrow
camera_matrix:
  rows: 3
  cols: 3
  data: [21.0, 0.0, 11.5, 0.0, 21.0, 7.5, 0.0, 0.0, 1.0]
distortion_model: plumb_bob
distortion_coefficients: {rows: 1, cols: 5, data: [-0.3, 0.1, 0.001, -0.001, -0.02]}
projection_matrix: {rows: 3, cols: 4, data: [21.0, 0, 11.5, 0, 0, 21.0, 7.5, 0, 0, 0, 1, 0]}
"""
_TOKENS = (
    b"[" * 3000,
    b"{a: " * 1500,
    b"&a [*a, *a]",
    b"&a {b: *a}",
    b"!!python/object:os.system",
    b"!!binary ",
    b"? ",
    b"- ",
    b"<<: *a",
    b"\t",
    b": ",
    b"data:",
    b"equidistant",
    b"rational_polynomial",
    b"2001-01-01",
    b"\xff\xfe",
    b"%YAML 9.9\n---\n",
    b"!!set",
    b"!!omap",
    b"0x" + b"f" * 400,
    b"|\n",
    b"9" * 5000,
)


def camera(draw: Draw) -> Camera:
    """A camera of any lens that is likely to be one."""
    model = draw.choice(list(_LENSES))
    coefficients = [draw.number(value) for value in _LENSES[model]]
    K = np.array([[draw.number(21.0), 0, draw.number(11.5)], [0, draw.number(21.0), draw.number(7.5)], [0, 0, 1]])
    return Camera(K, np.array(coefficients), model, 24, 16)


def assert_holds(draw: Draw, camera: Camera) -> None:
    """Fails if a camera sees what cannot be."""
    width, height = camera.width, camera.height
    points = np.array([[0, 0], [width - 1, height - 1], [(width - 1) / 2, (height - 1) / 2], [width, 0]], float)
    rays = camera.rays(points)
    assert np.isfinite(rays).all(), f"rays of {camera} are {rays.tolist()}"
    np.testing.assert_allclose(np.linalg.norm(rays, axis=1), 1, atol=1e-6)
    assert not np.isinf(camera.project(rays * draw.choice((1.0, 0.1, 100.0)))).any()


def look(draw: Draw, camera: Camera) -> None:
    """Lets an estimator look for somebody in a small image of a camera."""
    size = np.array([camera.width, camera.height])
    if size.max() > _SMALL or size.min() < 2 or draw.sometimes(2):
        return
    pixels = np.full((camera.height, camera.width, 3), 90, np.uint8)
    box = np.concatenate([size * 0.1, size * 0.9 + 1])
    estimator = fake_network.estimator()
    for person in estimator.estimate(pixels, camera, box[None]):
        assert_real(person, behind=camera.model in ("equidistant", "fisheye"))


def open_info(folder: Path) -> Check:
    """CameraInfo messages, raw and rectified, then images of that camera."""
    info = camera_info.from_camera(TYPES, header(), Camera.from_fov(24, 16, 60))

    def check(draw: Draw) -> None:
        messages = camera_messages(None, Settings(image_is_rectified=draw.sometimes()))
        model = draw.choice(list(_LENSES))
        info.distortion_model, info.d = model, np.array(_LENSES[model])
        changed = hostile(draw, info, list(SIZES))
        messages.keep_camera_info(changed)
        message = image(draw)
        if 0 < changed.width <= _SMALL and 0 < changed.height <= _SMALL:
            message.width, message.height, message.encoding = changed.width, changed.height, "mono8"
            message.step, message.data = changed.width, np.zeros(changed.width * changed.height, np.uint8)
        try:
            frame = messages.frame(message, "")
        except NotReadyError as reason:
            raise ValueError(str(reason)) from reason
        assert_holds(draw, frame.camera)
        look(draw, frame.camera)

    return check


def open_yaml(folder: Path) -> Check:
    """Calibration files."""
    path = folder / "camera.yaml"

    def check(draw: Draw) -> None:
        path.write_bytes(draw.mutated(TEXT, _TOKENS))
        made = Camera.from_yaml(path)
        assert_holds(draw, made)
        look(draw, made)

    return check


DOORS = {"camera_info": Door(open_info), "camera_yaml": Door(open_yaml)}
