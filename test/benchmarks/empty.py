"""How often somebody is seen where nobody is, and how many of those who are there are found at the same thresholds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from metric_pose_ros import Camera, PoseEstimator
from metric_pose_ros.boxes import overlap
from metric_pose_ros.people import Person
from metric_pose_ros.stream import StreamEstimator
from test.benchmarks.footage import ROBOT_CAMERA, alone, footage
from test.benchmarks.places import Place, likenesses, places
from training.domain_gap.true_views import VIEWS

Floats = npt.NDArray[np.floating]
Image = npt.NDArray[np.uint8]

RATE_HZ = 30.0
_PAUSE_S = 5.0
"""Between two videos: nobody is remembered so long."""
_STAY = 50
"""Frames for which the camera stays where something has been taken for somebody, even if that was not reported."""
_SAME = 0.3
"""Shared area over joint area from which a person is the one who is there."""
_RENDERS, _STILL = 200, 3
"""People rendered for tests, and frames for which each is shown."""


class Video:
    """One stream that sees everything, as the node does with its detector in turn with the network."""

    def __init__(self, model: str) -> None:
        self._stream = StreamEstimator(PoseEstimator(model))
        self._stamp_s = 0.0

    @property
    def suspects(self) -> bool:
        """Whether anything is followed, reported or not."""
        return bool(self._stream.tracker.tracks)

    def show(self, images: Iterable[Image], camera: Camera) -> Iterator[list[Person]]:
        """The people reported in each image of a video."""
        self._stamp_s += _PAUSE_S
        for image in images:
            self._stamp_s += 1 / RATE_HZ
            yield self._stream(image, camera, self._stamp_s)


def measure(model: str, shards: Path = Path("out/shards")) -> dict[str, Any]:
    """False people on places and likenesses, and recall on the clip, at several distances, and on renders if there."""
    video = Video(model)
    empty, alike = _false(video, places()), _false(video, likenesses())
    total = {name: sum(row[name] for row in empty.values()) for name in ("frames", "reported", "ids")}
    return {
        "places": empty,
        "likenesses": alike,
        "false_per_1000_frames": round(1000 * total["reported"] / total["frames"], 2),
        "false_ids_per_1000_frames": round(1000 * total["ids"] / total["frames"], 2),
        "recall": {**_clip(video), **_distances(video), **_renders(video, shards)},
    }


def _false(video: Video, shown: Iterable[Place]) -> dict[str, dict[str, Any]]:
    """By kind of place: frames, people reported in them beyond those who are there, and how many ids they had."""
    rows: dict[str, dict[str, Any]] = {}
    for place in shown:
        row = rows.setdefault(place.kind, {"frames": 0, "reported": 0, "ids": 0, "where": []})
        ids: set[str] = set()
        for people in video.show(_lingering(place, video), ROBOT_CAMERA):
            row["frames"] += 1
            row["reported"] += max(len(people) - place.people, 0)
            ids |= {person.id for person in people}
        row["ids"] += max(len(ids) - place.people, 0)
        if len(ids) > place.people:
            row["where"].append(place.name)
    return rows


def _lingering(place: Place, video: Video) -> Iterator[Image]:
    """A place's images; then the last one with a camera's noise, as long as there is something to suspect."""
    image = np.zeros((1, 1, 3), np.uint8)
    for image in place.frames():
        yield image
    random = np.random.default_rng(0)
    for _ in range(_STAY):
        if not video.suspects:
            return
        yield np.clip(image + random.normal(0, 3, image.shape), 0, 255).astype(np.uint8)


def _clip(video: Video) -> dict[str, str]:
    found = {}
    for name in VIEWS:
        view = footage(name)
        numbers = range(0, len(view.images), 2)
        boxes = (view.box(number, margin=0.0) for number in numbers)
        shown = video.show((view.images[number] for number in numbers), view.camera)
        found[f"clip {name}"] = _share([_is_found(people, box) for people, box in zip(shown, boxes, strict=True)])
    return found


def _distances(video: Video) -> dict[str, str]:
    view, found = footage("cam02"), {}
    for distance_m in (2.0, 3.0, 5.0, 7.0, 10.0):
        scenes = [alone(view, number, distance_m) for number in range(22)]
        shown = video.show((image for image, _ in scenes), ROBOT_CAMERA)
        hits = [_is_found(people, box) for people, (_, box) in zip(shown, scenes, strict=True)]
        found[f"man at {distance_m:g} m"] = _share(hits)
    return found


def _renders(video: Video, shards: Path) -> dict[str, str]:
    """Rendered people, each in a picture of their own; those of whom a part is outside the picture apart."""
    from training.data.shards import Problems, read_samples, shard_paths

    if not list(shards.glob("test-*.tar")):
        return {}
    hits: dict[bool, list[bool]] = {False: [], True: []}
    for sample in islice(read_samples(shard_paths(shards, "test"), Problems()), _RENDERS):
        height, width = sample.image.shape[:2]
        camera = Camera(sample.intrinsics.astype(float), np.zeros(0), "pinhole", width, height)
        image = np.ascontiguousarray(sample.image[..., ::-1])
        shown = list(video.show([image] * _STILL, camera))
        seen = sample.joints_px[sample.visibility > 0]
        box = np.concatenate([seen.min(axis=0), seen.max(axis=0)])
        hits[bool((sample.visibility == 0).any())].append(_is_found(shown[-1], box, (width, height)))
    names = {False: "renders, whole", True: "renders, truncated"}
    return {names[truncated]: _share(found) for truncated, found in hits.items() if found}


def _is_found(people: list[Person], box: Floats, size: tuple[int, int] | None = None) -> bool:
    """Whether somebody's joints cover the same part of the image; `size` (width, height) cuts off what is outside."""
    bounds = np.array([[*person.joints2d.min(axis=0), *person.joints2d.max(axis=0)] for person in people])
    bounds = bounds.reshape(-1, 4)
    if size is not None:
        bounds = np.clip(bounds, 0, np.tile(size, 2))
    return bool((overlap(bounds, box[None]) >= _SAME).any())


def _share(hits: list[bool]) -> str:
    return f"{sum(hits)}/{len(hits)}"
