"""A picture to look at: people of every clip, each as all witnesses see them side by side."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from metric_pose_ros.overlay import draw
from metric_pose_ros.people import Person
from metric_pose_ros.skeleton import COCO_17
from training.domain_gap.clips import Clip
from training.domain_gap.witnesses import Seen, Testimony

Floats = npt.NDArray[np.floating]
Image = npt.NDArray[np.uint8]

_SIDE = 280
_MARGIN = 1.25
"""Side of a tile over the larger side of the box."""
_MOMENTS = (0.15, 0.55, 0.85)
"""Of a person's time in a clip, when somebody looks."""


def draw_sheet(clips: list[Clip], told: list[Testimony], path: Path, people: int = 2) -> None:
    """Writes a picture with a strip for each moment, and a tile in it for each witness.

    Args:
        clips: that were looked at.
        told: what was said of each.
        path: of a .png or .jpg.
        people: of each clip, at most.

    Raises:
        OSError: if it cannot be written.
    """
    witnesses = list(dict.fromkeys(name for testimony in told for name in testimony))
    strips = []
    for clip, testimony in zip(clips, told, strict=True):
        wanted: dict[int, list[int]] = {}
        for number, person in enumerate(clip.people[:people]):
            for row in sorted({int(share * len(person)) for share in _MOMENTS}):
                wanted.setdefault(person.start + row, []).append(number)
        for index, image in enumerate(clip.frames()):
            for number in wanted.get(index, []):
                person = clip.people[number]
                row = index - person.start
                seen = {name: people[number] for name, people in testimony.items()}
                strips.append(_strip(image, person.boxes[row], {name: seen.get(name) for name in witnesses}, row))
            if index >= max(wanted, default=0):
                break
    strips += [np.zeros_like(strips[0])] * (len(strips) % 2)
    gap = np.full((_SIDE, 12, 3), 255, np.uint8)
    rows = [np.concatenate([left, gap, right], axis=1) for left, right in zip(strips[::2], strips[1::2], strict=True)]
    if not cv2.imwrite(str(path), np.concatenate(rows)):
        raise OSError(f"cannot write {path}: choose a name that ends in .png or .jpg")


def _strip(image: Image, box: Floats, seen: dict[str, Seen | None], row: int) -> Image:
    """(280, 280 W, 3): one person and moment, as each witness sees it."""
    middle, half = (box[:2] + box[2:]) / 2, _MARGIN * float(np.max(box[2:] - box[:2])) / 2
    scale = _SIDE / (2 * half)
    move = np.array([[scale, 0, -scale * (middle[0] - half)], [0, scale, -scale * (middle[1] - half)]])
    tile = np.asarray(cv2.warpAffine(image, move, (_SIDE, _SIDE), flags=cv2.INTER_AREA), np.uint8)
    tiles = []
    for name, witness in seen.items():
        if witness is None:
            tiles.append(tile)
            continue
        sure = np.ones(17) if witness.sure is None else witness.sure[row].astype(float)
        person = Person(
            witness.poses[row],
            witness.points[row] * scale + move[:, 2],
            np.zeros((17, 3)),
            sure,
            box,
            1.0,
            COCO_17,
            name,
        )
        tiles.append(draw(tile, [person]))
    return np.asarray(np.concatenate(tiles, axis=1), np.uint8)
