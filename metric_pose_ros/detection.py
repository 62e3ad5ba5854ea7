"""Finding people: an image goes in, boxes come out."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np
import numpy.typing as npt

from metric_pose_ros.boxes import one_each, overlap, shrink
from metric_pose_ros.engines import Engine, open_engine
from metric_pose_ros.models import ModelError, ModelFile
from metric_pose_ros.people import Detection
from metric_pose_ros.plugged_detection import RtDetr, RtDetrLogits, YoloX

__all__ = ["Combined", "Detector", "MoveNet", "NanoDet", "open_detector", "overlap"]

Floats = npt.NDArray[np.floating]
Image = npt.NDArray

_NEAR_SIDE = 352
_FAR_SIDE = 832
"""The longer side of what MoveNet is given. In 26 views of people pasted into 1280x720 as a 70 degree camera shows
them, 352 px finds all at 2 and 3 m, 832 px all at 5 and 7 m and 25 at 10 m."""


class Detector(Protocol):
    """Anything that finds people. Scores are 0..1, boxes xyxy px inside the image, one per person."""

    def __call__(self, image_bgr: Image) -> list[Detection]: ...


class OutsideDetections:
    """Hands detections from elsewhere, each made of one image of a video, from one thread to another.

    Attributes:
        received: how often detections came.
    """

    def __init__(self) -> None:
        self.received = 0
        self._newest: tuple[float, list[Detection]] | None = None
        self._lock = threading.Lock()

    def put(self, stamp_s: float, detections: list[Detection]) -> None:
        """Brings the detections of the image of that time, in place of older ones that nobody took."""
        with self._lock:
            self.received += 1
            self._newest = stamp_s, detections

    def take(self) -> tuple[float, list[Detection]] | None:
        """The newest, once."""
        with self._lock:
            newest, self._newest = self._newest, None
            return newest


def inside(detections: list[Detection], width: int, height: int) -> list[Detection]:
    """Detections clipped to an image of that many px; without those of less than two px in it."""
    clipped = [replace(each, box=np.clip(each.box, 0, [width, height, width, height])) for each in detections]
    return [each for each in clipped if (each.box[2:] - each.box[:2] >= 2).all()]


def open_detector(name_or_path: str, threads: int = 2) -> Detector:
    """The detector for a shipped name (``movenet``, ``nanodet``), a file of their kind, or an RT-DETR or YOLOX file.

    Raises:
        FileNotFoundError: if there is no such model.
        ModelError: if the file is no detector.
    """
    model = ModelFile.open(name_or_path)
    if model.kind.startswith("pose"):
        raise ModelError(
            f"{model.path} is a pose model, expected a detector (movenet, nanodet, or an RT-DETR or YOLOX file)"
        )
    engine = open_engine(model, "auto", threads)
    if model.kind == "nanodet":
        return NanoDet(engine)
    if model.kind == "yolox":
        return YoloX(engine, model.image_size("images"))
    if model.kind == "rtdetr":
        return RtDetr(engine, model.image_size("images"))
    if model.kind == "rtdetr_logits":
        return RtDetrLogits(engine, model.image_size("pixel_values"))
    return Combined((MoveNet(engine, _NEAR_SIDE), MoveNet(engine, _FAR_SIDE)))


def trouble_of(detector: Detector | None) -> str:
    """What keeps a detector's engines from running as they should, in words; empty if nothing does."""
    parts = detector.parts if isinstance(detector, Combined) else (detector,)
    # They may be anybody's own. Parts share an engine.
    return "; ".join(sorted({getattr(getattr(part, "_engine", None), "trouble", "") for part in parts} - {""}))


class Combined:
    """Several detectors whose findings are merged.

    Args:
        parts: to ask. A video may ask them in turn, one at a time.
    """

    def __init__(self, parts: Sequence[Detector]) -> None:
        self.parts = tuple(parts)

    def __call__(self, image_bgr: Image) -> list[Detection]:
        return one_each([detection for part in self.parts for detection in part(image_bgr)], image_bgr.shape)


class MoveNet:
    """MoveNet MultiPose Lightning: at most six people, each with a box and COCO's 17 keypoints.

    It finds people who measure some 60 to 500 px in what it is given, so one size cannot serve from 2 to 10 m.

    Args:
        engine: that runs the model.
        longest_side: px that the image's longer side is scaled to, at most its own size.
        threshold: least score of a person.
    """

    _KEYPOINT_SCORE = 0.3

    def __init__(self, engine: Engine, longest_side: int, threshold: float = 0.25) -> None:
        if longest_side < 64 or longest_side % 32:
            raise ValueError(f"longest_side is {longest_side}, expected a multiple of 32 of at least 64")
        self._engine = engine
        self._side = longest_side
        self._threshold = threshold

    def __call__(self, image_bgr: Image) -> list[Detection]:
        own_size = -(-max(image_bgr.shape[:2]) // 32) * 32
        small, scale = shrink(image_bgr, min(self._side, own_size))
        height, width = small.shape[:2]
        # MoveNet takes multiples of 32; what is added at the right and below keeps the image's own coordinates.
        padded = np.zeros((1, -(-height // 32) * 32, -(-width // 32) * 32, 3), np.uint8)
        padded[0, :height, :width] = small[..., ::-1]
        rows = self._engine.run(image=padded)["people"][0]
        rows = rows[rows[:, 55] >= self._threshold]
        size = np.array([padded.shape[2], padded.shape[1]]) / scale
        return one_each([self._detection(row.astype(float), size) for row in rows], image_bgr.shape)

    def _detection(self, row: Floats, size: Floats) -> Detection:
        """The predicted box, grown to hold every keypoint that is seen."""
        corners = row[51:55].reshape(2, 2)[:, ::-1] * size
        down, across, score = row[:51].reshape(17, 3).T
        keypoints = np.stack([across * size[0], down * size[1], score], axis=1)
        points = np.concatenate([corners, keypoints[score >= self._KEYPOINT_SCORE, :2]])
        box = np.concatenate([points.min(axis=0), points.max(axis=0)])
        return Detection(box, float(row[55]), keypoints=keypoints)


class NanoDet:
    """NanoDet at 416 px, of which only the class "person" is used.

    Args:
        engine: that runs the model.
        threshold: least score of a person.
    """

    _SIDE = 416
    _STRIDES = (8, 16, 32)
    _MEAN = np.array([103.53, 116.28, 123.675], np.float32)
    _SCALE = 1 / np.array([57.375, 57.12, 58.395], np.float32)

    def __init__(self, engine: Engine, threshold: float = 0.35) -> None:
        self._engine = engine
        self._threshold = threshold
        cells = [(stride, np.indices((self._SIDE // stride,) * 2)[::-1].reshape(2, -1).T) for stride in self._STRIDES]
        self._centres = np.concatenate([(cell + 0.5) * stride for stride, cell in cells])
        self._strides = np.concatenate([np.full(len(cell), stride) for stride, cell in cells])

    def __call__(self, image_bgr: Image) -> list[Detection]:
        small, scale = shrink(image_bgr, self._SIDE)
        padded = np.zeros((self._SIDE, self._SIDE, 3), np.float32)
        padded[: small.shape[0], : small.shape[1]] = small
        planes = ((padded - self._MEAN) * self._SCALE).transpose(2, 0, 1)[None]
        outputs = self._engine.run(image=np.ascontiguousarray(planes))
        scores = outputs["scores"][0, :, 0]
        sure = np.flatnonzero(scores >= self._threshold)
        # Each side's distance is the mean of a distribution over 11 bins of one stride each (Li et al. 2020).
        bins = outputs["distances"][0, sure].reshape(-1, 4, 11)
        bins = np.exp(bins - bins.max(axis=2, keepdims=True))
        distances = (bins @ np.arange(11)) / bins.sum(axis=2) * self._strides[sure, None]
        centres = self._centres[sure]
        boxes = np.concatenate([centres - distances[:, :2], centres + distances[:, 2:]], axis=1) / scale
        found = [Detection(box, float(score)) for box, score in zip(boxes, scores[sure], strict=True)]
        return one_each(found, image_bgr.shape)
