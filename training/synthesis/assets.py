"""The folder of assets that scenes are made of, divided so that no split sees another's light, backgrounds or motions.

Layout: ``lights/*.exr`` panoramas, ``backgrounds/*.{jpg,png}`` photographs, ``motions/**`` motion files. Everything is
optional: what is missing or cannot be read is named in `Assets.problems` and left out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np

from training.synthesis.light import Panorama
from training.synthesis.motion_files import Clip, read_motion_folder

SPLITS = ("train", "validation", "test")

HELD_OUT_CLIPS = {
    "validation": ("02_05", "01_09", "humanoid3d_dance_b", "turn_left1"),
    "test": ("02_08", "03_02", "humanoid3d_kick", "turn_right1"),
}
"""Clips by name that train never sees; other clips all go to train, and a split without clips of its own has none."""

LONGEST_SIDE = 1100
"""Photographs are scaled down to this many pixels."""

_PHOTOGRAPHS = (".jpg", ".jpeg", ".png")

Item = TypeVar("Item")


@dataclass(frozen=True)
class Assets:
    """What one split may use. photographs: (H, W, 3) uint8 RGB each, with names; problems: what was skipped and why."""

    panoramas: list[Panorama]
    photographs: list[np.ndarray]
    photograph_names: list[str]
    clips: list[Clip]
    problems: list[str]


def load_assets(folder: Path | None, motion_folder: Path | None, split: str) -> Assets:
    """Loads the split's share of a folder of assets and of a second folder of motions; both may be missing.

    Raises:
        ValueError: if `split` is not one of SPLITS.
    """
    if split not in SPLITS:
        raise ValueError(f"split {split!r}: expected one of {', '.join(SPLITS)}")
    problems: list[str] = []
    panoramas: list[Panorama] = []
    photographs: list[np.ndarray] = []
    names: list[str] = []
    if folder is not None:
        for path in share_of(sorted((folder / "lights").glob("*.exr")), split, lambda path: path.stem):
            try:
                panoramas.append(Panorama.from_pixels(path.stem, read_panorama(path)))
            except Exception as error:  # a corrupt file raises whatever its reader likes
                problems.append(f"{path}: not a readable panorama, skipped ({error})")
        found = [path for path in sorted((folder / "backgrounds").glob("*")) if path.suffix.lower() in _PHOTOGRAPHS]
        for path in share_of(found, split, lambda path: path.stem):
            image = cv2.imread(str(path), cv2.IMREAD_COLOR)
            if image is None or min(image.shape[:2]) < 64:
                problems.append(f"{path}: not a readable photograph of at least 64 pixels, skipped")
                continue
            photographs.append(np.ascontiguousarray(shrink(image)[..., ::-1]))
            names.append(path.stem)
    if not panoramas:
        problems.append(f"no panoramas for {split} below {folder}/lights: a plain sky is used")
        panoramas.append(Panorama.from_pixels("plain", plain_sky()))
    if not photographs:
        problems.append(f"no photographs for {split} below {folder}/backgrounds: rooms and panoramas only")
    clips: list[Clip] = []
    for source in (motion_folder, folder / "motions" if folder is not None else None):
        if source is None:
            continue
        if not source.is_dir():
            problems.append(f"no folder of motions {source}: fewer recorded poses")
            continue
        read, unreadable = read_motion_folder(source)
        clips += [clip for clip in read if split_of_clip(clip.name) == split]
        problems += unreadable
    return Assets(panoramas, photographs, names, clips, problems)


def split_of_clip(name: str) -> str:
    """Which split a motion clip belongs to."""
    return next((split for split, held_out in HELD_OUT_CLIPS.items() if name in held_out), "train")


def share_of(items: Sequence[Item], split: str, name: Callable[[Item], str]) -> list[Item]:
    """The split's items: ranked by a hash of their names, a tenth (two at least, if there are six) each is held out."""
    ranked = sorted(items, key=lambda item: hashlib.sha256(name(item).encode()).hexdigest())
    held = max(2, len(items) // 10) if len(items) >= 6 else 0
    bounds = {"validation": (0, held), "test": (held, 2 * held), "train": (2 * held, len(ranked))}
    first, last = bounds[split]
    return ranked[first:last]


def read_panorama(path: Path) -> np.ndarray:
    """(256, 512, 3) float32 linear RGB of an equirectangular OpenEXR file."""
    import OpenEXR

    with OpenEXR.File(str(path)) as file:
        channels = file.channels()
        if "RGB" in channels or "RGBA" in channels:
            pixels = channels["RGB" if "RGB" in channels else "RGBA"].pixels[..., :3]
        else:
            pixels = np.stack([channels[name].pixels for name in "RGB"], -1)
    pixels = cv2.resize(np.asarray(pixels, np.float32), (512, 256), interpolation=cv2.INTER_AREA)
    return np.maximum(np.nan_to_num(pixels), 0)


def plain_sky() -> np.ndarray:
    """(256, 512, 3) bright above, dim below: what stands in when there is no panorama."""
    sky = np.linspace(1.0, 0.25, 256, dtype=np.float32)[:, None, None]
    return np.ascontiguousarray(np.broadcast_to(sky, (256, 512, 3)))


def shrink(image: np.ndarray) -> np.ndarray:
    """The image with its longest side at most LONGEST_SIDE pixels."""
    scale = LONGEST_SIDE / max(image.shape[:2])
    return cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else image
