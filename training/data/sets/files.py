"""Reading what data sets are made of: pictures, videos and Matlab files; with errors that name the file."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any

import cv2
import numpy as np

from metric_pose_ros import picture_files
from training.data.example import Image
from training.data.sets import apart


class UnreadableError(ValueError):
    """A file that is missing, broken or something else; the message names it."""


def read_picture(path: Path) -> Image:
    """(H, W, 3) BGR, as stored: a camera's note that the picture should be turned is ignored, as the labels do.

    Raises:
        UnreadableError: if there is no such picture, or it is cut off.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UnreadableError(f"{path} cannot be read: {error.strerror}") from error
    # The decoder fills a cut-off JPEG with grey and says nothing.
    if content[:2] == b"\xff\xd8" and b"\xff\xd9" not in content[-4096:]:
        raise UnreadableError(f"{path} is cut off")
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    try:
        return np.asarray(picture_files.decode(content, flags), np.uint8)
    except picture_files.PictureError as error:
        raise UnreadableError(f"{path} holds {error}") from error


class Video:
    """A video read from front to back.

    Args:
        path: of the file.

    Raises:
        UnreadableError: if it cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise UnreadableError(f"{path} is missing")
        self.path = path
        self._capture = cv2.VideoCapture(str(path))
        self._next = 0
        if not self._capture.isOpened():
            raise UnreadableError(f"{path} is no video that can be read")

    def frame(self, index: int) -> Image:
        """(H, W, 3) BGR; indices must rise from call to call.

        Raises:
            UnreadableError: if the video ends before.
        """
        if index < self._next:
            raise ValueError(f"frame {index} of {self.path} was asked for after frame {self._next - 1}")
        while self._next <= index:
            if not self._capture.grab():
                raise UnreadableError(f"{self.path} ends after {self._next} frames, frame {index} is wanted")
            self._next += 1
        read, image = self._capture.retrieve()
        if not read:
            raise UnreadableError(f"frame {index} of {self.path} cannot be decoded")
        return np.asarray(image, np.uint8)

    def __enter__(self) -> Video:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._capture.release()


def read_matlab(path: Path, variable: str) -> Any:
    """A variable of a Matlab file up to version 7: structs as objects with attributes, cells and vectors as arrays,
    without axes of length 1.

    Raises:
        UnreadableError: if there is no such file or variable.
    """
    if not path.is_file():
        raise UnreadableError(f"{path} is missing")
    try:
        return apart.matlab(path, variable)
    except KeyError as error:
        raise UnreadableError(f"{path} has no variable {variable!r}") from error
    except ValueError as error:
        raise UnreadableError(f"{path} is no Matlab file that can be read: {error}") from error


def first_folder(root: Path, candidates: tuple[str, ...]) -> Path | None:
    """The first of the folders or files under `root` that is there."""
    return next((root / name for name in candidates if (root / name).exists()), None)
