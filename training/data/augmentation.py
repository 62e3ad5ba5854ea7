"""What training does to an example so that a network learns people and not pictures.

The view changes as `cropping.random_view` says; then, as in MeTRAbs: another background behind a person whose outline
is known, something in front of the person, and colours (brightness, contrast, saturation and hue, each by a random
amount, in random order).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from training.data.cropping import box_shown_by_crop, crop_sample, random_view, truncated_box
from training.data.shards import Sample

Image = npt.NDArray[np.uint8]

LARGEST_ERASED = 1 / 3
"""Of the crop's area, as is the aspect from 0.3 to 1 / 0.3, in random erasing (Zhong et al. 2020)."""
MOST_OBJECTS = 8
"""That occlude one person."""
PICTURES = (".jpg", ".jpeg", ".png", ".webp")


@dataclass(frozen=True)
class Augmentation:
    """How much of what; the values are MeTRAbs', what is off by default needs something or depends on the aim.

    Attributes:
        rotation_deg: the camera rolls by up to this, either way.
        zoom: people appear 1 - zoom to 1 + zoom as large.
        shift: the camera looks past the person by up to this share of the crop.
        mirror: probability.
        colours: probability.
        occlusion: probability that something hides a part.
        truncation: probability that only a random part of the person's box is in the crop (`cropping.truncated_box`).
        background: probability of another background, where the sample has a mask and `backgrounds` is given.
        objects: folder of RGBA cut-outs that occlude, every second time instead of a rectangle of noise.
        backgrounds: folder of pictures without people.
    """

    rotation_deg: float = 20.0
    zoom: float = 0.25
    shift: float = 0.1
    mirror: float = 0.5
    colours: float = 1.0
    occlusion: float = 0.5
    truncation: float = 0.0
    background: float = 0.0
    objects: str | None = None
    backgrounds: str | None = None

    @classmethod
    def from_configuration(cls, section: Mapping[str, Any] | None) -> Augmentation:
        """Of a configuration's ``data: augmentation`` section; without one, nothing is changed.

        Raises:
            ValueError: if a setting is unknown or a background probability has no folder of backgrounds.
            FileNotFoundError: if a folder holds no picture.
        """
        if section is None:
            return NOTHING
        known = [field.name for field in fields(cls)]
        unknown = sorted(set(section) - set(known))
        if unknown:
            raise ValueError(f"data.augmentation has {', '.join(unknown)}; it knows {', '.join(known)}")
        made = cls(**section)
        if made.background > 0 and made.backgrounds is None:
            raise ValueError(f"background: {made.background} needs `backgrounds`, a folder of pictures")
        for folder in (made.objects, made.backgrounds):
            if folder is not None:
                pictures_in(folder)
        return made


NOTHING = Augmentation(rotation_deg=0, zoom=0, shift=0, mirror=0, colours=0, occlusion=0)
"""The straight crop as it is."""


def augment(sample: Sample, side: int, settings: Augmentation, random: np.random.Generator) -> Sample:
    """A random change of a sample.

    Args:
        sample: as read from a shard.
        side: of the crop, px.
        settings: how much of what.
        random: where chance comes from.

    Returns:
        the crop, see `cropping.crop_sample`.
    """
    if random.random() < settings.truncation:
        # As in the truncated Human3.6M test, nothing beyond the part is seen, except where zoom and shift change that.
        part = truncated_box(sample.box, random)
        sample = replace(sample, box=box_shown_by_crop(part).astype(np.float32))
    view = random_view(random, settings.rotation_deg, settings.zoom, settings.shift, settings.mirror)
    crop = crop_sample(sample, side, view)
    image = crop.image
    if random.random() < settings.background and settings.backgrounds is not None and crop.mask is not None:
        image = put_before(image, crop.mask, random_background(settings.backgrounds, side, random))
    erased = False
    if random.random() < settings.occlusion:
        erased = settings.objects is None or random.random() < 0.5
        if settings.objects is not None and not erased:
            image = occlude(image, settings.objects, random)
    if random.random() < settings.colours:
        image = change_colours(image, random)
    # Last, so that the noise stays noise.
    return replace(crop, image=erase(image, random) if erased else image)


def change_colours(image: Image, random: np.random.Generator) -> Image:
    """(H, W, 3) uint8 RGB with other brightness, contrast, saturation and hue."""
    x: npt.NDArray[Any] = image.astype(np.float32) / 255
    for change in random.permutation(4):
        if change == 0:
            x = x + random.uniform(-0.125, 0.125)
        elif change == 1:
            x = (x - x.mean()) * random.uniform(0.5, 1.5) + x.mean()
        elif change == 2:
            grey = x.mean(axis=-1, keepdims=True)
            x = grey + (x - grey) * random.uniform(0.5, 1.5)
        else:
            hsv = np.asarray(cv2.cvtColor(np.clip(x, 0, 1).astype(np.float32), cv2.COLOR_RGB2HSV))
            hsv[..., 0] = (hsv[..., 0] + random.uniform(-72, 72)) % 360
            x = np.asarray(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB))
    return np.round(np.clip(x, 0, 1) * 255).astype(np.uint8)


def erase(image: Image, random: np.random.Generator) -> Image:
    """A random rectangle becomes noise."""
    height, width = image.shape[:2]
    while True:
        area = random.uniform(0, LARGEST_ERASED) * height * width
        aspect = random.uniform(0.3, 1 / 0.3)
        tall, wide = round(float(np.sqrt(area * aspect))), round(float(np.sqrt(area / aspect)))
        if tall <= height and wide <= width:
            break
    top, left = int(random.integers(0, height - tall + 1)), int(random.integers(0, width - wide + 1))
    changed = image.copy()
    changed[top : top + tall, left : left + wide] = random.integers(0, 256, (tall, wide, 3))
    return changed


def occlude(image: Image, folder: str, random: np.random.Generator) -> Image:
    """One to eight cut-outs of a folder, a tenth to half as large as the picture, turned anyhow, in front of it."""
    paths = pictures_in(folder)
    height, width = image.shape[:2]
    for _ in range(int(random.integers(1, MOST_OBJECTS + 1))):
        thing = _cut_out(paths[int(random.integers(len(paths)))])
        size = random.uniform(0.1, 0.5) * min(height, width)
        turn = cv2.getRotationMatrix2D(
            ((thing.shape[1] - 1) / 2, (thing.shape[0] - 1) / 2), random.uniform(0, 360), size / max(thing.shape[:2])
        )
        turn[:, 2] += random.uniform(0, [width, height]) - [(thing.shape[1] - 1) / 2, (thing.shape[0] - 1) / 2]
        # Colours come multiplied by their opacity, so that the border of a cut-out mixes with nothing of its own.
        layer = np.asarray(cv2.warpAffine(thing, turn, (width, height), flags=cv2.INTER_AREA))
        image = np.round(image * (1 - layer[..., 3:]) + layer[..., :3] * 255).clip(0, 255).astype(np.uint8)
    return image


def put_before(image: Image, mask: Image, background: Image) -> Image:
    """The person of `image` (H, W, 3) before another background; `mask` (H, W) is 255 where the person is."""
    person = mask[..., None].astype(np.float32) / 255
    return np.round(image * person + background * (1 - person)).astype(np.uint8)


def random_background(folder: str, side: int, random: np.random.Generator) -> Image:
    """(side, side, 3) RGB: a random square of a random picture of a folder, at least half as long as the picture."""
    paths = pictures_in(folder)
    picture = _picture(paths[int(random.integers(len(paths)))])
    shortest = min(picture.shape[:2])
    length = max(1, int(shortest * random.uniform(0.5, 1)))
    top, left = (int(random.integers(0, size - length + 1)) for size in picture.shape[:2])
    part = picture[top : top + length, left : left + length]
    return np.asarray(cv2.resize(part, (side, side), interpolation=cv2.INTER_AREA), np.uint8)


@lru_cache(maxsize=8)
def pictures_in(folder: str) -> tuple[Path, ...]:
    """The picture files below a folder, in order.

    Raises:
        FileNotFoundError: if there is none.
    """
    paths = tuple(sorted(path for path in Path(folder).rglob("*") if path.suffix.lower() in PICTURES))
    if not paths:
        raise FileNotFoundError(f"{folder} holds no picture ({', '.join(PICTURES)})")
    return paths


@lru_cache(maxsize=32)
def _picture(path: Path) -> Image:
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise ValueError(f"{path} is no readable picture")
    return np.asarray(image[..., ::-1], np.uint8)


@lru_cache(maxsize=256)
def _cut_out(path: Path) -> npt.NDArray[np.float32]:
    """(H, W, 4) RGB times opacity, and opacity, 0..1."""
    image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if image is None or image.ndim != 3 or image.shape[2] != 4:
        raise ValueError(f"{path} is no picture with transparency (RGBA), which a cut-out must be")
    layer: npt.NDArray[np.float32] = image[..., [2, 1, 0, 3]].astype(np.float32) / np.float32(255)
    layer[..., :3] *= layer[..., 3:]
    return layer
