"""Stronger detectors for those who have a GPU: RT-DETR and YOLOX files as their own projects export them.

The classes are COCO's, of which the first is a person. A file says nothing of itself: which layout it has is seen from
the names of its inputs and outputs.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import cv2
import numpy as np
import numpy.typing as npt

from metric_pose_ros.boxes import one_each
from metric_pose_ros.engines import Engine
from metric_pose_ros.people import Detection

Floats = npt.NDArray[np.floating]
Image = npt.NDArray

_PERSON = 0


class _Plugged(ABC):
    """What the detectors share: an image goes in, scored boxes come out, the best of each person is kept.

    Args:
        engine: that runs the model.
        size: height and width that the model takes, px.
        threshold: least score of a person.
    """

    most_overlap = 0.5

    def __init__(self, engine: Engine, size: tuple[int, int], threshold: float = 0.4) -> None:
        self._engine = engine
        self._height, self._width = size
        self._threshold = threshold

    def __call__(self, image_bgr: Image) -> list[Detection]:
        boxes, scores = self._look(image_bgr)
        sure = scores >= self._threshold
        found = [Detection(box, float(score)) for box, score in zip(boxes[sure], scores[sure], strict=True)]
        return one_each(found, image_bgr.shape, self.most_overlap)

    @abstractmethod
    def _look(self, image_bgr: Image) -> tuple[Floats, Floats]:
        """(N, 4) xyxy px in the image, and (N,) scores of a person being there."""


class YoloX(_Plugged):
    """YOLOX (Ge et al. 2021): ``images`` (1, 3, H, W) -> ``output`` (1, cells, 5 + classes).

    Exports differ in who decodes the boxes; both kinds are taken.
    """

    _STRIDES = (8, 16, 32)
    _GREY = 114
    _LARGEST_LOG_SIZE = 20.0
    """Sizes in px pass this in any image, logarithms of a size never do."""

    def _look(self, image_bgr: Image) -> tuple[Floats, Floats]:
        height, width = image_bgr.shape[:2]
        scale = min(self._height / height, self._width / width)
        size = (max(round(width * scale), 1), max(round(height * scale), 1))
        padded = np.full((self._height, self._width, 3), self._GREY, np.float32)
        padded[: size[1], : size[0]] = cv2.resize(image_bgr, size, interpolation=cv2.INTER_LINEAR)
        rows = self._engine.run(images=np.ascontiguousarray(padded.transpose(2, 0, 1)[None]))["output"][0]
        centres, sizes = rows[:, :2].astype(float), rows[:, 2:4].astype(float)
        if sizes.max(initial=0) < self._LARGEST_LOG_SIZE:
            cells, strides = self._cells()
            centres, sizes = (centres + cells) * strides, np.exp(sizes) * strides
        boxes = np.concatenate([centres - sizes / 2, centres + sizes / 2], axis=1) / scale
        return boxes, rows[:, 4] * rows[:, 5 + _PERSON]

    def _cells(self) -> tuple[Floats, Floats]:
        """(cells, 2) column and row of each cell, and (cells, 1) its stride, px."""
        cells, strides = [], []
        for stride in self._STRIDES:
            rows, columns = np.indices((self._height // stride, self._width // stride))
            cells.append(np.stack([columns.ravel(), rows.ravel()], axis=1))
            strides.append(np.full((rows.size, 1), stride))
        return np.concatenate(cells), np.concatenate(strides)


class RtDetr(_Plugged):
    """RT-DETR (Zhao et al. 2024) with its own postprocessing, as D-FINE has it too.

    ``images`` (1, 3, H, W) and ``orig_target_sizes`` (1, 2) -> ``labels``, ``boxes`` xyxy px and ``scores``.
    """

    # It finds everyone once by itself, and people who stand close overlap by more than half.
    most_overlap = 0.85

    def _look(self, image_bgr: Image) -> tuple[Floats, Floats]:
        height, width = image_bgr.shape[:2]
        found = self._engine.run(
            images=_stretched(image_bgr, self._height, self._width),
            orig_target_sizes=np.array([[width, height]], np.int64),
        )
        people = found["labels"][0] == _PERSON
        return found["boxes"][0, people].astype(float), found["scores"][0, people]


class RtDetrLogits(_Plugged):
    """RT-DETR as Transformers exports it: ``pixel_values`` (1, 3, H, W) -> ``logits`` (1, queries, classes) and
    ``pred_boxes`` (1, queries, 4), centre and size as parts of the image."""

    most_overlap = RtDetr.most_overlap

    def _look(self, image_bgr: Image) -> tuple[Floats, Floats]:
        found = self._engine.run(pixel_values=_stretched(image_bgr, self._height, self._width))
        scores = 1 / (1 + np.exp(-found["logits"][0, :, _PERSON].astype(float)))
        centres, sizes = found["pred_boxes"][0, :, :2].astype(float), found["pred_boxes"][0, :, 2:].astype(float)
        size = np.tile(image_bgr.shape[1::-1], 2)
        return np.concatenate([centres - sizes / 2, centres + sizes / 2], axis=1) * size, scores


def _stretched(image_bgr: Image, height: int, width: int) -> npt.NDArray[np.float32]:
    """(1, 3, height, width) RGB in 0..1, whatever the image's own shape."""
    small = cv2.resize(image_bgr, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.ascontiguousarray(small[..., ::-1].transpose(2, 0, 1)[None].astype(np.float32) / 255)
