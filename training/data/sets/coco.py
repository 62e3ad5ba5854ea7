"""COCO keypoints (Lin et al. 2014): everyday pictures with 17 joints, boxes and outlines of people.

Everyone with at least six joints counts who is not part of a crowd.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from metric_pose_ros import plain_json
from metric_pose_ros.skeleton import COCO_17
from training.data.example import Example, Floats, Image, camera_without_calibration
from training.data.sets.data_set import DataSet, Part
from training.data.sets.files import UnreadableError, first_folder, read_picture
from training.data.shards import Problems

FEWEST_JOINTS = 6
PICTURES_IN_PART = 250
FOLDERS = {"train": "train2017", "validation": "val2017"}

LAYOUT = """\
  annotations/person_keypoints_train2017.json, person_keypoints_val2017.json
  train2017/000000000009.jpg ..., val2017/000000000139.jpg ..., or these two folders in images/"""


@dataclass(frozen=True)
class Pictures:
    """Some pictures.

    Attributes:
        images: their folder.
        name: of the part.
        entries: pairs of an entry of ``images`` and its entries of ``annotations``.
    """

    images: Path
    name: str
    entries: tuple[tuple[dict[str, Any], tuple[dict[str, Any], ...]], ...]

    def examples(self, problems: Problems) -> Iterator[Example]:
        """Person after person."""
        for about, people in self.entries:
            try:
                image = read_picture(self.images / str(about["file_name"]))
                if image.shape[:2] != (about["height"], about["width"]):
                    raise UnreadableError(
                        f"{self.images / about['file_name']} has {image.shape[1]}x{image.shape[0]} px, its labels are "
                        f"of {about['width']}x{about['height']}"
                    )
            except (UnreadableError, KeyError) as error:
                problems.note("picture", str(error))
                continue
            for person in people:
                try:
                    yield _example(image, about, person)
                except (KeyError, TypeError, ValueError) as error:
                    problems.note("annotation", f"{person.get('id')}: {type(error).__name__}: {error}")


def pictures(root: Path, split: str, problems: Problems) -> list[Part]:
    """All pictures of a split with somebody in them, some hundred in each part."""
    folder = FOLDERS[split]
    path = root / "annotations" / f"person_keypoints_{folder}.json"
    images = first_folder(root, (folder, f"images/{folder}"))
    if not path.is_file() or images is None:
        raise ValueError(f"{root} lacks {path.name if images else folder}; expected:\n{LAYOUT}")
    try:
        said = plain_json.loads(path.read_text())
        abouts = {about["id"]: about for about in said["images"]}
        annotations = said["annotations"]
    except (ValueError, KeyError, TypeError) as error:
        raise UnreadableError(f"{path} is not COCO's: {type(error).__name__}: {error}") from error
    people: defaultdict[int, list[dict[str, Any]]] = defaultdict(list)
    for annotation in annotations:
        try:
            if not annotation["iscrowd"] and annotation["num_keypoints"] >= FEWEST_JOINTS:
                people[abouts[annotation["image_id"]]["id"]].append(annotation)
        except (KeyError, TypeError) as error:
            problems.note("annotation", f"{annotation!s:.80} lacks {error}")
    entries = [(abouts[identity], tuple(people[identity])) for identity in sorted(people)]
    return [
        Pictures(images, f"{split}_{start // PICTURES_IN_PART:04d}", tuple(entries[start : start + PICTURES_IN_PART]))
        for start in range(0, len(entries), PICTURES_IN_PART)
    ]


def _example(image: Image, about: dict[str, Any], person: dict[str, Any]) -> Example:
    keypoints = np.array(person["keypoints"], float).reshape(len(COCO_17), 3)
    # Corners of pixels are whole numbers in boxes and outlines; here, centres are. Keypoints name pixels.
    x, y, width, height = (float(value) for value in person["bbox"])
    return Example(
        f"{about['id']:012d}_{person['id']}",
        image,
        camera_without_calibration(image),
        COCO_17,
        np.full((len(COCO_17), 3), np.nan),
        np.array([x, y, x + width, y + height]) - 0.5,
        joints_px=np.where(keypoints[:, 2:] > 0, keypoints[:, :2], np.nan),
        hidden=keypoints[:, 2] == 1,
        mask=outline_mask(person.get("segmentation"), image),
        facts={"picture": about["file_name"], "person": person["id"]},
    )


def outline_mask(outlines: Any, image: Image) -> Image | None:
    """(H, W) 255 within the outlines, lists of x, y, x, y ...; None if they are given otherwise."""
    if not isinstance(outlines, list) or not outlines:
        return None
    mask = np.zeros(image.shape[:2], np.uint8)
    for outline in outlines:
        if len(outline) >= 6:
            # One by one, because where two overlap in one call OpenCV leaves a hole.
            cv2.fillPoly(mask, [_polygon(outline)], (255,))
    return mask


def _polygon(outline: list[float]) -> Any:
    points: Floats = np.array(outline, float).reshape(-1, 2) - 0.5
    return np.round(points).astype(np.int32)


DATA_SET = DataSet("coco", ("train", "validation"), LAYOUT, pictures)
