"""Picture files that come from elsewhere: what they say of their size is looked at before they are decoded.

Some hundred bytes may ask for a picture of 30000x30000 px, which takes a decoder a minute and 5 GB.
"""

from __future__ import annotations

import struct
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

MOST_PX = 1 << 24
"""Of a picture that is decoded by default: 4096x4096."""
_PX_PER_BYTE = 10_000
"""No JPEG or PNG file says so much with a byte."""
_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8\xff"
_WITH_SIZE = {0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF}
"""JPEG's start-of-frame markers (ITU-T T.81, table B.1)."""
_MOST_SEGMENTS = 10_000
"""Of a JPEG file, before its picture begins."""


class PictureError(ValueError):
    """A file that is no picture, or too large a one; the message says which."""


def size(content: bytes | npt.NDArray[np.uint8]) -> tuple[int, int]:
    """Width and height, px, that a JPEG or PNG file states.

    Raises:
        PictureError: if it is neither.
    """
    data = bytes(content)
    if data[:8] == _PNG and len(data) >= 24:
        width, height = struct.unpack(">II", data[16:24])
        return width, height
    if data[:3] == _JPEG:
        found = _jpeg_size(data)
        if found is not None:
            return found
    raise PictureError(f"{len(data)} bytes that are no picture, expected JPEG or PNG")


def decode(content: bytes | npt.NDArray[np.uint8], flags: int, most_px: int = MOST_PX) -> npt.NDArray[Any]:
    """The picture of a JPEG or PNG file, as cv2.imdecode gives it.

    Args:
        content: of the file.
        flags: cv2.IMREAD_*.
        most_px: a file with more is refused.

    Raises:
        PictureError: if it is no such file, broken, or states more pixels than it can hold or than are taken.
    """
    width, height = size(content)
    if width * height > min(most_px, _PX_PER_BYTE * len(content)):
        raise PictureError(
            f"{len(content)} bytes that state a picture of {width}x{height} px, expected at most {most_px} px, and no "
            f"more than {_PX_PER_BYTE} for a byte"
        )
    try:
        picture = cv2.imdecode(np.frombuffer(content, np.uint8), flags)
    except cv2.error as error:
        raise PictureError(f"{len(content)} bytes that OpenCV refuses to decode: {error}") from error
    if picture is None:
        raise PictureError(f"{len(content)} bytes that are no picture, expected JPEG or PNG")
    return np.asarray(picture)


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    """The size in the largest of the frame headers, since a decoder may believe any of them."""
    largest, at = None, 2
    for _ in range(_MOST_SEGMENTS):
        at = data.find(b"\xff", at)
        if at < 0 or at + 9 > len(data):
            break
        marker = data[at + 1]
        if marker in (0x00, 0xFF):
            at += 1
            continue
        if marker in _WITH_SIZE:
            height, width = struct.unpack(">HH", data[at + 5 : at + 9])
            if largest is None or width * height > largest[0] * largest[1]:
                largest = width, height
        # Markers without a length: TEM, RST0 to RST7, SOI and EOI.
        alone = marker == 0x01 or 0xD0 <= marker <= 0xD9
        at += 2 if alone else 2 + max(struct.unpack(">H", data[at + 2 : at + 4])[0], 2)
        if marker == 0xDA:
            break
    return largest
