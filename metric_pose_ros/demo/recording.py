"""What is kept of a run: the bag and the overlay video."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore


class Bag:
    """An MCAP bag as a single file, which ``ros2 bag play``, Foxglove and rosbags open.

    Args:
        path: the file; its folder must exist.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        # rosbags writes a folder with the file in it; the file alone is what people pass around.
        self._folder = path.with_suffix("")
        shutil.rmtree(self._folder, ignore_errors=True)
        self._writer = Writer(self._folder, version=9, storage_plugin=StoragePlugin.MCAP)
        self._writer.open()
        self._types = get_typestore(Stores.ROS2_JAZZY)
        self._connections: dict[str, Any] = {}

    def write(self, topic: str, kind: str, stamp_ns: int, message: bytes) -> None:
        """Keeps a message in ROS' serialization.

        Args:
            topic: such as ``/tf``.
            kind: such as ``tf2_msgs/msg/TFMessage``.
            stamp_ns: when it came.
            message: CDR bytes.
        """
        if topic not in self._connections:
            self._connections[topic] = self._writer.add_connection(topic, kind, typestore=self._types)
        self._writer.write(self._connections[topic], stamp_ns, message)

    def close(self) -> None:
        """Finishes the file."""
        self._writer.close()
        (self._folder / self._path.name).replace(self._path)
        shutil.rmtree(self._folder)


class Video:
    """An H.264 video that browsers play.

    Args:
        path: ending in ``.mp4``.
        rate: frames per second.
    """

    def __init__(self, path: Path, rate: float) -> None:
        self._container = av.open(str(path), "w")
        self._rate = rate
        self._stream: Any = None
        self.frames = 0

    def write(self, image_bgr: npt.NDArray[np.uint8]) -> None:
        """Adds a (height, width, 3) frame; odd sizes lose their last row or column, which H.264 cannot hold."""
        height, width = (size // 2 * 2 for size in image_bgr.shape[:2])
        if self._stream is None:
            self._stream = self._container.add_stream("libx264", rate=round(self._rate))
            self._stream.width, self._stream.height, self._stream.pix_fmt = width, height, "yuv420p"
            self._stream.options = {"preset": "veryfast", "crf": "23"}
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image_bgr[:height, :width]), format="bgr24")
        self._container.mux(self._stream.encode(frame))
        self.frames += 1

    def close(self) -> None:
        """Finishes the file."""
        if self._stream is not None:
            self._container.mux(self._stream.encode(None))
        self._container.close()
