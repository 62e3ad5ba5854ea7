"""The folders of assets that scenes are made of, divided so that no split sees another's light, backgrounds or motions.

Layout: ``lights/*.exr`` panoramas, ``backgrounds/*.{jpg,png}`` photographs, ``motions/**`` motion files,
``bodies/*.yaml`` (see body_files). Everything is optional: what is missing or cannot be read is named in
`Assets.problems` and left out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np

from metric_pose_ros import picture_files
from training.synthesis.body_files import OwnBody, read_body
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
_SMALLEST_SIDE = 64
_MOST_PX = 1 << 27
"""Of a photograph."""

_BODIES = (".yaml", ".yml")

Item = TypeVar("Item")


@dataclass(frozen=True)
class Assets:
    """What one split may use. photographs: (H, W, 3) uint8 RGB each, with names; problems: what was skipped and why."""

    panoramas: list[Panorama]
    photographs: list[np.ndarray]
    photograph_names: list[str]
    clips: list[Clip]
    bodies: list[OwnBody]
    problems: list[str]


def load_assets(folders: Sequence[Path], motion_folder: Path | None, split: str) -> Assets:
    """Loads the split's share of what is in folders of assets and in another folder of motions; all may be missing.

    Raises:
        ValueError: if `split` is not one of SPLITS.
    """
    if split not in SPLITS:
        raise ValueError(f"split {split!r}: expected one of {', '.join(SPLITS)}")
    problems = [f"no folder of assets {folder}: nothing of it is used" for folder in folders if not folder.is_dir()]
    panoramas = _read_share(
        _files(folders, "lights", (".exr",)), split, lambda path: Panorama.from_pixels(path.stem, read_panorama(path)),
        "a readable panorama", problems,
    )  # fmt: skip
    photographs = _read_share(
        _files(folders, "backgrounds", _PHOTOGRAPHS), split, lambda path: (path.stem, read_photograph(path)),
        f"a readable photograph of at least {_SMALLEST_SIDE} pixels", problems,
    )  # fmt: skip
    bodies = _read_share(_files(folders, "bodies", _BODIES), split, read_body, "a usable body", problems)
    where = " or ".join(map(str, folders)) or "no folder"
    if not panoramas:
        problems.append(f"no panoramas for {split} in lights/ of {where}: a plain sky is used")
        panoramas.append(Panorama.from_pixels("plain", plain_sky()))
    if not photographs:
        problems.append(f"no photographs for {split} in backgrounds/ of {where}: rooms and panoramas only")
    clips: list[Clip] = []
    own_motions = [folder / "motions" for folder in folders if folder.is_dir()]
    for source in (*([motion_folder] if motion_folder is not None else []), *own_motions):
        if not source.is_dir():
            problems.append(f"no folder of motions {source}: fewer recorded poses")
            continue
        read, unreadable = read_motion_folder(source)
        clips += [clip for clip in read if split_of_clip(clip.name) == split]
        problems += unreadable
    names = [name for name, _ in photographs]
    return Assets(panoramas, [image for _, image in photographs], names, clips, bodies, problems)


def _files(folders: Sequence[Path], kind: str, endings: Sequence[str]) -> list[Path]:
    return [
        path
        for folder in folders
        for path in sorted((folder / kind).glob("*"))
        if path.suffix.lower() in endings and not path.name.startswith(".")
    ]


def _read_share(
    paths: Sequence[Path], split: str, read: Callable[[Path], Item], wanted: str, problems: list[str]
) -> list[Item]:
    """What the split's files hold; those that cannot be read are named in `problems`."""
    items = []
    for path in share_of(paths, split, lambda path: path.stem):
        try:
            items.append(read(path))
        except Exception as error:  # a corrupt file raises whatever its reader likes
            problems.append(f"{path}: not {wanted}, skipped ({error})")
    return items


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


def read_photograph(path: Path) -> np.ndarray:
    """(H, W, 3) uint8 RGB, scaled down to LONGEST_SIDE.

    Raises:
        ValueError: if it is none, or too small.
    """
    image = picture_files.decode(path.read_bytes(), cv2.IMREAD_COLOR, _MOST_PX)
    if min(image.shape[:2]) < _SMALLEST_SIDE:
        raise ValueError(f"it has {image.shape[1]} x {image.shape[0]} pixels")
    return np.ascontiguousarray(shrink(image)[..., ::-1])


def plain_sky() -> np.ndarray:
    """(256, 512, 3) bright above, dim below: what stands in when there is no panorama."""
    sky = np.linspace(1.0, 0.25, 256, dtype=np.float32)[:, None, None]
    return np.ascontiguousarray(np.broadcast_to(sky, (256, 512, 3)))


def shrink(image: np.ndarray) -> np.ndarray:
    """The image with its longest side at most LONGEST_SIDE pixels."""
    scale = LONGEST_SIDE / max(image.shape[:2])
    return cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else image
